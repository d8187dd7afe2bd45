import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CopyOptions } from '../../../src/api/options.js';
import { digestOf } from '../../../src/spec/digest.js';
import { exitCode } from '../../../src/cli/exit-codes.js';
import { copyAtOnce, failureOf } from '../../support/copy-run.js';
import { rule, type Fault, type Rule } from '../../support/faults.js';
import { answer, before, registryError } from '../../support/faults/answers.js';
import { dropReply } from '../../support/faults/cuts.js';
import { delay } from '../../support/faults/pace.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import { startRegistry, type LoggedRequest, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

const layer = blob(50_000, 2);
const layerDigest = digestOf(layer);
const image = imageManifest({ layers: [layer, blob(2_000, 3)] });
const other = imageManifest({ layers: [blob(700, 4)] });
const index = indexOf([{ image }, { image: other }]);
const digest = image.root.descriptor.digest;

let source: TestRegistry;
let target: TestRegistry;
const rules: { source: Rule[]; target: Rule[] } = { source: [], target: [] };

beforeEach(async () => {
  rules.source.length = 0;
  rules.target.length = 0;
  [source, target] = await Promise.all([
    startRegistry({ rules: rules.source }),
    startRegistry({ rules: rules.target }),
  ]);
  await seed(source.store('app'), image, 'v1');
  await seed(source.store('app'), index, 'multi');
});
afterEach(() => Promise.all([source.close(), target.close()]));

const tagPut = { method: 'PUT', path: /\/manifests\/(v1|multi)$/ };

function run(tag = 'v1', options: CopyOptions = {}) {
  return copyAtOnce(`${source.host}/app:${tag}`, `${target.host}/app`, options);
}

function sent(method: string, part: string | RegExp): LoggedRequest[] {
  return target.log.filter((entry) => entry.method === method && new RegExp(part).test(entry.url));
}

describe('what the registry loses while it is being filled', () => {
  it('a blob that was there when it was asked for is uploaded after all', async () => {
    await seed(target.store('app'), image);
    target.store('app').deleteManifest(digest);
    rules.target.push(
      rule(
        { ...tagPut, nth: 1 },
        before(() => void target.store('app').deleteBlob(layerDigest)),
      ),
    );
    const report = await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(report.targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3, skipped: 0 } });
  });

  it('a blob that has just been uploaded is uploaded again', async () => {
    rules.target.push(
      rule(
        { ...tagPut, nth: 1 },
        before(() => void target.store('app').deleteBlob(layerDigest)),
      ),
    );
    await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(sent('PUT', layerDigest)).toHaveLength(2);
  });

  it('a blob that has just been uploaded is uploaded again, also when others were there before', async () => {
    await seed(target.store('app'), image);
    target.store('app').deleteManifest(digest);
    target.store('app').deleteBlob(layerDigest);
    rules.target.push(
      rule(
        { ...tagPut, nth: 1 },
        before(() => void target.store('app').deleteBlob(layerDigest)),
      ),
    );
    await run();
    await expectSame(target.store('app'), image, 'v1');
  });

  it('a platform that was there, and its blobs, are written again, however deep they are', async () => {
    const nested = indexOf([{ image: index }]);
    await seed(source.store('app'), nested, 'multi');
    await seed(target.store('app'), index);
    const collect = (): void => {
      for (const { descriptor } of index.manifests) target.store('app').deleteManifest(descriptor.digest);
      for (const gone of index.blobs.keys()) target.store('app').deleteBlob(gone);
    };
    rules.target.push(rule({ ...tagPut, nth: 1 }, before(collect)));
    const report = await run('multi');
    await expectSame(target.store('app'), nested, 'multi');
    expect(report.targets[0]?.manifests).toEqual({ copied: 4, skipped: 0 });
  });

  it('again and again ends the copy', async () => {
    const collect = rule(
      tagPut,
      before(() => void target.store('app').deleteBlob(layerDigest)),
    );
    rules.target.push(collect);
    const error = await failureOf(run());
    expect(error.registryCodes).toContain('MANIFEST_BLOB_UNKNOWN');
    expect(collect.hits).toBe(2);
    expect(target.store('app').tagged('v1')).toBeUndefined();
  });
});

describe('a mount', () => {
  const mount = { method: 'POST', path: /\?mount=/ };
  function within(options: CopyOptions = {}) {
    return copyAtOnce(`${source.host}/app:v1`, `${source.host}/mirror/app`, options);
  }

  it('moves no byte', async () => {
    const report = await within();
    await expectSame(source.store('mirror/app'), image, 'v1');
    expect(report.targets[0]).toMatchObject({ blobs: { mounted: 3 }, bytes: { copied: 0 } });
  });

  it.each<[string, Fault]>([
    [
      'is answered with an upload',
      before((request) => void (request.url = request.url?.replace('mount=', 'no='))),
    ],
    ['is refused with 401', registryError(401, 'UNAUTHORIZED')],
    ['is refused with 403', registryError(403, 'DENIED')],
    ['is refused with 404', registryError(404, 'NAME_UNKNOWN')],
    ['is refused with 405', answer(405)],
  ])('that %s becomes an upload', async (_what, fault) => {
    const refusing = rule(mount, fault);
    rules.source.push(refusing);
    const report = await within();
    expect(refusing.hits).toBe(3);
    await expectSame(source.store('mirror/app'), image, 'v1');
    expect(report.targets[0]).toMatchObject({ blobs: { copied: 3, mounted: 0 } });
  });

  it('that lied is found out by the manifest, and becomes an upload', async () => {
    const lying = rule(mount, answer(201, { headers: { location: '/v2/mirror/app/blobs/sha256:0' } }));
    rules.source.push(lying);
    const report = await within();
    expect(lying.hits).toBe(3);
    await expectSame(source.store('mirror/app'), image, 'v1');
    expect(report.targets[0]).toMatchObject({ blobs: { copied: 3, mounted: 0 }, verified: 'bytes' });
  });

  it('to a second repository follows one upload to the first', async () => {
    await copyAtOnce(`${source.host}/app:v1`, [`${target.host}/one:v1`, `${target.host}/two:v1`]);
    await expectSame(target.store('one'), image, 'v1');
    await expectSame(target.store('two'), image, 'v1');
    expect(sent('PUT', layerDigest)).toHaveLength(1);
  });
});

describe('the same blob', () => {
  it('that twenty manifests need moves once', async () => {
    const twenty = Array.from({ length: 20 }, (_, at) =>
      imageManifest({ layers: [layer, blob(100 + at, at)] }),
    );
    const many = indexOf(twenty.map((one) => ({ image: one })));
    await seed(source.store('app'), many, 'multi');
    await run('multi');
    await expectSame(target.store('app'), many, 'multi');
    expect(sent('POST', layerDigest)).toHaveLength(1);
    expect(sent('PUT', layerDigest)).toHaveLength(1);
    expect(source.log.filter(({ url }) => url.includes(layerDigest))).toHaveLength(1);
  });
});

describe('several copies at once', () => {
  it('of the same image to the same tag all succeed', async () => {
    rules.target.push(rule({ method: ['PUT', 'POST'] }, delay(5)));
    const reports = await Promise.all([run('multi'), run('multi'), run('multi')]);
    expect(reports.map(({ ok }) => ok)).toEqual([true, true, true]);
    await expectSame(target.store('app'), index, 'multi');
  });

  it('of two images to the same tag leave one of them, whole', async () => {
    await seed(source.store('other'), other, 'v1');
    const work = [run(), copyAtOnce(`${source.host}/other:v1`, `${target.host}/app`)];
    const outcomes = await Promise.allSettled(work);
    const held = target.store('app').tagged('v1');
    const won = [image, other].find(({ root }) => root.descriptor.digest === held);
    expect(won).toBeDefined();
    await expectSame(target.store('app'), won ?? image, 'v1');
    // Who comes second may find the other's tag at the read-back; nothing else may go wrong.
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'E_TAG_MOVED' });
    }
  });
});

describe("a source's tag that moves", () => {
  it('while its platforms are read leaves the copy with what it began with', async () => {
    const move = before(() => source.store('app').tag(other.root, 'multi'));
    const moving = rule({ method: 'GET', path: new RegExp(`manifests/${digest}`) }, move);
    rules.source.push(moving);
    const report = await run('multi');
    expect(moving.hits).toBe(1);
    expect(report.source.digest).toBe(index.root.descriptor.digest);
    await expectSame(target.store('app'), index, 'multi');
  });
});

describe("a target's tag that moves", () => {
  it('after it was written is reported, and left', async () => {
    await seed(target.store('app'), other);
    const move = before(() => target.store('app').tag(other.root, 'v1'));
    rules.target.push(rule({ method: 'GET', path: /\/manifests\/v1$/ }, move));
    const error = await failureOf(run());
    expect([error.code, exitCode(error.code)]).toEqual(['E_TAG_MOVED', 8]);
    expect(target.store('app').tagged('v1')).toBe(other.root.descriptor.digest);
  });
});

describe('an immutable tag', () => {
  const refusals: readonly [string, Fault][] = [
    [
      'ECR',
      registryError(
        400,
        'TAG_INVALID',
        'The image tag v1 already exists and cannot be overwritten because the tag is immutable.',
      ),
    ],
    [
      'Harbor',
      registryError(412, 'PRECONDITION', 'Failed to process request due to app:v1 configured as immutable.'),
    ],
    ['Quay', registryError(409, 'TAG_IMMUTABLE')],
    ['ACR', registryError(405, 'REGISTRY_DISALLOWED_OPERATION')],
  ];

  it.each(refusals)('at %s that has the digest already is a success', async (_name, refusal) => {
    // The first write is done and its answer lost, so that the second one meets the tag.
    const lost = rule({ ...tagPut, nth: 1 }, dropReply());
    const refusing = rule({ ...tagPut, nth: 2, times: 9 }, refusal);
    rules.target.push(lost, refusing);
    const report = await run();
    expect([lost.hits, refusing.hits]).toEqual([1, 1]);
    expect(report.targets[0]).toMatchObject({ verified: 'bytes' });
    await expectSame(target.store('app'), image, 'v1');
  });

  it.each(refusals)('at %s that has another one is a guard', async (_name, refusal) => {
    await seed(target.store('app'), other, 'v1');
    const refusing = rule(tagPut, refusal);
    rules.target.push(refusing);
    const error = await failureOf(run());
    expect([error.code, exitCode(error.code)]).toEqual(['E_IMMUTABLE_TAG', 8]);
    expect(refusing.hits).toBe(1);
    expect(target.store('app').tagged('v1')).toBe(other.root.descriptor.digest);
  });

  it('that has the digest already is not even written', async () => {
    await seed(target.store('app'), image, 'v1');
    const report = await run();
    expect(report.targets[0]).toMatchObject({ changed: false, verified: 'header' });
    expect(sent('PUT', '')).toHaveLength(0);
  });
});

describe('the order of things', () => {
  it('is blobs, then platforms, then the index under its tag', async () => {
    await run('multi');
    const order = target.log.flatMap(({ method, url, status }) => {
      if (method !== 'PUT' || status !== 201) return [];
      return [url.includes('/uploads/') ? 'blob' : url.includes('/manifests/sha256:') ? 'platform' : 'tag'];
    });
    const last = (what: string): number => order.lastIndexOf(what);
    expect(order.indexOf('tag')).toBe(order.length - 1);
    expect(last('platform')).toBeLessThan(last('tag'));
    for (const one of [image, other]) expectBlobsFirst(one);
  });

  function expectBlobsFirst(one: FixtureImage): void {
    const written = target.log.filter(({ method }) => method === 'PUT').map(({ url }) => url);
    const manifest = written.findIndex((url) => url.includes(`/manifests/${one.root.descriptor.digest}`));
    for (const each of one.blobs.keys()) {
      expect(written.findIndex((url) => url.includes(each))).toBeLessThan(manifest);
    }
  }
});

describe('a network that is gone from one request on', () => {
  it.each(['source', 'target'] as const)(
    'leaves the tag of the target whole, whichever at the %s it was',
    async (side) => {
      await seed(target.store('app'), other, 'multi');
      const previous = other.root.descriptor.digest;
      for (let nth = 1; ; nth += 1) {
        const gone = rule({ nth, times: Infinity }, dropReply());
        rules[side].splice(0, Infinity, gone);
        const outcome = await run('multi', { retries: 0 }).catch((error: unknown) => error);
        const held = target.store('app').tagged('multi');
        if (held !== previous) {
          expect(held).toBe(index.root.descriptor.digest);
          await expectSame(target.store('app'), index, 'multi');
          // Everything that came after was for the read-back, or nothing came after.
          if (gone.hits === 0) expect(outcome).toMatchObject({ ok: true });
          expect(nth).toBeGreaterThan(3);
          return;
        }
        expect(outcome).toMatchObject({ code: 'E_CUT' });
        expect(gone.hits).toBeGreaterThan(0);
        // What has arrived stays, so the next round gets further: make it start from nothing again.
        for (const { descriptor } of index.manifests) target.store('app').deleteManifest(descriptor.digest);
        for (const each of index.blobs.keys()) target.store('app').deleteBlob(each);
        await seed(target.store('app'), other, 'multi');
      }
    },
  );
});
