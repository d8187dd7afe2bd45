import { describe, expect, it } from 'vitest';

import type { Manifest } from '../../../src/content/store.js';
import type { MemoryStore } from '../../../src/content/memory-store.js';
import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  Names,
  recordedStore,
  run,
  started,
  target,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const names = new Names();
const shared = blob(2_000, 1);
const image = imageManifest({ layers: [shared, blob(3_000, 2)], style: 'odd key order' });
const other = imageManifest({ layers: [shared, blob(3_000, 3)] });
const old = imageManifest({ layers: [blob(5, 4)] });
const index = indexOf([{ image }, { image: other }], { style: 'pretty' });
const nested = indexOf([{ image: index }, { image: imageManifest({ layers: [blob(5, 5)] }) }]);
for (const one of [nested, index]) names.image(one);
names.give(old.root.descriptor.digest, 'old');

async function sourceOf(root: FixtureImage, overrides?: Overrides): Promise<RecordedStore> {
  const source = recordedStore(names, { host: 'source', repository: 'app' }, overrides);
  await seed(source.memory, root, '1');
  return source;
}

function targetAt(repository = 'app', overrides?: Overrides, host = 'target'): RecordedStore {
  return recordedStore(names, { host, repository }, overrides);
}

/** True when the whole image is at a store, under the tag. */
function holds({ memory }: RecordedStore, { root, manifests, blobs }: FixtureImage, tag: string): boolean {
  return (
    memory.tagged(tag) === root.descriptor.digest &&
    manifests.every(({ descriptor, bytes }) => memory.manifest(descriptor.digest)?.bytes.equals(bytes)) &&
    [...blobs].every(([digest, bytes]) => memory.blob(digest)?.equals(bytes))
  );
}

const error = (code: ErrorCode, more = {}): RegferryError => new RegferryError(code, `failed: ${code}`, more);

describe('a copy of an image', () => {
  it('asks source and target at once, moves each blob once, then the tag, then reads back', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const { targets, root } = await run({ source, targets: [target(to, '2')] });
    expect(holds(to, image, '2')).toBe(true);
    expect(started(source).sort()).toEqual(
      ['fetch :1', ...[...image.blobs.keys()].map((digest) => `open ${names.of(digest)}`)].sort(),
    );
    const asked = started(to);
    expect(asked[0]).toBe('resolve :2');
    expect(asked.slice(-2)).toEqual(['tag 2', 'fetch :2']);
    expect(asked.filter((call) => call.startsWith('has'))).toHaveLength(3);
    expect(asked.filter((call) => call.startsWith('put'))).toHaveLength(3);
    expect(asked).toHaveLength(9);
    expect(root).toEqual(image.root.descriptor);
    expect(targets).toEqual([
      {
        reference: 'target/app:2',
        digest: image.root.descriptor.digest,
        changed: true,
        previous: null,
        blobs: { copied: 3, mounted: 0, skipped: 0, foreign: 0 },
        manifests: { copied: 1, skipped: 0 },
        bytes: { copied: sizeOf(image), mounted: 0, skipped: 0 },
        verified: 'bytes',
      },
    ]);
  });

  it('that is there already costs one request on either side', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    await to.memory.tag(image.root, '2');
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect([started(source), started(to)]).toEqual([['fetch :1'], ['resolve :2']]);
    expect(targets[0]).toMatchObject({
      changed: false,
      verified: 'header',
      previous: image.root.descriptor.digest,
      manifests: { copied: 0, skipped: 0 },
    });
  });

  it('asks with a HEAD first where GETs are metered, and no more if that is enough', async () => {
    const metered = (): { metered: boolean } => ({ metered: true });
    const [source, to] = [await sourceOf(image, metered), targetAt()];
    await to.memory.tag(image.root, '2');
    const same = await run({ source, targets: [target(to, '2')] });
    expect([started(source), started(to)]).toEqual([['resolve :1'], ['resolve :2']]);
    expect(same.targets[0]).toMatchObject({ changed: false, verified: 'header' });
    expect(same.root).toEqual(image.root.descriptor);

    const fresh = await sourceOf(image, metered);
    await run({ source: fresh, targets: [target(targetAt(), '2')] });
    expect(started(fresh).slice(0, 2)).toEqual(['resolve :1', 'fetch :1']);
  });

  it('moves only what is missing', async () => {
    const [source, to] = [await sourceOf(other), targetAt()];
    await seed(to.memory, image, '2');
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(holds(to, other, '2')).toBe(true);
    expect(targets[0]).toMatchObject({
      previous: image.root.descriptor.digest,
      blobs: { copied: 2, skipped: 1 },
      bytes: { skipped: 2_000 },
    });
  });

  it('without a tag goes by digest, and is the same again afterwards', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const first = await run({ source, targets: [target(to)] });
    expect(first.targets[0]).toMatchObject({ changed: true, verified: 'bytes', manifests: { copied: 1 } });
    expect(started(to).slice(-2)).toEqual([
      `putManifest ${names.of(image.root.descriptor.digest)}`,
      `fetch ${names.of(image.root.descriptor.digest)}`,
    ]);
    const again = await run({ source, targets: [target(to)] });
    expect(again.targets[0]).toMatchObject({ changed: false, verified: 'header' });
  });

  it('tells what happens', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const { events } = await run({ source, targets: [target(to, '2')] });
    const { descriptor } = image.root;
    expect(events[0]).toEqual({ type: 'resolved', reference: 'source/app', descriptor });
    expect(events[1]).toMatchObject({ type: 'walked', blobs: 3, bytes: sizeOf(image), complete: true });
    expect(events.at(-1)).toEqual({
      ...{ type: 'tagged', target: 'target/app', tag: '2', digest: descriptor.digest, previous: null },
    });
    for (const digest of image.blobs.keys()) {
      const states = events.flatMap((event) =>
        event.type === 'blob' && event.digest === digest ? [event.state] : [],
      );
      expect(states).toEqual(['started', 'copied']);
    }
  });
});

describe('the order of a copy', () => {
  it('is blobs before the manifest that names them, children before the index, the tag last', async () => {
    const [source, to] = [await sourceOf(nested), targetAt()];
    await run({ source, targets: [target(to, '2')] });
    expect(holds(to, nested, '2')).toBe(true);
    const at = (call: string): number => {
      expect(
        to.calls.filter((one) => one === call),
        call,
      ).toHaveLength(1);
      return to.calls.indexOf(call);
    };
    const before = (first: string, second: string): void =>
      expect(at(`done ${first}`)).toBeLessThan(at(second));
    const put = (manifest: Manifest): string => `putManifest ${names.of(manifest.descriptor.digest)}`;
    for (const one of [image, other]) {
      for (const digest of one.blobs.keys()) before(`put ${names.of(digest)}`, put(one.root));
      before(put(one.root), put(index.root));
    }
    before(put(index.root), 'tag 2');
    before('tag 2', 'fetch :2');
  });

  it('reads each manifest once, and puts a blob once that many manifests need', async () => {
    const images = Array.from({ length: 20 }, (_, at) =>
      imageManifest({
        layers: [shared, blob(10, 100 + at)],
        platform: { os: 'linux', architecture: `a${at}` },
      }),
    );
    const wide = indexOf([...images, ...images].map((one) => ({ image: one })));
    const [source, to] = [await sourceOf(wide), targetAt()];
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(holds(to, wide, '2')).toBe(true);
    expect(started(source).filter((call) => call.startsWith('fetch'))).toHaveLength(21);
    for (const verb of ['has', 'put', 'open']) {
      const calls = [...started(source), ...started(to)];
      expect(calls.filter((call) => call === `${verb} ${names.of(digestOf(shared))}`)).toHaveLength(1);
    }
    expect(targets[0]).toMatchObject({ blobs: { copied: 41 }, manifests: { copied: 21 } });
  });

  it('leaves out a child that is there, with all that is under it', async () => {
    const [source, to] = [await sourceOf(nested), targetAt()];
    await seed(to.memory, index);
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(holds(to, nested, '2')).toBe(true);
    expect(started(source)).not.toContain(`open ${names.of(digestOf(shared))}`);
    expect(started(to)).not.toContain(`has ${names.of(digestOf(shared))}`);
    expect(targets[0]).toMatchObject({ manifests: { copied: 2, skipped: 1 }, blobs: { copied: 2 } });
  });

  it('reads nothing below such a child where the tag existed before', async () => {
    const [source, to] = [await sourceOf(nested), targetAt()];
    await seed(to.memory, index);
    await to.memory.tag(old.root, '2');
    await run({ source, targets: [target(to, '2')] });
    expect(started(source)).not.toContain(`fetch ${names.of(index.root.descriptor.digest)}`);
  });
});

describe('several targets', () => {
  it('share what is read, and each gets everything', async () => {
    const source = await sourceOf(index);
    const [a, b] = [targetAt('app', undefined, 'a'), targetAt('app', undefined, 'b')];
    const { targets } = await run({ source, targets: [target(a, '2'), target(b, '2')] });
    expect([holds(a, index, '2'), holds(b, index, '2')]).toEqual([true, true]);
    expect(started(source).filter((call) => call.startsWith('fetch'))).toHaveLength(3);
    expect(targets.map(({ reference, verified }) => [reference, verified])).toEqual([
      ['a/app:2', 'bytes'],
      ['b/app:2', 'bytes'],
    ]);
  });

  it('fail by themselves: one that refuses a blob does not stop the other', async () => {
    const source = await sourceOf(index);
    const refused = error('E_DENIED', { status: 403 });
    const bad = targetAt('app', () => ({ put: () => Promise.reject(refused) }), 'bad');
    const good = targetAt('app', undefined, 'good');
    const outcome = await run({ source, targets: [target(bad, '2'), target(good, '2')] });
    expect(outcome.error).toBeUndefined();
    expect(outcome.targets[0]).toMatchObject({ changed: false, error: { code: 'E_DENIED', side: 'target' } });
    expect(outcome.targets[1]).toMatchObject({ changed: true, verified: 'bytes' });
    expect(outcome.targets[1]?.error).toBeUndefined();
    expect([holds(good, index, '2'), bad.memory.tagged('2')]).toEqual([true, undefined]);
    expect(started(bad)).not.toContain('tag 2');
  });

  it('in one repository cost one upload, and a PUT and a read-back a tag', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    await to.memory.tag(old.root, '3');
    const { targets } = await run({ source, targets: ['2', '3', '4'].map((tag) => target(to, tag)) });
    expect(targets.map(({ previous }) => previous)).toEqual([null, old.root.descriptor.digest, null]);
    const calls = started(to);
    expect(calls.filter((call) => call.startsWith('put '))).toHaveLength(3);
    expect(calls.filter((call) => call.startsWith('has '))).toHaveLength(3);
    for (const tag of ['2', '3', '4']) {
      expect(to.memory.tagged(tag)).toBe(image.root.descriptor.digest);
      for (const verb of ['resolve :', 'tag ', 'fetch :']) {
        expect(calls.filter((call) => call === `${verb}${tag}`)).toHaveLength(1);
      }
    }
    const tags = to.calls.filter((call) => / tag |^tag /.test(call));
    expect(tags).toEqual(['tag 2', 'done tag 2', 'tag 3', 'done tag 3', 'tag 4', 'done tag 4']);
  });

  it('in one repository fail by themselves as well', async () => {
    const source = await sourceOf(image);
    const to = targetAt('app', (memory) => ({
      tag: (manifest, tag) =>
        tag === 'locked' ? Promise.reject(error('E_IMMUTABLE_TAG')) : memory.tag(manifest, tag),
    }));
    const { targets } = await run({ source, targets: [target(to, 'locked'), target(to, 'free')] });
    expect(targets[0]?.error?.code).toBe('E_IMMUTABLE_TAG');
    expect(targets[1]).toMatchObject({ changed: true, verified: 'bytes' });
  });

  it('at one host get each blob once over the line, and mount it everywhere else', async () => {
    const source = await sourceOf(image);
    const stores = new Map<string, MemoryStore>();
    const sibling = (repository: string): MemoryStore | undefined => stores.get(repository);
    const all = ['a', 'b', 'c'].map((repository) => {
      const store = recordedStore(names, { host: 'target', repository, sibling });
      stores.set(repository, store.memory);
      return store;
    });
    const { targets } = await run({ source, targets: all.map((store) => target(store, '2')) });
    expect(all.every((store) => holds(store, image, '2'))).toBe(true);
    expect(started(source).filter((call) => call.startsWith('open'))).toHaveLength(3);
    expect(targets.map(({ blobs }) => [blobs.copied, blobs.mounted])).toEqual([
      [3, 0],
      [0, 3],
      [0, 3],
    ]);
  });

  it('at one host mount what another one has had all along', async () => {
    const source = await sourceOf(image);
    const full = targetAt('full');
    await seed(full.memory, image);
    const empty = recordedStore(names, { host: 'target', repository: 'empty', sibling: () => full.memory });
    const { targets } = await run({ source, targets: [target(full, '2'), target(empty, '2')] });
    expect(holds(empty, image, '2')).toBe(true);
    expect(targets.map(({ blobs }) => [blobs.skipped, blobs.mounted])).toEqual([
      [3, 0],
      [0, 3],
    ]);
    expect(started(source)).toEqual(['fetch :1']);
  });

  it('at one host go on by themselves where the first one failed', async () => {
    const source = await sourceOf(image);
    const bad = targetAt('bad', () => ({ put: () => Promise.reject(error('E_DENIED')) }));
    const good = targetAt('good');
    const { targets } = await run({ source, targets: [target(bad, '2'), target(good, '2')] });
    expect(targets[0]?.error?.code).toBe('E_DENIED');
    expect(holds(good, image, '2')).toBe(true);
  });
});

describe('mounts', () => {
  it('come from the source where that is at the same host', async () => {
    const source = recordedStore(names, { host: 'one', repository: 'from' });
    await seed(source.memory, image, '1');
    const to = recordedStore(names, { host: 'one', repository: 'to', sibling: () => source.memory });
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(holds(to, image, '2')).toBe(true);
    expect(targets[0]).toMatchObject({ blobs: { mounted: 3, copied: 0 }, bytes: { copied: 0 } });
    expect(started(source)).toEqual(['fetch :1']);
    expect(started(to).filter((call) => call.endsWith(' from from'))).toHaveLength(3);
  });

  it("are not needed within the source's own repository, where nothing but the tag is written", async () => {
    const source = await sourceOf(index);
    const { targets } = await run({ source, targets: [target(source, '2')] });
    expect(started(source)).toEqual(['resolve :2', 'fetch :1', 'tag 2', 'fetch :2']);
    expect(targets[0]).toMatchObject({
      changed: true,
      blobs: { copied: 0, skipped: 0 },
      manifests: { copied: 1 },
    });
  });
});

describe('what a target has to become', () => {
  it('and would not stops everything before a byte is written', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const expected = old.root.descriptor.digest;
    const { targets } = await run({ source, targets: [target(to, '2', { expect: expected })] });
    expect(targets[0]).toMatchObject({ changed: false, error: { code: 'E_GUARD' } });
    expect(targets[0]?.error?.message).toContain('nothing was written');
    expect(started(to)).toEqual(['resolve :2']);
  });

  it('and does is no obstacle', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const expected = image.root.descriptor.digest;
    const { targets } = await run({ source, targets: [target(to, '2', { expect: expected })] });
    expect([targets[0]?.error, holds(to, image, '2')]).toEqual([undefined, true]);
  });
});

describe('a tag that cannot be looked at', () => {
  it.each(['E_UNAUTHORIZED', 'E_DENIED'] as const)(
    'for want of rights (%s) is unknown, and is written',
    async (code) => {
      const source = await sourceOf(image);
      const to = targetAt('app', () => ({ resolve: () => Promise.reject(error(code)) }));
      const { targets } = await run({ source, targets: [target(to, '2')] });
      expect(holds(to, image, '2')).toBe(true);
      expect(targets[0]).toMatchObject({ changed: true, verified: 'bytes' });
      expect(targets[0]).not.toHaveProperty('previous');
    },
  );

  it.each(['E_UNAVAILABLE', 'E_NETWORK', 'E_REFUSED'] as const)(
    'for another reason (%s) is not taken for absent, and is left alone',
    async (code) => {
      const source = await sourceOf(image);
      const to = targetAt('app', () => ({ resolve: () => Promise.reject(error(code)) }));
      const { targets } = await run({ source, targets: [target(to, '2')] });
      expect(targets[0]).toMatchObject({ changed: false, error: { code, side: 'target' } });
      expect(started(to)).toEqual(['resolve :2']);
    },
  );
});

describe('foreign layers', () => {
  const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
  const bytes = blob(700, 8);
  const foreign = imageManifest({ layers: [{ bytes, mediaType, foreign: true }, blob(10, 9)] });

  it('are not brought, and counted', async () => {
    const [source, to] = [await sourceOf(foreign), targetAt()];
    const { targets, events } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 2, foreign: 1 } });
    expect(to.memory.blob(digestOf(bytes))).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ digest: digestOf(bytes), state: 'foreign' }));
  });

  it('are brought where that is asked for', async () => {
    const [source, to] = [await sourceOf(foreign), targetAt()];
    source.memory.putBytes(bytes);
    const { targets } = await run({ source, targets: [target(to, '2')], includeForeign: true });
    expect(targets[0]).toMatchObject({ blobs: { copied: 3, foreign: 0 } });
    expect(to.memory.blob(digestOf(bytes))?.equals(bytes)).toBe(true);
  });

  it('are brought where another manifest names the same bytes as an ordinary layer', async () => {
    const both = indexOf([{ image: foreign }, { image: imageManifest({ layers: [bytes] }) }]);
    const [source, to] = [await sourceOf(both), targetAt()];
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(to.memory.blob(digestOf(bytes))?.equals(bytes)).toBe(true);
    expect(targets[0]?.error).toBeUndefined();
  });
});

describe('a dry run of nothing but questions', () => {
  it('is left to the target: the engine reads nothing back and tells of no tag', async () => {
    const [source, to] = [await sourceOf(index), targetAt()];
    const { targets, events } = await run({ source, targets: [target(to, '2')], dryRun: true });
    expect(targets[0]).toMatchObject({ changed: true, previous: null });
    expect(targets[0]).not.toHaveProperty('verified');
    expect(started(to)).not.toContain('fetch :2');
    expect(events.some(({ type }) => type === 'tagged')).toBe(false);
  });
});

function sizeOf({ blobs }: FixtureImage): number {
  return [...blobs.values()].reduce((sum, bytes) => sum + bytes.length, 0);
}
