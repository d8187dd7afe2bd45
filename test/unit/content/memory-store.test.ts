import { describe, expect, it } from 'vitest';

import { MemoryStore } from '../../../src/content/memory-store.js';
import { digestOf } from '../../../src/spec/digest.js';
import { streamOf } from './streams.js';
import { blobOf, describeTarget, manifestOf, tagsOf } from './target-contract.js';

const bytes = Buffer.from('some layer');
const blob = blobOf(bytes);

describe('MemoryStore', () => {
  describeTarget(() => Promise.resolve(new MemoryStore()));

  it('says where it is', () => {
    const store = new MemoryStore({ host: 'here', repository: 'team/app' });
    expect(store.place).toEqual({ kind: 'memory', host: 'here', repository: 'team/app' });
    expect(store.toString()).toBe('memory:team/app');
    expect(new MemoryStore().place).not.toEqual(new MemoryStore().place);
  });

  it('mounts a blob from a sibling that has it', async () => {
    const from = new MemoryStore({ repository: 'from' });
    from.putBytes(bytes);
    const store = new MemoryStore({ sibling: (name) => (name === 'from' ? from : undefined) });
    const never = (): Promise<never> => Promise.reject(new Error('was opened'));
    expect(await store.put(blob, never, { mountFrom: 'from' })).toBe('mounted');
    expect(store.blob(blob.digest)).toEqual(bytes);
  });

  it.each([
    ['there are no siblings', new MemoryStore()],
    ['the sibling is unknown', new MemoryStore({ sibling: () => undefined })],
    ['the sibling has no such blob', new MemoryStore({ sibling: () => new MemoryStore() })],
  ])('copies instead of mounting when %s', async (_, store) => {
    const outcome = await store.put(blob, () => Promise.resolve(streamOf(bytes)), { mountFrom: 'from' });
    expect(outcome).toBe('copied');
    expect(store.blob(blob.digest)).toEqual(bytes);
  });

  it('keeps bytes by the digest of the algorithm that is asked for', () => {
    const store = new MemoryStore();
    expect(store.putBytes(bytes)).toBe(digestOf(bytes));
    expect(store.putBytes(bytes, 'sha512')).toBe(digestOf(bytes, 'sha512'));
    expect(store.putBytes(Uint8Array.from(bytes))).toBe(digestOf(bytes));
    expect(store.blob(digestOf(bytes, 'sha512'))).toEqual(bytes);
  });

  it('refuses to start behind the end of a blob', async () => {
    const store = new MemoryStore();
    store.putBytes(bytes);
    await expect(store.open(blob, { offset: 11 })).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH' });
  });

  it('keeps manifests and blobs apart', async () => {
    const store = new MemoryStore();
    const manifest = manifestOf('a');
    await store.putManifest(manifest);
    expect(await store.has(manifest.descriptor)).toBe(false);
    expect(store.manifest(manifest.descriptor.digest)).toEqual(manifest);
    expect(await store.resolve(blob)).toBeUndefined();
  });

  it('lists its manifests, each once', async () => {
    const store = new MemoryStore();
    await store.tag(manifestOf('a'), 'v1');
    await store.putManifest(manifestOf('b'));
    await store.tag(manifestOf('a'), 'v2');
    expect([...store.manifests()]).toEqual([manifestOf('a'), manifestOf('b')]);
  });

  it('deletes a tag and leaves its manifest', async () => {
    const store = new MemoryStore();
    const { digest } = manifestOf('a').descriptor;
    await store.tag(manifestOf('a'), 'v1');
    expect(store.tagged('v1')).toBe(digest);
    expect(store.deleteTag('v1')).toBe(true);
    expect(store.deleteTag('v1')).toBe(false);
    expect(store.tagged('v1')).toBeUndefined();
    expect(store.manifest(digest)).toBeDefined();
  });

  it('deletes a manifest with the tags that name it, and no others', async () => {
    const store = new MemoryStore();
    await store.tag(manifestOf('a'), 'v1');
    await store.tag(manifestOf('a'), 'v2');
    await store.tag(manifestOf('b'), 'v3');
    expect(store.deleteManifest(manifestOf('a').descriptor.digest)).toBe(true);
    expect(store.deleteManifest(manifestOf('a').descriptor.digest)).toBe(false);
    expect(await tagsOf(store)).toEqual(['v3']);
    expect(await store.resolve({ tag: 'v1' })).toBeUndefined();
  });

  it('deletes a blob', async () => {
    const store = new MemoryStore();
    const digest = store.putBytes(bytes);
    expect(store.deleteBlob(digest)).toBe(true);
    expect(store.deleteBlob(digest)).toBe(false);
    expect(await store.has(blob)).toBe(false);
  });
});
