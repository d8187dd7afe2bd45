import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ContentTarget } from '../../../src/content/store.js';
import { linkedSignal } from '../../../src/content/linked-signal.js';
import { RegferryError } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  alarms,
  gate,
  Names,
  recordedStore,
  run,
  runTags,
  settled,
  started,
  target,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const names = new Names();
const layer = blob(300_000, 1);
const image = imageManifest({ layers: [layer, blob(3_000, 2)] });
const other = imageManifest({ layers: [blob(4_000, 3), blob(5_000, 4)] });
const index = indexOf([{ image }, { image: other }]);
names.image(index);
const layerName = names.of(digestOf(layer));

async function sourceOf(root: FixtureImage, overrides?: Overrides): Promise<RecordedStore> {
  const source = recordedStore(names, { host: 'source', repository: 'app' }, overrides);
  await seed(source.memory, root, '1');
  return source;
}

function targetAt(host: string, overrides?: Overrides, repository = 'app'): RecordedStore {
  return recordedStore(names, { host, repository }, overrides);
}

/** What was read at a store, each with how often. */
function reads(store: RecordedStore): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const call of started(store)) {
    if (/^(open|fetch) /.test(call)) counts[call] = (counts[call] ?? 0) + 1;
  }
  return counts;
}

/** Everything of an image, read once. */
function each({ blobs, manifests, root }: FixtureImage, without: readonly FixtureImage[] = []): string[] {
  const left = new Set(without.flatMap((one) => [...one.blobs.keys()]));
  return [
    'fetch :1',
    ...manifests.flatMap(({ descriptor }) =>
      descriptor === root.descriptor ? [] : [`fetch ${names.of(descriptor.digest)}`],
    ),
    ...[...blobs.keys()].filter((digest) => !left.has(digest)).map((digest) => `open ${names.of(digest)}`),
  ].sort();
}

function holds({ memory }: RecordedStore, { root, blobs }: FixtureImage): boolean {
  return (
    memory.tagged('2') === root.descriptor.digest &&
    [...blobs].every(([digest, bytes]) => memory.blob(digest)?.equals(bytes))
  );
}

/** Reads a little, and no more. */
async function firstOf(stream: AsyncIterable<unknown>): Promise<void> {
  const pieces = stream[Symbol.asyncIterator]();
  await pieces.next();
  await pieces.return?.();
}

const refused = new RegferryError('E_REFUSED', 'no', { status: 413 });

describe('targets at several hosts', () => {
  it.each([2, 3, 5])('%i of them are filled by one read of each blob and manifest', async (count) => {
    const source = await sourceOf(index);
    const stores = Array.from({ length: count }, (_, at) => targetAt(`t${at}`));
    const { targets } = await run({ source, targets: stores.map((store) => target(store, '2')) });
    expect(stores.map((store) => holds(store, index))).toEqual(stores.map(() => true));
    expect(targets.map(({ blobs }) => blobs.copied)).toEqual(stores.map(() => index.blobs.size));
    expect(started(source).sort()).toEqual(each(index));
  });

  it('share what each of them lacks, where they have different parts already', async () => {
    const source = await sourceOf(index);
    const [all, some, child, none] = [targetAt('all'), targetAt('some'), targetAt('child'), targetAt('none')];
    await seed(all.memory, index, '2');
    some.memory.putBytes(layer);
    await seed(child.memory, image);
    const stores = [all, some, child, none];
    await run({ source, targets: stores.map((store) => target(store, '2')) });
    expect(stores.map((store) => holds(store, index))).toEqual([true, true, true, true]);
    expect(started(source).sort()).toEqual(each(index));
    expect(started(child)).not.toContain(`has ${layerName}`);
  });

  it('do not wait for the uploads of one that has a child to know that it wants nothing under it', async () => {
    const hold = gate();
    const source = await sourceOf(index);
    const child = targetAt('child', (memory) => ({
      put: (...args) => hold.opened.then(() => memory.put(...args)),
    }));
    const none = targetAt('none');
    await seed(child.memory, image);
    const running = run({ source, targets: [target(child, '2'), target(none, '2')] });
    await expect.poll(() => none.memory.blob(digestOf(layer))).toBeDefined();
    hold.open();
    await running;
    expect([holds(child, index), holds(none, index)]).toEqual([true, true]);
    expect(started(source).sort()).toEqual(each(index));
  });

  it('read alone what only one of them lacks', async () => {
    const source = await sourceOf(image);
    const [full, empty] = [targetAt('full'), targetAt('empty')];
    for (const bytes of image.blobs.values()) full.memory.putBytes(bytes);
    const { targets } = await run({ source, targets: [target(full, '2'), target(empty, '2')] });
    expect(targets.map(({ blobs }) => [blobs.copied, blobs.skipped])).toEqual([
      [0, 3],
      [3, 0],
    ]);
    expect(started(source).sort()).toEqual(each(image));
  });

  it('count two repositories of one host as one: the second mounts', async () => {
    const source = await sourceOf(image);
    const [one, two, elsewhere] = [
      targetAt('t', undefined, 'one'),
      targetAt('t', undefined, 'two'),
      targetAt('u'),
    ];
    await run({ source, targets: [one, two, elsewhere].map((store) => target(store, '2')) });
    expect([one, two, elsewhere].map((store) => holds(store, image))).toEqual([true, true, true]);
    // memory stores without siblings decline a mount, so that each blob is read once more for the second repository
    expect(reads(source)[`open ${layerName}`]).toBe(2);
    const puts = [...started(one), ...started(two)].filter((call) => call.startsWith(`put ${layerName}`));
    expect(puts.some((call) => call.includes(' from '))).toBe(true);
  });

  it('do not wait for one at the host of the source, which mounts', async () => {
    const hold = gate();
    const source = await sourceOf(image);
    const near = targetAt(
      'source',
      (memory) => ({ has: (...args) => hold.opened.then(() => memory.has(...args)) }),
      'near',
    );
    const far = targetAt('far');
    const running = run({ source, targets: [target(near, '2'), target(far, '2')] });
    await expect.poll(() => holds(far, image)).toBe(true);
    hold.open();
    await running;
    expect(holds(near, image)).toBe(true);
  });

  it('ask all, and read nothing, in a dry run', async () => {
    const source = await sourceOf(image);
    const dry = (host: string): RecordedStore =>
      targetAt(host, () => ({ put: () => Promise.resolve('copied') }));
    const { targets } = await run({
      source,
      targets: [target(dry('t'), '2'), target(dry('u'), '2')],
      dryRun: true,
    });
    expect(targets.map(({ blobs }) => blobs.copied)).toEqual([3, 3]);
    expect(started(source)).toEqual(['fetch :1']);
  });

  it('are filled under guards as well, and all at once', async () => {
    const source = await sourceOf(index);
    const stores = [targetAt('t'), targetAt('u')];
    await run({ source, targets: stores.map((store) => target(store, '2')), allOrNothing: true });
    expect(stores.map((store) => holds(store, index))).toEqual([true, true]);
    expect(started(source).sort()).toEqual(each(index));
  });
});

describe('a target that fails', () => {
  it.each<[string, Overrides]>([
    ['when it is asked for its tag', () => ({ resolve: () => Promise.reject(refused) })],
    ['when it is asked for a blob', () => ({ has: () => Promise.reject(refused) })],
    ['before it reads', () => ({ put: () => Promise.reject(refused) })],
    [
      'when it has read a little',
      () => ({
        put: async (_blob, open, { signal } = {}) => {
          const stream = await open({ signal });
          await firstOf(stream);
          throw refused;
        },
      }),
    ],
    ['at its tag', () => ({ tag: () => Promise.reject(refused) })],
  ])('%s leaves the other its one read', async (_when, overrides) => {
    const source = await sourceOf(index);
    const [bad, good] = [targetAt('bad', overrides), targetAt('good')];
    const { targets } = await run({ source, targets: [target(bad, '2'), target(good, '2')] });
    expect(targets.map(({ error }) => error?.code)).toEqual(['E_REFUSED', undefined]);
    expect(holds(good, index)).toBe(true);
    expect(started(source).sort()).toEqual(each(index));
  });

  it('and reads again reads alone', async () => {
    const source = await sourceOf(image);
    const twice: Overrides = (memory) => ({
      put: async (descriptor, open, options) => {
        const stream = await open({ signal: options?.signal });
        await firstOf(stream);
        return memory.put(descriptor, open, options);
      },
    });
    const [bad, good] = [targetAt('bad', twice), targetAt('good')];
    await run({ source, targets: [target(bad, '2'), target(good, '2')] });
    expect([holds(bad, image), holds(good, image)]).toEqual([true, true]);
    expect(reads(source)[`open ${layerName}`]).toBe(2);
  });

  it('because the source is corrupt, fails with the other, and neither has the blob', async () => {
    const wrong = Buffer.from(layer);
    wrong[150_000] = (wrong[150_000] ?? 0) ^ 1;
    const source = await sourceOf(image, (memory) => ({
      open: async (descriptor, options) => {
        if (descriptor.digest !== digestOf(layer)) return memory.open(descriptor, options);
        const bad = memory.putBytes(wrong);
        return memory.open({ ...descriptor, digest: bad }, options);
      },
    }));
    const stores = [targetAt('t'), targetAt('u')];
    const { targets } = await run({ source, targets: stores.map((store) => target(store, '2')) });
    for (const { error } of targets)
      expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH', side: 'source' });
    for (const { memory } of stores) {
      expect([memory.blob(digestOf(layer)), memory.tagged('2')]).toEqual([undefined, undefined]);
    }
    // once together, and each of them twice more
    expect(reads(source)[`open ${layerName}`]).toBe(5);
  });

  it('because the source has not got the blob, fails with the other', async () => {
    const source = await sourceOf(image);
    source.memory.deleteBlob(digestOf(layer));
    const stores = [targetAt('t'), targetAt('u')];
    const { targets } = await run({ source, targets: stores.map((store) => target(store, '2')) });
    for (const { error } of targets) expect(error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(reads(source)[`open ${layerName}`]).toBe(1);
  });
});

describe('a target that fails at one tag of many', () => {
  it('keeps nobody waiting for what it has not asked for there', async () => {
    const source = await sourceOf(index);
    const child = index.manifests.find(({ descriptor }) => descriptor !== index.root.descriptor);
    const bad = targetAt('bad', (memory) => ({
      resolve: (key, op) => {
        const isChild = 'digest' in key && key.digest === child?.descriptor.digest;
        return isChild ? Promise.reject(refused) : memory.resolve(key, op);
      },
    }));
    const good = targetAt('good');
    const patience = alarms();
    const targets = [bad, good].map((store) => ({ store, name: store.toString() }));
    const signal = linkedSignal(new AbortController().signal);
    const outcome = await runTags({ source, targets, patience, signal });
    expect(outcome.targets.map(({ error }) => error?.code)).toEqual(['E_REFUSED', undefined]);
    expect(good.memory.tagged('1')).toBe(index.root.descriptor.digest);
    expect(started(source).sort()).toEqual([...each(index), 'tags'].sort());
    expect(patience.set()).toBe(0);
  });
});

describe('a target that hangs', () => {
  /** The other target gets everything once patience has ended twice. */
  async function outlived(hanging: Overrides, root: FixtureImage): Promise<RecordedStore> {
    const source = await sourceOf(root);
    const [bad, good] = [targetAt('bad', hanging), targetAt('good')];
    const stop = new AbortController();
    const patience = alarms();
    const running = run({
      source,
      targets: [target(bad, '2'), target(good, '2')],
      patience,
      signal: stop.signal,
    });
    for (let rings = 0; !holds(good, root) && rings < 10; rings += 1) {
      await settled();
      patience.ring();
      await settled();
    }
    expect(holds(good, root)).toBe(true);
    stop.abort(new RegferryError('E_ABORTED', 'enough'));
    const { targets } = await running;
    expect(targets.map(({ error }) => error?.code)).toEqual(['E_ABORTED', undefined]);
    expect(patience.set()).toBe(0);
    return source;
  }
  const until = <T>(signal: AbortSignal | undefined): Promise<T> =>
    new Promise((_resolve, reject) =>
      signal?.addEventListener('abort', () => reject(signal.reason as Error)),
    );

  it.each<[string, Overrides]>([
    ['when it is asked for its tag', () => ({ resolve: (_key, op) => until(op?.signal) })],
    ['when it is asked for a blob', () => ({ has: (_blob, op) => until(op?.signal) })],
    ['before it reads', () => ({ put: (_blob, _open, op) => until(op?.signal) })],
  ])('%s is left behind', async (_when, overrides) => {
    const source = await outlived(overrides, index);
    expect(started(source).sort()).toEqual(each(index));
  });

  it('in the middle of a blob is left behind, with all that waits for it', async () => {
    const many = imageManifest({
      layers: [layer, ...Array.from({ length: 40 }, (_, at) => blob(100, 50 + at)), blob(3_000_000, 9)],
    });
    const source = await outlived(
      (memory) => ({
        put: async (descriptor, open, options) => {
          await open({ signal: options?.signal });
          return descriptor.size > 1_000 ? until(options?.signal) : memory.put(descriptor, open, options);
        },
      }),
      many,
    );
    expect(reads(source)[`open ${digestOf(blob(3_000_000, 9))}`]).toBe(1);
  });
});

describe('an abandoned copy to several targets', () => {
  it('leaves nothing open and nothing running', async () => {
    const streams: { readonly destroyed: boolean }[] = [];
    const source = await sourceOf(image, (memory) => ({
      open: async (...args) => {
        const stream = await memory.open(...args);
        streams.push(stream);
        return stream;
      },
    }));
    const stop = new AbortController();
    const patience = alarms();
    const slow: Overrides = (memory) => ({
      put: (descriptor, open, options) =>
        memory.put(descriptor, open, {
          ...options,
          onProgress: () => stop.abort(new RegferryError('E_ABORTED', 'stop')),
        }),
    });
    const stores = [targetAt('t', slow), targetAt('u')];
    const { targets } = await run({
      source,
      targets: stores.map((store) => target(store, '2')),
      signal: stop.signal,
      patience,
    });
    expect(targets.map(({ error }) => error?.code)).toEqual(['E_ABORTED', 'E_ABORTED']);
    await settled();
    expect(streams.length).toBeGreaterThan(0);
    expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
    expect(patience.set()).toBe(0);
    for (const { calls } of [source, ...stores]) {
      expect(calls.filter((call) => call.startsWith('done '))).toHaveLength(calls.length / 2);
    }
  });
});

describe('many blobs and targets', () => {
  const digests = Array.from({ length: 30 }, (_, at) => blob(20 + at, 200 + at));
  const images = Array.from({ length: 5 }, (_, at) =>
    imageManifest({
      layers: digests.slice(at * 5, at * 5 + 10),
      platform: { os: 'linux', architecture: `a${at}` },
    }),
  );
  const wide = indexOf(images.map((one) => ({ image: one })));
  const all = [...wide.blobs.keys()];

  it('end whatever the order of the answers is, with one read of each blob', async () => {
    const turns = fc.array(fc.nat(6), { minLength: 7, maxLength: 23 });
    const store = fc.record({
      turns,
      has: fc.subarray(all),
      child: fc.option(fc.nat(4)),
      fails: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(store, { minLength: 3, maxLength: 3 }),
        fc.integer({ min: 1, max: 2 }),
        async (plans, concurrency) => {
          const opened: string[] = [];
          const source = await sourceOf(wide, (memory) => ({
            open: (descriptor, options) => {
              // what is abandoned may ask once more, and gets nothing
              if (options?.signal?.aborted !== true) opened.push(descriptor.digest);
              return memory.open(descriptor, options);
            },
          }));
          const stores = plans.map((plan, at) =>
            targetAt(`t${at}`, delayed(plan.turns, plan.fails && at === 0)),
          );
          for (const [at, { has, child }] of plans.entries()) {
            for (const digest of has) stores[at]?.memory.putBytes(wide.blobs.get(digest) ?? Buffer.alloc(0));
            const there = child === null ? undefined : images[child];
            if (there !== undefined && stores[at] !== undefined) await seed(stores[at].memory, there);
          }
          await run({ source, concurrency, targets: stores.map((one) => target(one, '2')) });
          const filled = stores.map((one) => holds(one, wide));
          expect(filled).toEqual(plans.map(({ fails }, at) => !(fails && at === 0)));
          expect(new Set(opened).size).toBe(opened.length);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  /** Answers after so many turns of the loop, in turn. */
  function delayed(turns: readonly number[], fails: boolean): Overrides {
    let asked = 0;
    const wait = async (): Promise<void> => {
      const count = turns[(asked += 1) % turns.length] ?? 0;
      for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    const after =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await wait();
        return work(...args);
      };
    return (memory): Partial<ContentTarget> => ({
      resolve: after(memory.resolve.bind(memory)),
      has: after(memory.has.bind(memory)),
      put: after(async (descriptor, open, options) => {
        const outcome = await memory.put(descriptor, open, options);
        await wait();
        if (fails && asked > 40) throw refused;
        return outcome;
      }),
      putManifest: after(memory.putManifest.bind(memory)),
      tag: fails ? () => Promise.reject(refused) : memory.tag.bind(memory),
    });
  }
});
