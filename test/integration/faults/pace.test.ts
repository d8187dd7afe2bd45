import { setImmediate } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CAUTION_WINDOWS, RETRIES } from '../../../src/http/limits.js';
import { copyAtOnce, failureOf, noWaits, type RunOptions, type Waits } from '../../support/copy-run.js';
import { layered, rule, type Rule } from '../../support/faults.js';
import { answer, registryError } from '../../support/faults/answers.js';
import { cutResponse } from '../../support/faults/cuts.js';
import { bucket, busyOver, delay } from '../../support/faults/pace.js';
import { blob, imageManifest, indexOf, seed } from '../../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

/** With its config sixty blobs. */
const sixty = imageManifest({ layers: Array.from({ length: 59 }, (_, index) => blob(2_000, index)) });
/** Requests at a time: checks and small blobs have four times the six transfers. */
const width = 24;

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
});
afterEach(() => Promise.all([source.close(), target.close()]));

/** Copies the sixty. Tells how often the request that was refused most was tried again. */
async function run(waits: Waits = noWaits()): Promise<number> {
  await seed(source.store('app'), sixty, 'v1');
  let most = 0;
  const onEvent: RunOptions['onEvent'] = (event) => {
    if (event.type === 'retry') most = Math.max(most, event.attempt);
  };
  await copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, { onEvent }, waits);
  await expectSame(target.store('app'), sixty, 'v1');
  return most;
}

function counted({ log }: TestRegistry): { readonly refused: number; readonly taken: number } {
  const refused = log.filter(({ status }) => status === 429).length;
  return { refused, taken: log.length - refused };
}

/** A clock that the waits move. */
function movedByWaits(): Waits & { readonly now: () => number } {
  let time = 0;
  const slept: number[] = [];
  return {
    slept,
    now: () => time,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      const until = time + ms;
      await setImmediate();
      signal?.throwIfAborted();
      time = Math.max(time, until);
    },
  };
}

describe('a registry that answers 429', () => {
  it.each(['source', 'target'] as const)('over four requests at a time is a fine %s', async (side) => {
    rules[side].push(rule({}, layered([busyOver(4), delay(2)])));
    expect(await run()).toBeLessThan(RETRIES);
    const { refused, taken } = counted(side === 'source' ? source : target);
    // What goes beyond four at first, and where the limit doubles from four to eight; then one for each time that it comes back to five.
    expect(refused).toBeLessThanOrEqual(width - 4 + 4 + taken / (1 + 2 + 3 + 4 * CAUTION_WINDOWS));
    expect(refused).toBeGreaterThan(0);
  });

  it('over one request at a time is a fine target', async () => {
    rules.target.push(rule({}, layered([busyOver(1), delay(1)])));
    expect(await run()).toBeLessThan(RETRIES);
  });

  it('beyond a rate is asked at about that rate', async () => {
    const clock = movedByWaits();
    const [tokens, perSecond] = [20, 10];
    rules.target.push(rule({}, bucket({ tokens, perSecond, now: clock.now })));
    expect(await run(clock)).toBeLessThan(RETRIES);
    const { refused, taken } = counted(target);
    expect(clock.now()).toBeLessThan(((taken - tokens) / perSecond) * 1000 * 1.2 + 1000);
    expect(refused).toBeLessThan(taken / 2);
  });

  it('beyond one request a second is a fine target, whose uploads are not begun anew', async () => {
    const clock = movedByWaits();
    rules.target.push(rule({}, bucket({ tokens: 1, perSecond: 1, now: clock.now })));
    expect(await run(clock)).toBeLessThan(RETRIES);
    const { refused, taken } = counted(target);
    expect(clock.now()).toBeLessThan(taken * 1_500);
    expect(refused).toBeLessThan(taken / 2);
    const posts = target.log.filter(({ method, status }) => method === 'POST' && status < 300);
    expect(posts).toHaveLength(sixty.blobs.size);
    // What is begun goes before what is not.
    let open = 0;
    let most = 0;
    for (const { method, url, status } of target.log) {
      if (status >= 300 || !url.includes('/uploads/')) continue;
      open += method === 'POST' ? 1 : -1;
      most = Math.max(most, open);
    }
    expect(most).toBeLessThan(6);
  });

  it('beyond one request a second is asked at once again when it has no limit any more', async () => {
    const clock = movedByWaits();
    const limit = bucket({ tokens: 1, perSecond: 1, now: clock.now });
    rules.target.push(rule({ nth: 1, times: 20 }, limit));
    await run(clock);
    expect(counted(target).taken).toBeGreaterThan(100);
    expect(clock.now()).toBeLessThan(60_000);
  });

  it('beyond one request a second is no slower a target of several copies at once than of one', async () => {
    const clock = movedByWaits();
    rules.target.push(rule({}, bucket({ tokens: 1, perSecond: 1, now: clock.now })));
    const images = [1, 2, 3].map((at) => imageManifest({ layers: [blob(900, at), blob(800, at + 9)] }));
    await Promise.all(images.map((image, at) => seed(source.store('app'), image, `v${at}`)));
    const copies = images.map((_, at) =>
      copyAtOnce(`${source.host}/app:v${at}`, `${target.host}/app`, {}, clock),
    );
    await Promise.all(copies);
    expect(clock.now()).toBeLessThan(counted(target).taken * 1_500);
  });

  it.each([
    ['', undefined],
    [', with Retry-After,', '1'],
  ])('beyond one request a second%s is a fine target of an index', async (_, seconds) => {
    const clock = movedByWaits();
    const headers = seconds === undefined ? {} : { 'retry-after': seconds };
    rules.target.push(rule({}, bucket({ tokens: 1, perSecond: 1, now: clock.now, headers })));
    const image = (at: number) => imageManifest({ layers: [1, 2, 3].map((n) => blob(400 * n, at + n)) });
    const index = indexOf([{ image: image(10) }, { image: image(20) }]);
    await seed(source.store('app'), index, 'v1');
    await copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, {}, clock);
    await expectSame(target.store('app'), index, 'v1');
    expect(clock.now()).toBeLessThan(counted(target).taken * 1_500);
  });

  it('beyond a quota, for ever, ends the copy', async () => {
    const clock = movedByWaits();
    rules.target.push(rule({ nth: 6, times: Infinity }, registryError(429, 'TOOMANYREQUESTS')));
    await seed(source.store('app'), sixty, 'v1');
    const copied = copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, {}, clock);
    expect(await failureOf(copied)).toMatchObject({ code: 'E_RATE_LIMITED', side: 'target' });
    expect(clock.now()).toBeLessThan(90_000);
  });

  it('beyond one request a second is a fine source', async () => {
    const clock = movedByWaits();
    rules.source.push(rule({}, bucket({ tokens: 1, perSecond: 1, now: clock.now })));
    expect(await run(clock)).toBeLessThan(RETRIES);
    expect(clock.now()).toBeLessThan(counted(source).taken * 2_000);
  });
});

describe('one registry that is source and target', () => {
  it('does not block itself, where every upload waits for a download that was cut', async () => {
    const layers = Array.from({ length: width }, (_, index) => blob(300_000, index));
    const image = imageManifest({ layers });
    await seed(source.store('app'), image, 'v1');
    rules.source.push(
      rule({ method: 'POST', path: /mount=/ }, answer(405)),
      rule({ method: 'PUT', path: /\/uploads\//, nth: 1, times: 4 }, answer(429)),
      rule(
        { method: 'GET', path: /\/blobs\//, when: ({ headers }) => headers.range === undefined },
        cutResponse({ after: 200_000, by: 'fin' }),
      ),
    );
    await copyAtOnce(`${source.host}/app:v1`, `${source.host}/copy:v1`);
    await expectSame(source.store('copy'), image, 'v1');
  });
});
