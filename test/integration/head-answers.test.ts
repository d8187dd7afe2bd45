import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copy, createReceipt, digest, plan, promote, undo } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Fault, type Rule } from '../support/faults.js';
import { answer, redirect, registryError } from '../support/faults/answers.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';

const image = (seed: number) => imageManifest({ layers: [blob(500, seed)] });
const [next, old] = [image(1), image(2)];
const digestOf = (one: typeof next): string => one.root.descriptor.digest;

let registry: TestRegistry;
/** Answers 403 to everything, as a storage does to a HEAD of a link that is signed for GET. */
let storage: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  storage = await startRegistry({ rules: [rule({}, answer(403))] });
  registry = await startRegistry({ rules });
  await seed(registry.store('app'), next, 'build-1');
  await seed(registry.store('app'), old, 'prod');
});
afterEach(() => Promise.all([registry.close(), storage.close()]));

const named = (tag: string): string => `${registry.host}/app:${tag}`;
const tagged = (tag: string): string | undefined => registry.store('app').tagged(tag);
const asked = (tag: string): string[] =>
  registry.log.filter(({ url }) => url === `/v2/app/manifests/${tag}`).map(({ method }) => method);

/** Every HEAD of a manifest that these names are in is answered so, and no GET. */
function headed(fault: Fault, names = /manifests\//): void {
  rules.push(rule({ method: 'HEAD', path: names }, fault));
}

const answers: { what: string; fault: () => Fault }[] = [
  ...[400, 401, 403, 405, 409].map((status) => ({ what: String(status), fault: () => answer(status) })),
  {
    what: 'a redirect to a storage whose link is for GET',
    fault: () => redirect(`${storage.url}/signed?x=1`),
  },
  { what: '404 without a word of a registry', fault: () => answer(404) },
  { what: 'a page', fault: () => answer(200, { headers: { 'content-type': 'text/html' } }) },
];
const deceits = [
  ...answers,
  { what: '404 as a registry gives it', fault: () => registryError(404, 'MANIFEST_UNKNOWN', '', HONEST) },
];
const HONEST = { headers: { 'Docker-Distribution-Api-Version': 'registry/2.0' } };

describe.each(deceits)('where HEAD is answered with $what, and GET as ever,', ({ fault }) => {
  beforeEach(() => headed(fault()));

  it('a digest is that of the bytes, for one GET', async () => {
    expect(await digest(named('prod'))).toMatchObject({ digest: digestOf(old) });
    expect(asked('prod').at(-1)).toBe('GET');
    expect(asked('prod').filter((method) => method === 'GET')).toHaveLength(1);
  });

  it('what is absent is absent, in the words of the registry, for one GET', async () => {
    expect(await failureOf(digest(named('none')))).toMatchObject({
      code: 'E_NOT_FOUND',
      registryCodes: ['MANIFEST_UNKNOWN'],
    });
    expect(asked('none').filter((method) => method === 'GET')).toHaveLength(1);
  });

  it('guards see what is there', async () => {
    const guarded = (guards: object, tag = 'prod') => copy(named('build-1'), named(tag), { guards });
    expect(await failureOf(guarded({ noClobber: true }))).toMatchObject({ code: 'E_GUARD' });
    expect(await failureOf(guarded({ ifTarget: 'absent' }))).toMatchObject({ code: 'E_GUARD' });
    expect(tagged('prod')).toBe(digestOf(old));
    await guarded({ ifTarget: digestOf(old) });
    expect(tagged('prod')).toBe(digestOf(next));
    await guarded({ noClobber: true }, 'fresh');
    expect(tagged('fresh')).toBe(digestOf(next));
  });

  it('a promotion records what was there, and can be undone', async () => {
    const report = await promote(named('build-1'), ['prod', 'fresh']);
    expect(report.targets).toMatchObject([{ previous: digestOf(old) }, { previous: null }]);
    const { predicate } = createReceipt(report);
    await undo({ predicate: { tags: predicate.tags.slice(0, 1) } });
    expect(tagged('prod')).toBe(digestOf(old));
  });

  it('a plan is bound to what is there', async () => {
    const made = await plan(named('build-1'), [named('prod'), named('fresh')]);
    expect(made.targets).toMatchObject([{ previous: digestOf(old) }, { previous: null }]);
  });
});

describe.each(answers)('a copy without a guard, where HEAD is answered with $what,', ({ fault }) => {
  it('is made, and tells what was there', async () => {
    headed(fault());
    const report = await copy(named('build-1'), named('prod'));
    expect(report.targets).toMatchObject([{ changed: true, previous: digestOf(old), verified: 'bytes' }]);
    expect((await copy(named('build-1'), named('prod'))).targets).toMatchObject([{ changed: false }]);
  });
});

describe('a HEAD of content that is refused', () => {
  it.each([400, 403, 405, 409])('with %i keeps no copy from being made', async (status) => {
    const index = indexOf([{ image: image(3) }, { image: image(4) }]);
    await seed(registry.store('lists'), index, '1');
    const target = await startRegistry({
      rules: [rule({ method: 'HEAD', path: /blobs\/sha256:|manifests\/sha256:/ }, answer(status))],
    });
    try {
      // A tag that is there already has every blob asked for.
      await seed(target.store('lists'), old, '1');
      await copy(`${registry.host}/lists:1`, `${target.host}/lists:1`);
      await expectSame(target.store('lists'), index, '1');
      // The read-back; and each child where HEAD is not known at all, so that the GET is its stand-in.
      const reads = target.log.filter(({ method }) => method === 'GET').length;
      expect(reads).toBe(status === 405 ? 3 : 1);
    } finally {
      await target.close();
    }
  });
});

describe('what GET refuses, too,', () => {
  it.each([
    [401, 'E_UNAUTHORIZED'],
    [403, 'E_DENIED'],
  ])('with %i is unknown: enough to go on, not enough for a guard', async (status, code) => {
    rules.push(rule({ method: ['HEAD', 'GET'], path: /manifests\/prod$/, times: 2, nth: 1 }, answer(status)));
    const guards = { noClobber: true };
    expect(await failureOf(copy(named('build-1'), named('prod'), { guards }))).toMatchObject({ code });
    expect(tagged('prod')).toBe(digestOf(old));
    rules.length = 0;
    rules.push(rule({ method: ['HEAD', 'GET'], path: /manifests\/prod$/, times: 2, nth: 1 }, answer(status)));
    const { targets } = await copy(named('build-1'), named('prod'));
    expect(targets).toMatchObject([{ changed: true, verified: 'bytes' }]);
    expect(targets[0]).not.toHaveProperty('previous');
  });
});

describe('an immutable tag', () => {
  it('that HEAD does not tell is asked for by GET', async () => {
    headed(answer(404), /manifests\/prod$/);
    rules.push(rule({ method: 'PUT', path: /manifests\/prod$/ }, registryError(400, 'TAG_INVALID')));
    expect(await failureOf(copy(named('build-1'), named('prod')))).toMatchObject({ code: 'E_IMMUTABLE_TAG' });
  });
});

describe('a new tag', () => {
  it('costs a plain copy one HEAD where a registry says that it is absent', async () => {
    const report = await copy(named('build-1'), named('fresh'));
    expect(report.targets).toMatchObject([{ previous: null }]);
    expect(asked('fresh')).toEqual(['HEAD', 'PUT', 'GET']);
  });

  it('costs a promotion one GET more at each look', async () => {
    await promote(named('build-1'), 'fresh');
    expect(asked('fresh')).toEqual(['HEAD', 'GET', 'HEAD', 'GET', 'PUT', 'GET']);
  });
});
