import { setImmediate } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CopyOptions } from '../../../src/api/options.js';
import { digestOf } from '../../../src/spec/digest.js';
import { copyAtOnce, failureOf, noWaits } from '../../support/copy-run.js';
import { bodyOver, rule, type Fault, type Rule } from '../../support/faults.js';
import { answer, hang, registryError } from '../../support/faults/answers.js';
import { corruptRequest } from '../../support/faults/bodies.js';
import { cutRequest, dropReply, stallRequest, type By } from '../../support/faults/cuts.js';
import { changeHeaders } from '../../support/faults/headers.js';
import { delayAnswer } from '../../support/faults/pace.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry, type LoggedRequest, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

const MiB = 1024 * 1024;
const layer = blob(400_000, 2);
const image = imageManifest({ layers: [layer] });
const layerDigest = digestOf(layer);
const chunkSize = 100_000;

let source: TestRegistry;
let target: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [source, target] = await Promise.all([startRegistry(), startRegistry({ rules })]);
  await seed(source.store('app'), image, 'v1');
});
afterEach(async () => {
  expectNoSecondWrites();
  await Promise.all([source.close(), target.close()]);
});

const put = { method: 'PUT', path: new RegExp(`digest=${layerDigest}`) };
const patch = { method: 'PATCH' };

async function run(options: CopyOptions = {}): Promise<void> {
  const report = await copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, options);
  expect(report.targets[0]?.verified).toBe('bytes');
  await expectSame(target.store('app'), image, 'v1');
}

function requests(method: string): LoggedRequest[] {
  return target.log.filter((entry) => entry.method === method);
}

/** Requests by the upload session that they belong to. */
function sessions(): LoggedRequest[][] {
  const found = new Map<string, LoggedRequest[]>();
  for (const entry of target.log) {
    const id = /\/uploads\/([^?]+)/.exec(entry.url)?.[1];
    if (id !== undefined) found.set(id, [...(found.get(id) ?? []), entry]);
  }
  return [...found.values()];
}

/** A session that was cancelled is dead, and so is one whose closing PUT did not come through. */
function expectNoSecondWrites(): void {
  for (const session of sessions()) {
    const methods = session.map(({ method }) => method);
    const ends = methods.findIndex((method) => method === 'DELETE' || method === 'PUT');
    const after = ends === -1 ? [] : methods.slice(ends + 1);
    expect(after.filter((method) => method !== 'DELETE')).toEqual([]);
  }
}

describe('an upload in one request that is cut', () => {
  it.each<[By, number]>([
    ['fin', 0],
    ['fin', 200_000],
    ['rst', 200_000],
    ['rst', 399_999],
  ])('by %s after %i bytes is cancelled and starts afresh', async (by, after) => {
    rules.push(rule({ ...put, nth: 1 }, cutRequest({ after, by })));
    await run();
    const writes = sessions().filter((session) => session.some(({ url }) => url.includes(layerDigest)));
    expect(writes.map((session) => session.map(({ method }) => method))).toEqual([
      ['PUT', 'DELETE'],
      ['PUT'],
    ]);
  });

  it('after its last byte is settled by asking', async () => {
    rules.push(rule({ ...put, nth: 1 }, dropReply()));
    await run();
    expect(requests('PUT').filter(({ url }) => url.includes(layerDigest))).toHaveLength(1);
    const source1 = source.log.filter(({ url }) => url.includes(layerDigest));
    expect(source1).toHaveLength(1);
  });

  it('is given up when there are no tries left, and the tag is not written', async () => {
    const cut = rule(put, cutRequest({ after: 200_000, by: 'rst' }));
    rules.push(cut);
    const error = await failureOf(copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, { retries: 2 }));
    expect(error).toMatchObject({ code: 'E_CUT', side: 'target' });
    expect(cut.hits).toBe(3);
    expect(requests('PUT').some(({ url }) => url.includes('/manifests/'))).toBe(false);
  });
});

describe('an upload in chunks', () => {
  it('of which one did not arrive goes on in its session', async () => {
    rules.push(rule({ ...patch, nth: 3 }, cutRequest({ after: 0, by: 'rst' })));
    await run({ chunkSize });
    const [session] = sessions().filter((all) => all.some(({ method }) => method === 'PATCH'));
    expect(session?.map(({ method }) => method)).toEqual([
      'PATCH',
      'PATCH',
      'PATCH',
      'GET',
      'PATCH',
      'PATCH',
      'PUT',
    ]);
    expect(requests('POST')).toHaveLength(2);
  });

  it('of which one was answered 503 goes on in its session', async () => {
    rules.push(rule({ ...patch, nth: 2, times: 2 }, answer(503)));
    await run({ chunkSize });
    expect(requests('POST')).toHaveLength(2);
    const sent = requests('PATCH').map(({ headers }) => headers['content-range']);
    const second = '100000-199999';
    expect(sent).toEqual(['0-99999', second, second, second, '200000-299999', '300000-399999']);
  });

  it('whose answer was lost sends no byte again', async () => {
    rules.push(rule({ ...patch, nth: 2 }, dropReply()));
    await run({ chunkSize });
    const sent = requests('PATCH').map(({ headers }) => headers['content-range']);
    expect(sent).toEqual(['0-99999', '100000-199999', '200000-299999', '300000-399999']);
    expect(requests('POST')).toHaveLength(2);
  });

  it.each<[string, number, Fault]>([
    ['of which a part arrived', 2, cutRequest({ after: 50_000, by: 'rst' })],
    ['of which the first was cut', 1, cutRequest({ after: 50_000, by: 'fin' })],
    ['whose session is lost', 3, registryError(404, 'BLOB_UPLOAD_UNKNOWN')],
    ['whose session is lost without a word', 3, answer(404)],
    ['whose session is lost, in the words of another registry', 3, registryError(400, 'BLOB_UPLOAD_INVALID')],
    ['that is out of step', 3, registryError(416, 'RANGE_INVALID')],
  ])('%s and whose registry confirms nothing else starts afresh', async (_what, nth, fault) => {
    const broken = rule({ ...patch, nth }, fault);
    const silent = rule({ method: 'GET', path: /\/uploads\// }, registryError(404, 'BLOB_UPLOAD_INVALID'));
    rules.push(broken, silent);
    await run({ chunkSize });
    expect(broken.hits).toBe(1);
    expect(requests('POST')).toHaveLength(3);
    expect(requests('DELETE')).toHaveLength(1);
  });

  it('of which a part arrived goes on behind it', async () => {
    rules.push(rule({ ...patch, nth: 2 }, cutRequest({ after: 50_000, by: 'fin' })));
    await run({ chunkSize });
    expect(requests('POST')).toHaveLength(2);
    const sent = requests('PATCH').map(({ headers }) => headers['content-range']);
    expect(sent.slice(0, 3)).toEqual(['0-99999', '100000-199999', '150000-199999']);
  });

  it.each(['0-0', '0--1', 'bytes=0-49999', 'nonsense', ''])(
    'does not go on at an offset told as "%s"',
    async (range) => {
      rules.push(rule({ ...patch, nth: 2 }, cutRequest({ after: 0, by: 'rst' })));
      const status = rule(
        { method: 'GET', path: /\/uploads\// },
        changeHeaders((headers) => ({ ...headers, range })),
      );
      rules.push(status);
      await run({ chunkSize });
      expect(status.hits).toBe(1);
      expect(requests('POST')).toHaveLength(3);
    },
  );

  it('follows the newest Location, whatever state it carries', async () => {
    const stateful = await startRegistry({ uploadState: true });
    try {
      await copyAtOnce(`${source.host}/app:v1`, `${stateful.host}/app`, { chunkSize });
      expect(stateful.log.filter(({ method }) => method === 'PATCH').map(({ status }) => status)).toEqual([
        202, 202, 202, 202,
      ]);
      await expectSame(stateful.store('app'), image, 'v1');
    } finally {
      await stateful.close();
    }
  });

  it('whose closing answer was lost is settled by asking', async () => {
    rules.push(rule({ ...put, nth: 1 }, dropReply('fin')));
    await run({ chunkSize });
    expect(requests('POST')).toHaveLength(2);
  });

  it('keeps to the least size of a chunk that the registry names', async () => {
    const strict = await startRegistry({ chunkMinLength: 150_000 });
    try {
      await copyAtOnce(`${source.host}/app:v1`, `${strict.host}/app`, { chunkSize });
      const sent = strict.log.filter(({ method }) => method === 'PATCH');
      expect(sent.map(({ bytesIn }) => bytesIn)).toEqual([150_000, 150_000, 100_000]);
      await expectSame(strict.store('app'), image, 'v1');
    } finally {
      await strict.close();
    }
  });
});

describe('a registry that disputes what it received', () => {
  it('is sent it again', async () => {
    const wrong = rule({ ...put, nth: 1, times: 2 }, corruptRequest({ at: 100 }));
    rules.push(wrong);
    await run();
    expect(wrong.hits).toBe(2);
  });

  it('and goes on to do so is believed', async () => {
    const wrong = rule(put, corruptRequest({ at: 100 }));
    rules.push(wrong);
    const error = await failureOf(copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`));
    expect(error).toMatchObject({ side: 'target', registryCodes: ['DIGEST_INVALID'] });
    expect(wrong.hits).toBe(3);
  });
});

describe('a registry that takes its time', () => {
  it.each<[string, CopyOptions]>([
    ['after a blob in one request', {}],
    ['after the last of several chunks', { chunkSize }],
  ])('%s is waited for, far beyond the idle time-out', async (_when, options) => {
    const slow = rule(put, delayAnswer(2_000));
    rules.push(slow);
    await run({ ...options, idleTimeoutMs: 150, retries: 0 });
    expect(slow.hits).toBe(1);
    // Nothing was given up, and then found to be there after all.
    expect(requests('DELETE')).toHaveLength(0);
  });

  it('over a manifest of some megabytes is not waited for as for a blob', async () => {
    const annotations = { long: 'x'.repeat(3 * MiB) };
    await seed(source.store('app'), imageManifest({ fields: { annotations } }), 'long');
    const silent = rule({ method: 'PUT', path: /\/manifests\//, nth: 1 }, hang());
    rules.push(silent);
    await copyAtOnce(`${source.host}/app:long`, `${target.host}/app`, { idleTimeoutMs: 1_500 });
    expect(silent.hits).toBe(1);
  });

  it('but stops reading is left after the idle time-out', async () => {
    // More than the buffers of the connection hold, so that the client feels it.
    const huge = imageManifest({ layers: [blob(24 * MiB, 5)] });
    await seed(source.store('app'), huge, 'huge');
    const stall = rule({ method: 'PUT', when: bodyOver(MiB), nth: 1 }, stallRequest({ after: MiB }));
    rules.push(stall);
    await copyAtOnce(`${source.host}/app:huge`, `${target.host}/app`, { idleTimeoutMs: 300 });
    expect(stall.hits).toBe(1);
    await expectSame(target.store('app'), huge, 'huge');
  });
});

describe('the ladder of ways to upload', () => {
  it('goes from one request to one PATCH, and is remembered for the host', async () => {
    // Of this size they travel one after the other.
    const several = imageManifest({ layers: [6, 7, 8].map((seed) => blob(4.5 * MiB, seed)) });
    await seed(source.store('app'), several, 'several');
    const refusing = rule(
      { method: 'PUT', path: /\/uploads\//, when: bodyOver(MiB) },
      registryError(405, 'UNSUPPORTED'),
    );
    rules.push(refusing);
    await copyAtOnce(`${source.host}/app:several`, `${target.host}/app`, { concurrency: 1 });
    await expectSame(target.store('app'), several, 'several');
    expect(refusing.hits).toBeLessThanOrEqual(1);
    expect(requests('PATCH').length).toBeGreaterThanOrEqual(3);
  });

  it('goes on to chunks where a PATCH without a range is refused', async () => {
    rules.push(
      rule({ method: 'PUT', path: /\/uploads\//, when: bodyOver(0) }, registryError(405, 'UNSUPPORTED')),
      rule({ ...patch, when: ({ headers }) => headers['content-range'] === undefined }, answer(416)),
    );
    await run();
    expect(requests('PATCH').some(({ headers }) => headers['content-range'] === '0-399999')).toBe(true);
  });

  it('makes chunks smaller where a proxy finds them too large, and remembers that', async () => {
    const big = imageManifest({ layers: [blob(11 * MiB, 10)] });
    await seed(source.store('app'), big, 'big');
    const proxy = rule(
      { when: bodyOver(5 * MiB) },
      answer(413, { headers: { 'content-type': 'text/html' }, body: '<title>413</title>', early: true }),
    );
    rules.push(proxy);
    await copyAtOnce(`${source.host}/app:big`, `${target.host}/app`);
    await expectSame(target.store('app'), big, 'big');
    expect(
      requests('PATCH')
        .map(({ bytesIn }) => bytesIn)
        .filter((bytes) => bytes > 0)
        .slice(-3),
    ).toEqual([4 * MiB, 4 * MiB, 3 * MiB]);
  });

  it('ends with the name of what limits it', async () => {
    const proxy = rule({ path: /\/uploads\//, when: bodyOver(MiB) }, answer(413));
    rules.push(proxy);
    const big = imageManifest({ layers: [blob(5 * MiB, 11)] });
    await seed(source.store('app'), big, 'big');
    const error = await failureOf(copyAtOnce(`${source.host}/app:big`, `${target.host}/app`));
    expect(error.code).toBe('E_LIMIT');
    expect(error.message).toMatch(/limits request bodies/);
  });
});

describe('Retry-After', () => {
  it('pauses every request to the host', async () => {
    const several = imageManifest({ layers: [6, 7, 8, 9].map((seed) => blob(2_000, seed)) });
    await seed(source.store('app'), several, 'several');
    rules.push(rule({ method: 'POST', nth: 1 }, answer(429, { headers: { 'retry-after': '20' } })));
    const { sleep, slept } = noWaits();
    const came: number[] = [];
    const turns = async (count: number): Promise<void> => {
      for (let turn = 0; turn < count; turn += 1) await setImmediate();
    };
    const waits = {
      slept,
      sleep: async (ms: number, signal?: AbortSignal) => {
        if (ms > 15_000) {
          // The others have POSTs under way, which are answered.
          await turns(100);
          came.push(target.log.length);
          await turns(300);
          came.push(target.log.length);
        }
        await sleep(ms, signal);
      },
    };
    await copyAtOnce(`${source.host}/app:several`, `${target.host}/app`, {}, waits);
    const [before = 0, after] = came;
    expect(after).toBe(before);
    expect(target.log.length).toBeGreaterThan(before + 4);
    await expectSame(target.store('app'), several, 'several');
  });

  it('is obeyed up to what the user allows, and then named', async () => {
    rules.push(rule({ ...put, nth: 1 }, answer(503, { headers: { 'retry-after': '90' } })));
    const work = copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`);
    const error = await failureOf(work);
    expect(error).toMatchObject({ code: 'E_UNAVAILABLE', retryAfterMs: 90_000 });
    expect(error.message).toContain('it asks to wait 90 s');
    rules.length = 0;
    rules.push(rule({ ...put, nth: 1 }, answer(503, { headers: { 'retry-after': '90' } })));
    await run({ maxRetryWaitMs: 120_000 });
  });
});
