import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Manifest } from '../../../src/content/store.js';
import { RegferryError } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  gate,
  Names,
  recordedStore,
  runTags,
  settled,
  started,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const base = blob(2_000, 1);

/** An image with a layer and a config of its own on a shared base. */
function own(at: number): FixtureImage {
  return imageManifest({ config: blob(50, 900 + at), layers: [base, blob(500, at)] });
}

function copyOf({ descriptor, bytes }: Manifest): Manifest {
  return { descriptor, bytes: Buffer.from(bytes) };
}

type Images = Readonly<Record<string, FixtureImage>>;

interface Sides {
  readonly source: RecordedStore;
  readonly to: RecordedStore;
  readonly targets: readonly { store: RecordedStore; name: string }[];
}

/** A source with these tags, and an empty target. */
async function sides(images: Images, atSource?: Overrides, atTarget?: Overrides): Promise<Sides> {
  const names = new Names();
  for (const [tag, image] of Object.entries(images)) names.image(image, `${tag} `);
  const source = recordedStore(names, { host: 'source', repository: 'app' }, atSource);
  await seedAll(source, images);
  const to = recordedStore(names, { host: 'target', repository: 'app' }, atTarget);
  return { source, to, targets: [{ store: to, name: 'target/app' }] };
}

async function seedAll({ memory }: RecordedStore, images: Images): Promise<void> {
  for (const [tag, image] of Object.entries(images)) await seed(memory, image, tag);
}

function calls(store: RecordedStore, pattern: RegExp): string[] {
  return started(store)
    .filter((call) => pattern.test(call))
    .sort();
}

const images = { a: own(11), b: own(12), c: own(13) };
const failure = new RegferryError('E_DENIED', 'refused', { side: 'target' });

describe('a copy of all tags', () => {
  it('reads each manifest straight away where the target has nothing, and asks the target for no tag', async () => {
    const { source, to, targets } = await sides(images);
    const { error, targets: reports } = await runTags({ source, targets });
    expect(error).toBeUndefined();
    expect(calls(source, /^(?!open)/)).toEqual(['fetch :a', 'fetch :b', 'fetch :c', 'tags']);
    expect(calls(source, /^open/)).toHaveLength(7);
    expect(calls(to, /^resolve/)).toEqual([]);
    expect(calls(to, /^has/)).toHaveLength(7);
    expect(calls(to, /^put /)).toHaveLength(7);
    expect(calls(to, /^(?:tag |fetch)/)).toEqual(
      ['fetch :a', 'fetch :b', 'fetch :c', 'tag a', 'tag b', 'tag c'].sort(),
    );
    expect(reports).toMatchObject(
      Object.entries(images).map(([tag, { root }]) => ({
        reference: `target/app:${tag}`,
        digest: root.descriptor.digest,
        changed: true,
        previous: null,
        verified: 'bytes',
        manifests: { copied: 1, skipped: 0 },
      })),
    );
    expect(reports.reduce((sum, { blobs }) => sum + blobs.copied, 0)).toBe(7);
  });

  it('asks each side once for a tag that both list, and no more if it is the same', async () => {
    const { source, to, targets } = await sides(images);
    await seedAll(to, { a: images.a, b: own(19) });
    const { targets: reports } = await runTags({ source, targets });
    expect(calls(source, /^(?!open)/)).toEqual(
      ['fetch :b', 'fetch :c', 'resolve :a', 'resolve :b', 'tags'].sort(),
    );
    expect(calls(to, /^resolve/)).toEqual(['resolve :a', 'resolve :b']);
    expect(reports.map(({ changed, verified }) => [changed, verified])).toEqual([
      [false, 'header'],
      [true, 'bytes'],
      [true, 'bytes'],
    ]);
    expect(reports[1]?.previous).toBe(own(19).root.descriptor.digest);
  });

  it('asks for the digest first where manifests are metered, and reads each manifest once', async () => {
    const many: Images = { a: images.a, a1: images.a, b: images.b, c: indexOf([{ image: images.a }]) };
    const { source, to, targets } = await sides(many, () => ({ metered: true }));
    await seedAll(to, { b: images.b });
    const { targets: reports } = await runTags({ source, targets });
    expect(reports.every(({ verified }) => verified !== undefined)).toBe(true);
    expect(calls(source, /^resolve/)).toEqual(['resolve :a', 'resolve :a1', 'resolve :b', 'resolve :c']);
    expect(calls(source, /^fetch/)).toEqual(['fetch a1 root', 'fetch c root']);
  });

  it('asks for each tag where the target does not tell its list, and for none where it is not found', async () => {
    for (const [code, asked] of [
      ['E_DENIED', 3],
      ['E_UNAVAILABLE', 3],
      ['E_NOT_FOUND', 0],
    ] as const) {
      const { source, to, targets } = await sides(images, undefined, () => ({
        async *tags() {
          yield* await Promise.reject<string[]>(new RegferryError(code, 'no list'));
        },
      }));
      const { error } = await runTags({ source, targets });
      expect([code, error, calls(to, /^resolve/).length]).toEqual([code, undefined, asked]);
    }
  });

  it('begins while the lists are still coming', async () => {
    const [rest, last] = [gate(), gate()];
    const { source, to, targets } = await sides(
      images,
      () => ({
        async *tags() {
          yield 'a';
          await rest.opened;
          yield 'b';
          yield 'c';
        },
      }),
      () => ({
        async *tags() {
          yield 'a';
          await last.opened;
        },
      }),
    );
    await seedAll(to, { a: images.a });
    const running = runTags({ source, targets });
    await settled();
    // what the target listed already needs no end of the list
    expect(calls(source, /:/)).toEqual(['resolve :a']);
    rest.open();
    await settled();
    // what it may still list does
    expect(calls(source, /:/)).toEqual(['resolve :a']);
    last.open();
    const { targets: reports } = await running;
    expect(reports.map(({ changed }) => changed)).toEqual([false, true, true]);
  });

  it('has the tags in the order of the list, however long each takes', async () => {
    const first = gate();
    const { source, targets } = await sides(images, (memory) => ({
      fetch: async (key, op) => {
        if ('tag' in key && key.tag === 'a') await first.opened;
        return memory.fetch(key, op);
      },
    }));
    const running = runTags({ source, targets });
    await settled();
    first.open();
    expect((await running).targets.map(({ reference }) => reference.slice(-1))).toEqual(['a', 'b', 'c']);
  });

  it('moves what several tags share once, children of indexes too', async () => {
    const child = own(21);
    const many: Images = {
      a: indexOf([{ image: child }, { image: own(22) }]),
      b: indexOf([{ image: child }, { image: own(23) }]),
      'b-amd64': child,
    };
    const { source, to, targets } = await sides(many);
    const { targets: reports } = await runTags({ source, targets });
    expect(reports.every(({ verified }) => verified === 'bytes')).toBe(true);
    for (const pattern of [/^put /, /^putManifest/, /^resolve/, /^has/]) {
      const asked = calls(to, pattern);
      expect(new Set(asked).size).toBe(asked.length);
    }
    expect(calls(source, /^open/)).toHaveLength(7);
  });

  it('writes one manifest under one name after the other, and different ones side by side', async () => {
    let [same, most, all, mostOfAll] = [0, 0, 0, 0];
    const digest = images.a.root.descriptor.digest;
    const { source, to, targets } = await sides(
      { ...images, a2: images.a, a3: images.a },
      undefined,
      (memory) => ({
        tag: async (manifest, tag, op) => {
          const isSame = manifest.descriptor.digest === digest;
          all += 1;
          if (isSame) same += 1;
          most = Math.max(most, same);
          mostOfAll = Math.max(mostOfAll, all);
          await settled();
          all -= 1;
          if (isSame) same -= 1;
          await memory.tag(manifest, tag, op);
        },
      }),
    );
    await runTags({ source, targets });
    expect([most, mostOfAll]).toEqual([1, 3]);
    expect(calls(to, /^put /)).toHaveLength(7);
    expect(calls(to, /^tag a/)).toEqual(['tag a', 'tag a2', 'tag a3']);
    expect(calls(to, /^fetch :a/)).toEqual(['fetch :a', 'fetch :a2', 'fetch :a3']);
  });

  it('goes to several repositories, and mounts within a registry', async () => {
    const { source, to } = await sides(images);
    const other = recordedStore(new Names(), {
      host: 'target',
      repository: 'other',
      sibling: (repository) => (repository === 'app' ? to.memory : undefined),
    });
    const { targets: reports } = await runTags({
      source,
      targets: [
        { store: to, name: 'target/app' },
        { store: other, name: 'target/other' },
      ],
    });
    expect(reports.map(({ reference }) => reference)).toEqual(
      ['a', 'b', 'c'].flatMap((tag) => [`target/app:${tag}`, `target/other:${tag}`]),
    );
    expect(calls(source, /^fetch/)).toHaveLength(3);
    const blobs = reports.map((report) => report.blobs);
    expect(blobs.reduce((sum, { copied, mounted }) => sum + copied + mounted, 0)).toBe(14);
  });

  it('tells how much there is to do of all tags together', async () => {
    const { source, targets } = await sides(images);
    const { events } = await runTags({ source, targets });
    const walked = events.filter((event) => event.type === 'walked');
    expect(walked).toHaveLength(3);
    expect(walked.at(-1)).toMatchObject({ blobs: 7, complete: true });
  });
});

describe('a tag that fails', () => {
  it('fails alone, with those that need the same', async () => {
    const [broken = ''] = own(32).blobs.keys();
    const many: Images = { a: own(31), b: own(32), b2: indexOf([{ image: own(32) }]), c: own(33) };
    const { source, to, targets } = await sides(many, (memory) => ({
      open: (descriptor, options) => {
        return descriptor.digest === broken
          ? Promise.reject(new RegferryError('E_NOT_FOUND', 'gone'))
          : memory.open(descriptor, options);
      },
    }));
    const { error, targets: reports } = await runTags({ source, targets });
    expect(error).toBeUndefined();
    expect(reports.map((report) => report.error?.code)).toEqual([
      undefined,
      'E_NOT_FOUND',
      'E_NOT_FOUND',
      undefined,
    ]);
    expect(reports[1]).toMatchObject({ changed: false, error: { side: 'source' } });
    expect(calls(to, /^tag /)).toEqual(['tag a', 'tag c']);
  });

  it('does not break off what it has begun, which others need', async () => {
    const [first = ''] = own(31).blobs.keys();
    const { source, targets } = await sides(
      { a: own(31), b: own(32) },
      (memory) => ({
        open: (descriptor, options) => {
          return descriptor.digest === first
            ? Promise.reject(new RegferryError('E_NOT_FOUND', 'gone'))
            : memory.open(descriptor, options);
        },
      }),
      (memory) => ({
        put: async (descriptor, open, options = {}) => {
          if (descriptor.digest === digestOf(base)) await settled();
          options.signal?.throwIfAborted();
          return memory.put(descriptor, open, options);
        },
      }),
    );
    const { targets: reports } = await runTags({ source, targets });
    expect(reports.map(({ error, verified }) => error?.code ?? verified)).toEqual(['E_NOT_FOUND', 'bytes']);
  });

  it('does so too where its manifest cannot be read or written', async () => {
    const { source, targets } = await sides(
      images,
      (memory) => ({
        fetch: (key, op) => {
          const isA = 'tag' in key && key.tag === 'a';
          return isA ? Promise.reject(new RegferryError('E_SCHEMA1', 'old')) : memory.fetch(key, op);
        },
      }),
      (memory) => ({
        tag: (manifest, tag, op) => (tag === 'b' ? Promise.reject(failure) : memory.tag(manifest, tag, op)),
      }),
    );
    const { targets: reports } = await runTags({ source, targets });
    expect(reports.map(({ error, verified }) => error?.code ?? verified)).toEqual([
      ...['E_SCHEMA1', 'E_DENIED', 'bytes'],
    ]);
  });

  it('is one with a name that no registry takes', async () => {
    const { source, to, targets } = await sides(images, () => ({
      async *tags() {
        await Promise.resolve();
        yield* ['a', '../../x', 'with\u001b[31m colour', 'b'];
      },
    }));
    const { targets: reports } = await runTags({ source, targets });
    expect(reports.map(({ error }) => error?.code)).toEqual([
      ...[undefined, 'E_REFERENCE', 'E_REFERENCE', undefined],
    ]);
    expect(reports[2]?.reference).toBe('target/app:with[31m colour');
    expect(calls(to, /^(?:tag|resolve)/)).toEqual(['tag a', 'tag b', 'tags']);
  });

  it('is one whose guard does not hold', async () => {
    const { source, to, targets } = await sides(images);
    await seedAll(to, { a: images.a, b: own(19) });
    const { targets: reports } = await runTags({ source, targets, guard: { noClobber: true } });
    expect(reports.map(({ changed, error }) => error?.code ?? changed)).toEqual([false, 'E_GUARD', true]);
    expect(to.memory.tagged('b')).toBe(own(19).root.descriptor.digest);
  });

  it('is one that was absent by the list and, with a guard, is found just before it is written', async () => {
    const { source, to, targets } = await sides(images, undefined, () => ({
      async *tags() {
        yield* await Promise.resolve([]);
      },
    }));
    await seedAll(to, { b: own(19) });
    const { targets: reports } = await runTags({ source, targets, guard: { noClobber: true } });
    expect(reports.map(({ error }) => error?.code)).toEqual([undefined, 'E_TAG_MOVED', undefined]);
    expect(to.memory.tagged('b')).toBe(own(19).root.descriptor.digest);
  });
});

describe('the list of tags', () => {
  it('that breaks off is told, and what it had before is copied', async () => {
    const { source, to, targets } = await sides(images, () => ({
      async *tags() {
        await Promise.resolve();
        yield 'a';
        throw new RegferryError('E_UNAVAILABLE', 'page 2 is gone');
      },
    }));
    const { error, targets: reports } = await runTags({ source, targets });
    expect(error).toMatchObject({ code: 'E_UNAVAILABLE', side: 'source' });
    expect(reports).toMatchObject([{ reference: 'target/app:a', verified: 'bytes' }]);
    expect(to.memory.tagged('a')).toBeDefined();
  });

  it.each([
    [{}, 'source/app has no tags'],
    [{ a: own(1) }, 'source/app has 1 tag, but none that is asked for'],
    [images, 'source/app has 3 tags, but none that is asked for'],
  ])(
    'of which none is to be copied is an error that says how many there are',
    async (some: Images, message) => {
      const { source, to, targets } = await sides(some);
      const { error, targets: reports } = await runTags({ source, targets, selects: () => false });
      expect(error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source', message });
      expect(reports).toEqual([]);
      expect(started(to)).toEqual(['tags']);
    },
  );

  it('is not followed any further after an abort', async () => {
    const abort = new AbortController();
    const { source, targets } = await sides(images, (memory) => ({
      fetch: (key, op) => {
        abort.abort(new RegferryError('E_ABORTED', 'enough'));
        return memory.fetch(key, op);
      },
      async *tags() {
        yield 'a';
        await settled();
        yield* ['b', 'c'];
      },
    }));
    const { error, targets: reports } = await runTags({ source, targets, signal: abort.signal });
    expect(error).toMatchObject({ code: 'E_ABORTED' });
    expect(reports).toMatchObject([
      { reference: 'target/app:a', changed: false, error: { code: 'E_ABORTED' } },
    ]);
  });
});

describe('however many tags there are', () => {
  const count = 60;
  const many = Object.fromEntries(Array.from({ length: count }, (_, at) => [`t${at}`, own(100 + at)]));

  it('twice as many are under way as a lane is wide', async () => {
    let [now, most] = [0, 0];
    const { source, targets } = await sides(
      many,
      (memory) => ({
        fetch: async (key, op) => {
          now += 1;
          most = Math.max(most, now);
          return memory.fetch(key, op);
        },
      }),
      (memory) => ({
        fetch: async (key, op) => {
          await settled();
          now -= 1;
          return memory.fetch(key, op);
        },
      }),
    );
    const { targets: reports } = await runTags({ source, targets, concurrency: 1 });
    expect(reports.every(({ verified }) => verified === 'bytes')).toBe(true);
    expect(most).toBe(8);
  });

  it('none waits for ever for what others have begun at several registries', async () => {
    const shapes = fc.record({
      concurrency: fc.integer({ min: 1, max: 2 }),
      delays: fc.array(fc.nat({ max: 3 }), { minLength: 20, maxLength: 20 }),
      there: fc.array(fc.nat({ max: 19 }), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(shapes, async ({ concurrency, delays, there }) => {
        let call = 0;
        async function late<T>(work: () => Promise<T>): Promise<T> {
          for (let turns = delays[call++ % delays.length] ?? 0; turns > 0; turns -= 1) await setImmediate();
          return work();
        }
        const delayed: Overrides = (memory) => ({
          fetch: (key, op) => late(() => memory.fetch(key, op)),
          resolve: (key, op) => late(() => memory.resolve(key, op)),
          has: (descriptor, op) => late(() => memory.has(descriptor, op)),
          put: (descriptor, open, options) => late(() => memory.put(descriptor, open, options)),
          tag: (manifest, tag, op) => late(() => memory.tag(manifest, tag, op)),
        });
        const some = Object.fromEntries(
          Array.from({ length: 20 }, (_, at) => [
            `t${at}`,
            at % 3 === 0 ? indexOf([{ image: own(at % 7) }, { image: own(at % 5) }]) : own(at % 9),
          ]),
        );
        const { source } = await sides(some, delayed);
        const stores = ['one', 'two', 'three'].map((host) => {
          return recordedStore(new Names(), { host, repository: 'app' }, delayed);
        });
        for (const [at, tag] of there.entries()) {
          const store = stores[at % stores.length];
          if (store !== undefined) await seedAll(store, { [`t${tag}`]: some[`t${tag}`] ?? own(0) });
        }
        const targets = stores.map((store) => ({ store, name: store.toString() }));
        const { targets: reports } = await runTags({ source, targets, concurrency });
        expect(reports.filter(({ verified }) => verified !== undefined)).toHaveLength(60);
      }),
      { numRuns: 25 },
    );
  });

  it('the manifests of those that are done are let go', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const last = gate();
    const read: WeakRef<object>[] = [];
    const { source, targets } = await sides(
      many,
      (memory) => ({
        fetch: async (key, op) => {
          if ('tag' in key && key.tag === `t${count - 1}`) await last.opened;
          const manifest = copyOf(await memory.fetch(key, op));
          read.push(new WeakRef(manifest.bytes));
          return manifest;
        },
      }),
      (memory) => ({ tag: (manifest, tag, op) => memory.tag(copyOf(manifest), tag, op) }),
    );
    const running = runTags({ source, targets, concurrency: 1 });
    for (let turn = 0; turn < 200 && read.length < count - 1; turn++) await settled();
    await settled();
    collect();
    const kept = read.filter((reference) => reference.deref() !== undefined).length;
    last.open();
    await running;
    expect(read).toHaveLength(count);
    expect(kept).toBeLessThan(10);
  });
});
