import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CopyOptions } from '../../../src/api/options.js';
import { openLayout } from '../../../src/content/layout-store.js';
import { MemoryStore } from '../../../src/content/memory-store.js';
import { digestOf } from '../../../src/spec/digest.js';
import { copyAtOnce, failureOf } from '../../support/copy-run.js';
import { layered, rule, usedUp, type Fault, type Rule } from '../../support/faults.js';
import { answer, before, redirect, registryError } from '../../support/faults/answers.js';
import { corruptResponse } from '../../support/faults/bodies.js';
import { cutResponse, stallResponse, type By } from '../../support/faults/cuts.js';
import { omitHeaders, setHeaders, unframed } from '../../support/faults/headers.js';
import { throttleResponse } from '../../support/faults/pace.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry, type LoggedRequest, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

const MiB = 1024 * 1024;
const layer = blob(400_000, 2);
const image = imageManifest({ layers: [layer] });
const largeLayer = blob(8 * MiB, 3);
const large = imageManifest({ layers: [largeLayer] });

let source: TestRegistry;
let target: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [source, target] = await Promise.all([startRegistry({ rules }), startRegistry()]);
  await seed(source.store('app'), image, 'v1');
  await seed(source.store('app'), large, 'large');
});
afterEach(() => Promise.all([source.close(), target.close()]));

const ofLayer = { method: 'GET', path: new RegExp(digestOf(layer)) };
const rest = { ...ofLayer, when: ({ headers }: { headers: object }) => 'range' in headers };
const anyBlob = { method: 'GET', path: /\/blobs\// };

function run(tag = 'v1', options: CopyOptions = {}) {
  return copyAtOnce(`${source.host}/app:${tag}`, `${target.host}/app`, options);
}

function downloads(): LoggedRequest[] {
  return source.log.filter(({ url }) => url.includes(digestOf(layer)));
}

function uploads(): LoggedRequest[] {
  return target.log.filter(({ method, url }) => method === 'PUT' && url.includes(digestOf(layer)));
}

describe('a download that is cut', () => {
  it.each(
    [1, layer.length / 2, layer.length - 1].flatMap((after) => [
      [after, 'fin'],
      [after, 'rst'],
    ]) as [number, By][],
  )('at byte %i by %s goes on there, into the same upload', async (after, by) => {
    rules.push(rule({ ...ofLayer, nth: 1 }, cutResponse({ after, by })));
    await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(downloads()).toHaveLength(2);
    const range = /^bytes=(\d+)-$/.exec(downloads()[1]?.headers.range ?? '');
    // A reset may overtake the last bytes, and then they are asked for again.
    if (by === 'fin') expect(Number(range?.[1])).toBe(after);
    else expect(Number(range?.[1] ?? 0)).toBeLessThanOrEqual(after);
    expect(uploads().map(({ bytesIn }) => bytesIn)).toEqual([layer.length]);
  });

  it('where nothing but the close tells its end goes on as well', async () => {
    const cut = layered([unframed(), cutResponse({ after: 200_000, by: 'fin' })]);
    rules.push(rule({ ...ofLayer, nth: 1 }, cut));
    await run();
    await expectSame(target.store('app'), image, 'v1');
    const range = /^bytes=(\d+)-$/.exec(downloads()[1]?.headers.range ?? '');
    expect(Number(range?.[1])).toBeGreaterThan(100_000);
    expect(uploads()).toHaveLength(1);
  });

  it('before its first byte is asked for again as a whole', async () => {
    rules.push(rule({ ...ofLayer, nth: 1 }, cutResponse({ after: 0, by: 'fin' })));
    await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(downloads().map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
    expect(uploads()).toHaveLength(1);
  });

  it('goes on as often as it takes, as long as each try moves 1 MiB', async () => {
    const ofLarge = { ...anyBlob, path: new RegExp(digestOf(largeLayer)) };
    const cut = rule(ofLarge, cutResponse({ after: 1.25 * MiB, by: 'fin' }));
    rules.push(cut);
    await run('large', { retries: 1 });
    await expectSame(target.store('app'), large, 'large');
    expect(cut.hits).toBe(7);
  });

  it('is given up when the tries move less', async () => {
    const cut = rule(ofLayer, cutResponse({ after: 100_000, by: 'fin' }));
    rules.push(cut);
    const error = await failureOf(run('v1', { retries: 2 }));
    expect(error).toMatchObject({ code: 'E_CUT', side: 'source' });
    expect(cut.hits).toBe(3);
    expect(target.store('app').tagged('v1')).toBeUndefined();
  });

  it('while it goes into an upload in chunks goes on as well', async () => {
    rules.push(rule({ ...ofLayer, nth: 1, times: 3 }, cutResponse({ after: 90_000, by: 'fin' })));
    await run('v1', { chunkSize: 50_000 });
    await expectSame(target.store('app'), image, 'v1');
    expect(target.log.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it('while a platform is looked up in a config is asked for again', async () => {
    const cut = rule({ ...anyBlob, nth: 1 }, cutResponse({ after: 20, by: 'rst' }));
    const wrong = rule({ ...anyBlob, nth: 2 }, corruptResponse({ at: 0 }));
    rules.push(cut, wrong);
    await run('v1', { platform: 'linux/amd64' });
    expect([cut.hits, wrong.hits]).toEqual([1, 1]);
    await expectSame(target.store('app'), image, 'v1');
  });
});

describe('a download that goes on at a server that', () => {
  const ignoresRange = before((request) => {
    delete request.headers.range;
  });
  it.each<[string, Fault]>([
    ['ignores Range', ignoresRange],
    ['answers another range', before((request) => void (request.headers.range = 'bytes=7-'))],
    ['answers the range of another blob', setHeaders({ 'content-range': 'bytes 200000-399999/500000' })],
    [
      'answers several ranges',
      setHeaders({ 'content-type': 'multipart/byteranges; boundary=x', 'content-range': '' }),
    ],
    ['does not say which range it answers', omitHeaders('content-range')],
    ['says that there is no such range', registryError(416, 'RANGE_INVALID')],
  ])('%s reads it from the start and drops what it has', async (_what, fault) => {
    const cut = rule({ ...ofLayer, nth: 1 }, cutResponse({ after: layer.length / 2, by: 'fin' }));
    const odd = rule(rest, fault);
    rules.push(cut, odd);
    await run();
    expect([cut.hits, odd.hits]).toEqual([1, 1]);
    // What is odd is not taken: the whole is asked for, unless it came already.
    expect(downloads().at(-1)?.headers.range).toBe(undefined);
    await expectSame(target.store('app'), image, 'v1');
    expect(uploads().map(({ bytesIn }) => bytesIn)).toEqual([layer.length]);
  });
});

describe('a download from a storage host', () => {
  let storage: TestRegistry;
  const storageRules: Rule[] = [];
  let signatures: number;

  beforeEach(async () => {
    storageRules.length = 0;
    signatures = 0;
    storage = await startRegistry({ storage: source.storage, rules: storageRules });
    rules.push(
      rule(
        anyBlob,
        redirect(({ url = '' }) => `${storage.url}${url}?signature=${(signatures += 1)}`),
      ),
    );
  });
  afterEach(() => storage.close());

  it('whose links expire goes on by a new link', async () => {
    const expired = rule(
      { when: usedUp(1) },
      answer(403, { body: '<Error><Code>AccessDenied</Code></Error>' }),
    );
    const cut = rule({ ...ofLayer, nth: 1 }, cutResponse({ after: 100_000, by: 'fin' }));
    storageRules.push(expired, cut);
    await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(expired.hits).toBe(0);
    const links = storage.log.filter(({ url }) => url.includes(digestOf(layer)));
    expect(links.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-']);
    expect(new Set(links.map(({ url }) => url)).size).toBe(2);
  });

  it.each([400, 401, 403])('that finds a link expired (%i) is asked by another one', async (status) => {
    const expired = rule(
      { ...anyBlob, nth: 1 },
      answer(status, { body: '<Error><Code>ExpiredToken</Code></Error>' }),
    );
    storageRules.push(expired);
    await run();
    expect(expired.hits).toBe(1);
    await expectSame(target.store('app'), image, 'v1');
  });

  it('that is out of order for a moment is asked again', async () => {
    const unavailable = rule({ ...anyBlob, nth: 1, times: 3 }, answer(503));
    storageRules.push(unavailable);
    await run();
    expect(unavailable.hits).toBe(3);
    await expectSame(target.store('app'), image, 'v1');
  });
});

describe('a download that arrives corrupt', () => {
  it.each(['in one request', 'in chunks'])(
    'is fetched again, and its upload %s begins again',
    async (how) => {
      const wrong = rule({ ...ofLayer, nth: 1 }, corruptResponse({ at: layer.length - 1 }));
      rules.push(wrong);
      await run('v1', how === 'in chunks' ? { chunkSize: 100_000 } : {});
      await expectSame(target.store('app'), image, 'v1');
      expect(downloads().map(({ headers }) => headers.range)).toEqual([undefined, undefined]);
      const whole = target.log.filter(({ method, status }) => method === 'PUT' && status === 201);
      // The config, the layer and the manifest: nothing else was ever complete.
      expect(whole).toHaveLength(3);
    },
  );

  it('is fetched again for a layout folder', async () => {
    const folder = makeTempFolder('corrupt');
    try {
      rules.push(rule({ ...ofLayer, nth: 1, times: 2 }, corruptResponse({ at: 5 })));
      await copyAtOnce(`${source.host}/app:v1`, `oci:${folder}/layout:v1`);
      await expectSame(await openLayout(`${folder}/layout`, { access: 'read' }), image, 'v1');
    } finally {
      removeTempFolder(folder);
    }
  });

  it('is fetched again for a store in memory', async () => {
    rules.push(rule({ ...ofLayer, nth: 1, times: 2 }, corruptResponse({ at: 5 })));
    const store = new MemoryStore();
    await copyAtOnce(`${source.host}/app:v1`, { store, tag: 'v1' });
    await expectSame(store, image, 'v1');
  });

  it('three times is given up', async () => {
    const wrong = rule(ofLayer, corruptResponse({ at: 5 }));
    rules.push(wrong);
    const error = await failureOf(run());
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
    expect(wrong.hits).toBe(3);
  });

  it('after it was cut is fetched from the start', async () => {
    rules.push(
      rule(
        { ...ofLayer, nth: 1 },
        layered([cutResponse({ after: 90_000, by: 'fin' }), corruptResponse({ at: 3 })]),
      ),
    );
    await run();
    await expectSame(target.store('app'), image, 'v1');
    expect(downloads().map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=90000-', undefined]);
  });

  it('in nothing but its label is taken as it is: no Content-Encoding is ever decoded', async () => {
    rules.push(rule(ofLayer, setHeaders({ 'content-encoding': 'gzip' })));
    await run();
    await expectSame(target.store('app'), image, 'v1');
  });
});

describe('a download that', () => {
  it('moves slowly is never cut', async () => {
    rules.push(rule(ofLayer, throttleResponse({ bytes: 2_000, everyMs: 10 })));
    const report = await run('v1', { idleTimeoutMs: 300, retries: 0 });
    expect(report.durationMs).toBeGreaterThan(1_500);
    await expectSame(target.store('app'), image, 'v1');
  });

  it('stalls again and again is given up in the end, as the time-out that it is', async () => {
    rules.push(rule(ofLayer, stallResponse({ after: 1_000 })));
    const error = await failureOf(run('v1', { idleTimeoutMs: 100, retries: 1 }));
    expect(error).toMatchObject({ code: 'E_TIMEOUT', side: 'source' });
  });
});
