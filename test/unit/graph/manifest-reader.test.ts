import { describe, expect, it } from 'vitest';

import { MemoryStore } from '../../../src/content/memory-store.js';
import type { Manifest } from '../../../src/content/store.js';
import { nodeOf, ManifestReader } from '../../../src/graph/manifest-reader.js';
import { RegferryError } from '../../../src/errors.js';
import { DEPTH, NODES, TREE_BYTES } from '../../../src/spec/limits.js';
import { OCI_INDEX, SCHEMA1 } from '../../../src/spec/media-types.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import { descriptorOf, failureOf } from '../registry/open-repository.js';
import { gate, Names, recordedStore, settled, started, type Overrides } from '../copy/recorded-store.js';

const image = imageManifest({ layers: [blob(10, 1)] });
const index = indexOf([{ image }, { image: imageManifest({ layers: [blob(10, 2)] }) }]);

async function walking(root: FixtureImage, overrides: Overrides = () => ({})) {
  const names = new Names();
  names.image(root);
  const source = recordedStore(names, { host: 'source' }, overrides);
  await seed(source.memory, root, '1');
  return { source, reader: new ManifestReader(source) };
}

describe('a node', () => {
  it('names children or blobs, in their order', () => {
    expect(nodeOf(image.root).blobs.map(({ digest }) => digest)).toEqual([...image.blobs.keys()]);
    expect(nodeOf(image.root).children).toEqual([]);
    const children = index.manifests.slice(0, 2).map(({ descriptor }) => descriptor);
    expect(nodeOf(index.root).children).toMatchObject(children);
    expect(nodeOf(index.root).blobs).toEqual([]);
  });

  it('of a type that nobody knows names nothing', () => {
    const bytes = Buffer.from('anything');
    const node = nodeOf({ bytes, descriptor: { ...descriptorOf(bytes), mediaType: 'application/x-other' } });
    expect([node.view.kind, node.children, node.blobs]).toEqual(['opaque', [], []]);
  });

  it('of Docker schema 1 is refused', () => {
    const bytes = Buffer.from('{"schemaVersion":1}');
    expect(() => nodeOf({ bytes, descriptor: { ...descriptorOf(bytes), mediaType: SCHEMA1 } })).toThrow(
      /schema 1/,
    );
  });
});

describe('a reader', () => {
  it('reads each manifest once, however many ask for it', async () => {
    const { source, reader } = await walking(index);
    const root = await reader.root({ tag: '1' });
    const [child] = root.children;
    if (child === undefined) throw new Error('no child');
    const nodes = await Promise.all([reader.child(child, 1), reader.child(child, 1), reader.child(child, 3)]);
    expect(new Set(nodes).size).toBe(1);
    expect(await reader.child(root.manifest.descriptor, 1)).toBe(root);
    expect(started(source)).toEqual(['fetch :1', 'fetch manifest-1']);
  });

  it('keeps no failure of an entry whose type nobody knows', async () => {
    let isDown = true;
    const { reader } = await walking(index, (memory) => ({
      open: (...args) => {
        if (isDown) throw new RegferryError('E_NETWORK', 'down');
        return memory.open(...args);
      },
    }));
    const [layer] = image.blobs.values();
    const entry = { ...descriptorOf(layer ?? Buffer.alloc(0)), mediaType: 'application/x-unknown' };
    expect((await failureOf(reader.entry(entry, 1))).code).toBe('E_NETWORK');
    isDown = false;
    expect(await reader.entry(entry, 1)).toBeUndefined();
  });

  it('keeps no failure: it is for those who waited, and the next one reads', async () => {
    let failures = 1;
    const { source, reader } = await walking(index, (memory) => ({
      fetch: (key, op) => {
        if ('tag' in key || failures === 0) return memory.fetch(key, op);
        failures -= 1;
        return Promise.reject(new RegferryError('E_UNAVAILABLE', 'busy'));
      },
    }));
    const root = await reader.root({ tag: '1' });
    const [child] = root.children;
    if (child === undefined) throw new Error('no child');
    const waiting = [reader.child(child, 1), reader.child(child, 1)];
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await reader.child(child, 1)).manifest.descriptor.digest).toBe(child.digest);
    expect(started(source)).toEqual(['fetch :1', 'fetch manifest-1', 'fetch manifest-1']);
  });

  it('goes as deep as indexes are allowed to', async () => {
    const { reader } = await walking(index);
    const [child] = (await reader.root({ tag: '1' })).children;
    if (child === undefined) throw new Error('no child');
    expect(await failureOf(reader.child(child, DEPTH + 1))).toMatchObject({
      code: 'E_LIMIT',
      side: 'source',
    });
    await reader.child(child, DEPTH);
  });

  it('counts manifests and blobs, each once, and stops at too many', async () => {
    const store = new MemoryStore();
    const reader = new ManifestReader(store);
    await store.tag(indexWith(0, 9_999), '1');
    const root = await reader.root({ tag: '1' });
    await reader.child(root.manifest.descriptor, 1);
    let error: unknown;
    for (let page = 1; page <= 11 && error === undefined; page += 1) {
      const next = indexWith(page * 9_999, 9_999);
      await store.putManifest(next);
      error = await reader.child(next.descriptor, 1).then(
        () => undefined,
        (failure: unknown) => failure,
      );
      if (error !== undefined) expect((page + 1) * 10_000).toBeGreaterThanOrEqual(NODES);
    }
    expect(error).toMatchObject({ code: 'E_LIMIT', side: 'source' });
  });

  it.each([
    new RegferryError('E_NETWORK', 'unreachable'),
    new RegferryError('E_NOT_FOUND', 'a hole in the index'),
  ])("calls %s the source's error", async (failure) => {
    const { reader } = await walking(index, () => ({ fetch: () => Promise.reject(failure) }));
    const { code } = failure;
    expect(await failureOf(reader.root({ tag: '1' }))).toMatchObject({ code, side: 'source' });
    const { descriptor } = image.root;
    expect(await failureOf(reader.child(descriptor, 1))).toMatchObject({ code, side: 'source' });
    expect(await failureOf(reader.child(descriptor, 1))).toMatchObject({ code, side: 'source' });
  });

  it('stops at manifests that are too large together, since all of them are held', async () => {
    const heavy = Array.from({ length: 17 }, (_, at) =>
      imageManifest({ layers: [blob(5, at)], fields: { annotations: { padding: 'x'.repeat(4_000_000) } } }),
    );
    const { reader } = await walking(indexOf(heavy.map((one) => ({ image: one }))));
    const { children } = await reader.root({ tag: '1' });
    const reads = children.map((child) => reader.child(child, 1));
    const error = await failureOf(Promise.all(reads));
    await reader.settled();
    expect(error).toMatchObject({ code: 'E_LIMIT', side: 'source' });
    expect(error.message).toContain(`more than ${TREE_BYTES} bytes in all`);
  });

  it('can be waited for', async () => {
    const hold = gate();
    const { reader } = await walking(index, () => ({
      fetch: () => hold.opened.then(() => Promise.reject(new RegferryError('E_CUT', 'cut'))),
    }));
    const child = reader.child(image.root.descriptor, 1);
    child.catch(() => undefined);
    let over = false;
    const all = reader.settled().then(() => (over = true));
    await settled();
    expect(over).toBe(false);
    hold.open();
    await all;
    await expect(child).rejects.toThrow('cut');
  });
});

/** An index of so many entries that nobody will ever see. */
function indexWith(from: number, count: number): Manifest {
  const manifests = Array.from({ length: count }, (_, at) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${(from + at).toString(16).padStart(64, '0')}`,
    size: 1,
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  return { bytes, descriptor: { ...descriptorOf(bytes), mediaType: OCI_INDEX } };
}
