import { setImmediate } from 'node:timers/promises';
import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { ContentTarget, Manifest } from '../../../src/content/store.js';
import { readAll } from '../../../src/content/verify.js';
import type { Descriptor } from '../../../src/spec/descriptor.js';
import { digestOf, type Algorithm } from '../../../src/spec/digest.js';
import { OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { failing, streamOf } from './streams.js';

/** The descriptor of some bytes as a blob. */
export function blobOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Descriptor {
  return {
    mediaType: 'application/octet-stream',
    digest: digestOf(bytes, algorithm),
    size: bytes.byteLength,
  };
}

/** A small manifest; `mark` makes its digest differ. Its white space is odd on purpose. */
export function manifestOf(mark: string, algorithm: Algorithm = 'sha256'): Manifest {
  const config = blobOf(Buffer.from('{}'));
  const text = `{ "schemaVersion" :2,\r\n\t"mediaType":"${OCI_MANIFEST}", "mark":"${mark}", "big": 12345678901234567890,\n"config":${JSON.stringify(config)}, "layers":[] }\n\n`;
  const bytes = Buffer.from(text);
  return { descriptor: { ...blobOf(bytes, algorithm), mediaType: OCI_MANIFEST }, bytes };
}

/** Everything that each store must do the same way. `make` gives an empty one. */
export function describeTarget(make: () => Promise<ContentTarget>): void {
  describeBlobs(make);
  describeManifests(make);
}

function describeBlobs(make: () => Promise<ContentTarget>): void {
  const bytes = Buffer.alloc(300_000, 'abc');
  const blob = blobOf(bytes);

  describe('as a target of blobs', () => {
    it.each([
      ['of many pieces', bytes, 'sha256'],
      ['of zero bytes', Buffer.alloc(0), 'sha256'],
      ['named by sha512', bytes, 'sha512'],
    ] as const)('gives back a blob %s', async (_, content, algorithm) => {
      const target = await make();
      const descriptor = blobOf(content, algorithm);
      expect(await target.has(descriptor)).toBe(false);
      const half = content.byteLength / 2;
      const open = (): Promise<Readable> =>
        Promise.resolve(streamOf(content.subarray(0, half), content.subarray(half)));
      expect(await target.put(descriptor, open)).toBe('copied');
      expect(await target.has(descriptor)).toBe(true);
      expect((await readAll(await target.open(descriptor), 1e6)).equals(content)).toBe(true);
    });

    it.each([0, 1, 65_536, 131_073, 299_999, 300_000])('opens a blob at byte %d', async (offset) => {
      const target = await make();
      await target.put(blob, () => Promise.resolve(streamOf(bytes)));
      const rest = await readAll(await target.open(blob, { offset }), 1e6);
      expect(rest.equals(bytes.subarray(offset))).toBe(true);
    });

    it('opens a blob as often as it is asked to', async () => {
      const target = await make();
      await target.put(blob, () => Promise.resolve(streamOf(bytes)));
      const [one, two] = await Promise.all([target.open(blob), target.open(blob)]);
      expect((await readAll(one, 1e6)).equals(await readAll(two, 1e6))).toBe(true);
    });

    it('does not open the source for a blob that is there', async () => {
      const target = await make();
      await target.put(blob, () => Promise.resolve(streamOf(bytes)));
      const outcome = await target.put(blob, () => Promise.reject(new Error('was opened')));
      expect(outcome).toBe('present');
    });

    it('counts a blob of another size as absent', async () => {
      const target = await make();
      await target.put(blob, () => Promise.resolve(streamOf(bytes)));
      expect(await target.has({ ...blob, size: blob.size + 1 })).toBe(false);
    });

    it.each([
      ['one wrong byte', Buffer.from(bytes).fill('x', 299_999), 'E_DIGEST_MISMATCH'],
      ['a byte less', bytes.subarray(1), 'E_SIZE_MISMATCH'],
      ['a byte more', Buffer.concat([bytes, Buffer.from('x')]), 'E_SIZE_MISMATCH'],
      ['no bytes', Buffer.alloc(0), 'E_SIZE_MISMATCH'],
    ])('keeps nothing of a source with %s', async (_, wrong, code) => {
      const target = await make();
      const put = target.put(blob, () => Promise.resolve(streamOf(wrong)));
      await expect(put).rejects.toMatchObject({ code });
      expect(await target.has(blob)).toBe(false);
      await expect(target.open(blob)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    });

    it('keeps nothing of a source that breaks, and passes its error on', async () => {
      const target = await make();
      const broken = failing([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);
      await expect(target.put(blob, () => Promise.resolve(broken))).rejects.toThrow('cut');
      await expect(target.put(blob, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
      expect(await target.has(blob)).toBe(false);
    });

    it('puts the same blob twice at once', async () => {
      const target = await make();
      const puts = [1, 2].map(() => target.put(blob, () => Promise.resolve(streamOf(bytes))));
      const outcomes = await Promise.all(puts);
      expect(outcomes).toContain('copied');
      expect((await readAll(await target.open(blob), 1e6)).equals(bytes)).toBe(true);
    });

    it('tells how far it is, up to the whole', async () => {
      const target = await make();
      const seen: number[] = [];
      const open = (): Promise<Readable> =>
        Promise.resolve(streamOf(bytes.subarray(0, 100_000), bytes.subarray(100_000)));
      await target.put(blob, open, { onProgress: (count) => seen.push(count) });
      expect(seen.at(-1)).toBe(bytes.byteLength);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    });

    it('ends a put whose source has stalled with the reason of the signal, and closes the source', async () => {
      const target = await make();
      const abort = new AbortController();
      const stalled = new Readable({ read: () => undefined });
      stalled.push(bytes.subarray(0, 1000));
      const put = target.put(blob, () => Promise.resolve(stalled), { signal: abort.signal });
      const outcome = expect(put).rejects.toThrow('enough');
      await setImmediate();
      abort.abort(new Error('enough'));
      await outcome;
      expect(stalled.destroyed).toBe(true);
      expect(await target.has(blob)).toBe(false);
    });

    it('does nothing for a signal that has been given already', async () => {
      const target = await make();
      const op = { signal: AbortSignal.abort(new Error('enough')) };
      const manifest = manifestOf('a');
      const never = (): Promise<Readable> => Promise.reject(new Error('was opened'));
      await expect(target.put(blob, never, op)).rejects.toThrow('enough');
      await expect(target.has(blob, op)).rejects.toThrow('enough');
      await expect(target.open(blob, op)).rejects.toThrow('enough');
      await expect(target.resolve({ tag: 'a' }, op)).rejects.toThrow('enough');
      await expect(target.fetch({ tag: 'a' }, op)).rejects.toThrow('enough');
      await expect(target.putManifest(manifest, op)).rejects.toThrow('enough');
      await expect(target.tag(manifest, 'a', op)).rejects.toThrow('enough');
      await expect(target.tags(op)[Symbol.asyncIterator]().next()).rejects.toThrow('enough');
      expect(await target.resolve(manifest.descriptor)).toBeUndefined();
    });

    it('says which blob it does not have', async () => {
      const target = await make();
      await expect(target.open(blob)).rejects.toMatchObject({
        code: 'E_NOT_FOUND',
        message: `${target.toString()} has no blob ${blob.digest}`,
      });
    });
  });
}

function describeManifests(make: () => Promise<ContentTarget>): void {
  describe('as a target of manifests', () => {
    it.each(['sha256', 'sha512'] as const)(
      'gives back a manifest by %s, byte for byte',
      async (algorithm) => {
        const target = await make();
        const manifest = manifestOf('a', algorithm);
        await target.putManifest(manifest);
        const { digest } = manifest.descriptor;
        for (const key of [{ digest }, manifest.descriptor]) {
          expect(await target.resolve(key)).toMatchObject(manifest.descriptor);
          const got = await target.fetch(key);
          expect(got.bytes.equals(manifest.bytes)).toBe(true);
          expect(got.descriptor).toMatchObject(manifest.descriptor);
        }
      },
    );

    it('gives back a manifest by tag, byte for byte', async () => {
      const target = await make();
      const manifest = manifestOf('a');
      await target.tag(manifest, 'v1');
      expect(await target.resolve({ tag: 'v1' })).toMatchObject(manifest.descriptor);
      const got = await target.fetch({ tag: 'v1' });
      expect(got.bytes.equals(manifest.bytes)).toBe(true);
      expect(got.descriptor).toMatchObject(manifest.descriptor);
    });

    it('moves a tag and leaves the others', async () => {
      const target = await make();
      await target.tag(manifestOf('a'), 'v1');
      await target.tag(manifestOf('b'), 'v2');
      await target.tag(manifestOf('c'), 'v1');
      expect((await target.resolve({ tag: 'v1' }))?.digest).toBe(manifestOf('c').descriptor.digest);
      expect((await target.resolve({ tag: 'v2' }))?.digest).toBe(manifestOf('b').descriptor.digest);
      expect(await tagsOf(target)).toEqual(['v1', 'v2']);
      expect(await target.resolve(manifestOf('a').descriptor)).toMatchObject(manifestOf('a').descriptor);
    });

    it('keeps every tag that is written at the same time', async () => {
      const target = await make();
      const names = Array.from({ length: 10 }, (_, n) => `v${n}`);
      await Promise.all(names.map((name) => target.tag(manifestOf('same'), name)));
      expect((await tagsOf(target)).sort()).toEqual(names);
    });

    it('has no tag without a manifest, and knows what it does not have', async () => {
      const target = await make();
      await target.putManifest(manifestOf('a'));
      expect(await tagsOf(target)).toEqual([]);
      expect(await target.resolve({ tag: 'v1' })).toBeUndefined();
      expect(await target.resolve(manifestOf('b').descriptor)).toBeUndefined();
      await expect(target.fetch({ tag: 'v1' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
      await expect(target.fetch(manifestOf('b').descriptor)).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    });

    it('takes a manifest for what its bytes are, whatever the descriptor calls it that names it', async () => {
      const target = await make();
      const { descriptor } = manifestOf('a');
      await target.putManifest(manifestOf('a'));
      const got = await target.fetch({ ...descriptor, mediaType: 'application/vnd.example+json' });
      expect(got.descriptor.mediaType).toBe(descriptor.mediaType);
    });

    it('checks the size that a descriptor promises', async () => {
      const target = await make();
      const { descriptor } = manifestOf('a');
      await target.putManifest(manifestOf('a'));
      const shorter = { ...descriptor, size: descriptor.size - 1 };
      await expect(target.fetch(shorter)).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH' });
      expect(await target.resolve(shorter)).toBeUndefined();
      expect(await target.resolve({ ...descriptor, size: -1 })).toMatchObject(descriptor);
    });

    it('refuses a manifest that is not what its descriptor says, and leaves the tag', async () => {
      const target = await make();
      const before = manifestOf('a');
      await target.tag(before, 'v1');
      const wrong = { descriptor: manifestOf('b').descriptor, bytes: before.bytes };
      await expect(target.tag(wrong, 'v1')).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' });
      const long = { descriptor: { ...wrong.descriptor, size: 3 }, bytes: manifestOf('b').bytes };
      await expect(target.putManifest(long)).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH' });
      expect(await target.resolve({ tag: 'v1' })).toMatchObject(before.descriptor);
      expect(await target.resolve({ digest: wrong.descriptor.digest })).toBeUndefined();
    });
  });
}

/** Every tag of a store. */
export async function tagsOf(target: ContentTarget): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of target.tags()) tags.push(tag);
  return tags;
}
