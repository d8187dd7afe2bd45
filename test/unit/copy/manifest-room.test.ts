import { describe, expect, it } from 'vitest';

import { HELD_MANIFEST_BYTES } from '../../../src/copy/limits.js';
import { ManifestRoom } from '../../../src/copy/manifest-room.js';
import { MANIFEST_BYTES } from '../../../src/spec/limits.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import { Names, recordedStore, runTags, settled } from './recorded-store.js';

const MiB = 1024 * 1024;

function noting(promise: Promise<void>): { done: boolean } {
  const state = { done: false };
  void promise.then(() => (state.done = true));
  return state;
}

describe('the room for manifests', () => {
  it('is set aside for roots as large as they may be until one was read, then as large as they were', async () => {
    const room = new ManifestRoom(MANIFEST_BYTES * 2);
    const roots = [1, 2, 3, 4].map(() => room.holding());
    const states = roots.map((holding) => noting(holding.root()));
    await settled();
    expect(states.map(({ done }) => done)).toEqual([true, true, false, false]);
    await roots[0]?.content(1_000, 0);
    await settled();
    expect(states.map(({ done }) => done)).toEqual([true, true, true, true]);
    for (const holding of roots) holding.release();
    expect(room.held).toBe(0);
  });

  it('lets the first go on that needs more than there is, and the others wait for it', async () => {
    const room = new ManifestRoom(10 * MiB);
    const [one, two] = [room.holding(), room.holding()];
    await one.root();
    await two.root();
    const first = noting(one.content(1_000, 30 * MiB));
    const second = noting(two.content(1_000, 1 * MiB));
    await settled();
    expect([first.done, second.done]).toEqual([true, false]);
    one.release();
    await settled();
    expect(second.done).toBe(true);
    two.release();
    expect(room.held).toBe(0);
  });

  it('counts what was not foreseen, and lets nobody wait for it who has begun', async () => {
    const room = new ManifestRoom(10 * MiB);
    const [one, two] = [room.holding(), room.holding()];
    await one.root();
    one.read(1_000);
    await one.content(1_000, 2_000);
    one.read(20 * MiB);
    expect(room.held).toBe(20 * MiB + 1_000);
    const late = noting(two.root());
    await settled();
    expect(late.done).toBe(false);
    one.release();
    await settled();
    expect(late.done).toBe(true);
  });
});

/** An index of this many manifests of about 3 MiB each. */
function heavy(at: number, manifests: number): FixtureImage {
  const images = Array.from({ length: manifests }, (_, child) =>
    imageManifest({
      layers: [blob(100, 50 * at + child)],
      fields: { annotations: { filling: `${at}-${child}-`.padEnd(3 * MiB, 'x') } },
    }),
  );
  return indexOf(images.map((image) => ({ image })));
}

describe('a copy of many tags with large manifests', () => {
  it('holds no more of them at a time than there is room for, and ends', async () => {
    const tags = Array.from({ length: 12 }, (_, at) => [`t${at}`, heavy(at, 3)] as const);
    const sizes = new Map(
      tags.map(([tag, { manifests }]) => [tag, manifests.reduce((sum, { bytes }) => sum + bytes.length, 0)]),
    );
    const tagOf = new Map(
      tags.flatMap(([tag, { manifests }]) =>
        manifests.map(({ descriptor }) => [descriptor.digest, tag] as const),
      ),
    );
    const held = new Map<string, number>();
    let most = 0;
    const source = recordedStore(new Names(), { host: 'source' }, (memory) => ({
      fetch: async (key, op) => {
        const manifest = await memory.fetch(key, op);
        const tag = tagOf.get(manifest.descriptor.digest) ?? '';
        held.set(tag, (held.get(tag) ?? 0) + manifest.bytes.length);
        most = Math.max(
          most,
          [...held.values()].reduce((sum, bytes) => sum + bytes, 0),
        );
        return manifest;
      },
    }));
    for (const [tag, image] of tags) await seed(source.memory, image, tag);
    const to = recordedStore(new Names(), { host: 'target' }, (memory) => ({
      tag: async (manifest, tag, op) => {
        await settled();
        await memory.tag(manifest, tag, op);
        held.delete(tag);
      },
    }));
    const { targets } = await runTags({ source, targets: [{ store: to, name: 'to' }] });
    expect(targets.map(({ verified }) => verified)).toEqual(tags.map(() => 'bytes'));
    expect([...sizes.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(HELD_MANIFEST_BYTES);
    expect(most).toBeLessThanOrEqual(HELD_MANIFEST_BYTES);
  });
});
