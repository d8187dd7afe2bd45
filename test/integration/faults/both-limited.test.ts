import { setTimeout as sleepFor } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copyAtOnce, type Waits } from '../../support/copy-run.js';
import { layered, rule, type Fault, type Rule } from '../../support/faults.js';
import { answer } from '../../support/faults/answers.js';
import { bucket, busyOver, delay, throttleResponse } from '../../support/faults/pace.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

/** A clock on which everything takes a fiftieth of its time. */
function fast() {
  const speed = 50;
  return {
    slept: [],
    now: () => performance.now() * speed,
    sleep: (ms, signal) => sleepFor(ms / speed, undefined, { signal }),
  } satisfies Waits;
}

const small = imageManifest({ layers: Array.from({ length: 12 }, (_, at) => blob(3_000, at)) });
/** Layers that no buffer on the way holds. */
const large = imageManifest({ layers: Array.from({ length: 6 }, (_, at) => blob(5_000_000 + at, at)) });

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

/** Copies an image between two registries that limit. */
async function copied(image: typeof small, atSource: Fault[], atTarget: Fault[], waits = fast()) {
  await seed(source.store('app'), image, 'v1');
  rules.source.push(...atSource.map((fault) => rule({}, fault)));
  rules.target.push(...atTarget.map((fault) => rule({}, fault)));
  await copyAtOnce(`${source.host}/app:v1`, `${target.host}/app`, {}, waits);
  await expectSame(target.store('app'), image, 'v1');
}

describe.each([
  ['small', small],
  ['large', large],
])('two registries that limit what is under way, open bodies among it, with %s layers', (_, image) => {
  it.each([
    [1, 1],
    [1, 2],
    [2, 1],
    [4, 3],
    [1, Infinity],
    [Infinity, 1],
  ])('to %s at the source and %s at the target are copied between', async (atSource, atTarget) => {
    await copied(image, [layered([busyOver(atSource), delay(1)])], [layered([busyOver(atTarget), delay(1)])]);
    const refused = target.log.filter(({ status }) => status === 429).length;
    expect(refused).toBeLessThan(target.log.length / 2);
  });

  it.each([1, 2, Infinity])('to %s at the source and to one request a second at the target', async (most) => {
    const waits = fast();
    await copied(image, [busyOver(most)], [bucket({ tokens: 1, perSecond: 1, now: waits.now })], waits);
    const posts = target.log.filter(({ method, status }) => method === 'POST' && status < 300);
    expect(posts).toHaveLength(image.blobs.size);
    expect(target.log.filter(({ method }) => method === 'DELETE')).toEqual([]);
  });

  it.each([1, 2])('to one request a second at both, and %s at a time', async (most) => {
    const waits = fast();
    const perSecond = () => bucket({ tokens: 1, perSecond: 1, now: waits.now });
    await copied(image, [busyOver(most), perSecond()], [busyOver(most), perSecond()], waits);
  });
});

it('a source that counts the bodies that are open is asked for the next one when one has ended', async () => {
  await copied(large, [busyOver(1), throttleResponse({ bytes: 64 * 1024, everyMs: 1 })], []);
  const refused = source.log.filter(({ status }) => status === 429).length;
  // All that came at once, at first; and one that tries whether there is room for two.
  expect(refused).toBeLessThanOrEqual(large.blobs.size + 1);
});

describe('one registry that is source and target', () => {
  const limits: [string, (waits: ReturnType<typeof fast>) => Fault[]][] = [
    ['one request at a time', () => [busyOver(1)]],
    ['two at a time', () => [busyOver(2)]],
    ['one request a second', ({ now }) => [bucket({ tokens: 1, perSecond: 1, now })]],
    ['one a second and one at a time', ({ now }) => [busyOver(1), bucket({ tokens: 1, perSecond: 1, now })]],
  ];

  async function within(image: typeof small, faults: Fault[], waits = fast()): Promise<void> {
    await seed(source.store('app'), image, 'v1');
    rules.source.push(...faults.map((fault) => rule({}, fault)));
    await copyAtOnce(`${source.host}/app:v1`, `${source.host}/copy`, {}, waits);
    await expectSame(source.store('copy'), image, 'v1');
  }

  it.each(limits)('and takes %s mounts', async (_, limit) => {
    const waits = fast();
    await within(large, limit(waits), waits);
  });

  it.each(limits)('and takes %s, but no mounts', async (_, limit) => {
    const waits = fast();
    rules.source.push(rule({ method: 'POST', path: /mount=/ }, answer(405)));
    await within(small, limit(waits), waits);
  });

  it('and takes two at a time, but no mounts, has one upload with its download under way', async () => {
    rules.source.push(rule({ method: 'POST', path: /mount=/ }, answer(405)));
    await within(large, [busyOver(2)]);
  });
});
