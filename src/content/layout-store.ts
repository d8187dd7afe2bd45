import { Readable } from 'node:stream';

import { abortable } from './abortable.js';
import { RegferryError, throwIfAborted } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { typeOf, whyNoManifest } from '../spec/manifest-type.js';
import { parseTag } from '../spec/reference.js';
import { openFolder, type OpenLayoutOptions } from './layout-folder.js';
import type { LayoutFiles } from './layout-files.js';
import { IndexCache } from './layout-index-cache.js';
import { IndexWriter } from './layout-index-writer.js';
import { namedImage, notInLayout, singleImage, type SingleImage } from './layout-image.js';
import type { LayoutLock } from './layout-lock.js';
import { withTag } from './layout-tagging.js';
import { LayoutInspector, ofLayout, refuseDamaged } from './layout-whole.js';
import type {
  ContentTarget,
  Manifest,
  ManifestKey,
  Op,
  OpenBlob,
  OpenOptions,
  Place,
  PutManifestOptions,
  PutOptions,
  PutOutcome,
  TagsOptions,
} from './store.js';
import { BlobVerifier, isIntact, readVerified, verifiedBytes, type Expected } from './verify.js';

/**
 * Opens an OCI image layout folder. The folder itself may be a link; nothing inside may be.
 * Throws E_LAYOUT when the folder is missing or no layout, is a full folder where a layout was to be made, cannot be
 * used, or is being written by another process; E_LIMIT for an index.json that is too long.
 */
export async function openLayout(folder: string, options: OpenLayoutOptions): Promise<LayoutStore> {
  const { files, lock } = await openFolder(folder, options);
  return new LayoutStore(folder, files, lock);
}

/**
 * An OCI image layout folder: blobs under `blobs/<algorithm>/<hex>`, manifests among them, tags in `index.json`.
 * Files appear whole or not at all, blobs before what names them. Besides the codes of the interface, everything here
 * throws E_IO for what the file system refuses and E_LAYOUT for links and a malformed index.json.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export class LayoutStore implements ContentTarget {
  readonly place: Place;
  readonly metered = false;
  readonly inspector: LayoutInspector;
  readonly #folder: string;
  readonly #files: LayoutFiles;
  readonly #indexes = new IndexCache();
  readonly #writer: IndexWriter;
  #lock: LayoutLock | undefined;

  /** For {@link openLayout}. `lock` makes it a writer, which gives the lock up in `close`. */
  constructor(folder: string, files: LayoutFiles, lock: LayoutLock | undefined) {
    this.place = { kind: 'layout', host: files.root, repository: '' };
    this.#folder = folder;
    this.#files = files;
    this.#writer = new IndexWriter(files, this.#indexes);
    this.#lock = lock;
    this.inspector = new LayoutInspector({
      files,
      index: () => this.#indexes.read(files),
      read: (one, op) => this.#read(one.digest, sizeOf(one), op),
    });
  }

  toString(): string {
    return `oci:${this.#folder}`;
  }

  /** Ends the use of the folder. A writer's lock is free afterwards; call it when all operations have settled. */
  async close(): Promise<void> {
    const lock = this.#lock;
    this.#lock = undefined;
    await lock?.exclusive(() => Promise.resolve());
    lock?.release();
  }

  /** The image of a layout that has only one. Throws E_NOT_FOUND for an empty layout and E_USAGE, with a list, for one with several images. */
  async single(op: Op = {}): Promise<Descriptor> {
    return (await this.singleImage(op)).descriptor;
  }

  /** As {@link single}, with its tag and what the layout calls it. */
  async singleImage(op: Op = {}): Promise<SingleImage> {
    throwIfAborted(op.signal);
    return singleImage(await this.#indexes.read(this.#files), this.toString());
  }

  /** A tag is what index.json says that it is, be its manifest there or not; a digest is there with its size, or not. */
  async resolve(key: ManifestKey, op: Op = {}): Promise<Descriptor | undefined> {
    throwIfAborted(op.signal);
    if ('tag' in key) return namedImage(await this.#indexes.read(this.#files), this.toString(), key);
    const size = await this.#files.blobSize(key.digest);
    if (size === undefined || (sizeOf(key) ?? size) !== size) return undefined;
    if (key.mediaType !== undefined) return { mediaType: key.mediaType, digest: key.digest, size };
    return (await this.fetch(key, op)).descriptor;
  }

  async fetch(key: ManifestKey, op: Op = {}): Promise<Manifest> {
    throwIfAborted(op.signal);
    const entry = await this.#entry(key);
    const { digest } = entry;
    const size = ('digest' in key ? sizeOf(key) : undefined) ?? entry.size;
    const isGone = 'tag' in key && (await this.#files.blobSize(digest)) === undefined;
    if (isGone) throw this.#unknownBlob(digest, `, which its tag ${key.tag} is: the folder is damaged`);
    const bytes = await this.#read(digest, size, op);
    const mediaType = typeOf(bytes, 'digest' in key ? key.mediaType : undefined, entry.mediaType);
    if (mediaType === undefined) throw this.#noManifest(digest, bytes);
    const descriptor = { ...entry, mediaType, digest, size: bytes.byteLength };
    const isCalledSo = (entry.mediaType ?? mediaType) === mediaType;
    return isCalledSo ? { descriptor, bytes } : { descriptor, bytes, label: entry.mediaType };
  }

  async open(descriptor: Descriptor, options: OpenOptions = {}): Promise<Readable> {
    throwIfAborted(options.signal);
    await refuseDamaged(this.#files, this.toString(), descriptor);
    const stream = await this.#files.openBlob(descriptor.digest, options.offset ?? 0);
    if (stream === undefined) throw this.#unknownBlob(descriptor.digest);
    return abortable(stream, options.signal);
  }

  /** The tags in index.json, and those in full references that stand there (`foo/bar:1.0.0` as `1.0.0`). */
  async *tags(options: TagsOptions = {}): AsyncGenerator<string, void, void> {
    throwIfAborted(options.signal);
    const index = await this.#indexes.read(this.#files);
    for (const { tag, message } of index.leftOut()) {
      options.onLeftOut?.({ tag, message: `${this.toString()}: ${message}` });
    }
    yield* index.tags();
  }

  async has(descriptor: Descriptor, op: Op = {}): Promise<boolean> {
    throwIfAborted(op.signal);
    return (await this.#files.blobSize(descriptor.digest)) === descriptor.size;
  }

  /** A blob of the right size that is there already is read and kept if it is right, else replaced. */
  async put(descriptor: Descriptor, open: OpenBlob, options: PutOptions = {}): Promise<PutOutcome> {
    const { signal, onProgress } = options;
    throwIfAborted(signal);
    const lock = this.#writersLock();
    try {
      if (await this.#isIntact(descriptor, { signal })) return 'present';
      const file = await this.#files.createFile();
      try {
        const stream = await open({ signal });
        abortable(stream, signal);
        let written = 0;
        for await (const piece of verifiedBytes(stream, new BlobVerifier(descriptor))) {
          await file.write(piece);
          written += piece.byteLength;
          onProgress?.(written);
        }
        throwIfAborted(signal);
        await this.#files.placeBlob(file, descriptor.digest, () => lock.assertHeld());
        return 'copied';
      } finally {
        await file.discard();
      }
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    }
  }

  async putManifest(manifest: Manifest, options: PutManifestOptions = {}): Promise<void> {
    await this.#putBytes(manifest, options);
    if (options.root !== true) return;
    await this.#writer.change(this.#writersLock(), (index) => index.root(manifest.descriptor));
  }

  /**
   * Replaces the index.json entry of that tag, or adds one; what had the tag stays in the list without it. Tags that are
   * set while index.json is being written are written together. Throws E_REFERENCE for what is no tag.
   */
  async tag(manifest: Manifest, tag: string, op: Op = {}): Promise<void> {
    parseTag(tag);
    await this.#putBytes(manifest, op);
    await this.#writer.change(this.#writersLock(), (index) =>
      withTag(index, this.#files, manifest.descriptor, tag),
    );
  }

  /** Takes the name from its index.json entry; the image stays in the list. */
  async untag(tag: string, op: Op = {}): Promise<void> {
    throwIfAborted(op.signal);
    await this.#writer.change(this.#writersLock(), (index) => index.deleteTag(tag));
  }

  async #putBytes({ descriptor, bytes }: Manifest, op: Op): Promise<void> {
    await this.put(descriptor, () => Promise.resolve(Readable.from([bytes], { objectMode: false })), {
      signal: op.signal,
    });
  }

  /** What index.json says of a manifest. Throws E_NOT_FOUND for a tag that it does not have. */
  async #entry(key: ManifestKey): Promise<Partial<Descriptor> & Pick<Descriptor, 'digest'>> {
    // What names a manifest by digest and type knows all that index.json could tell.
    if ('digest' in key && key.mediaType !== undefined) return { digest: key.digest };
    const index = await this.#indexes.read(this.#files);
    const entry = namedImage(index, this.toString(), key);
    if ('digest' in key) return { ...entry, digest: key.digest };
    if (entry === undefined) throw notInLayout(index, this.toString(), key.tag);
    return entry;
  }

  async #read(digest: Digest, expectedSize: number | undefined, op: Op): Promise<Buffer> {
    const size = expectedSize ?? (await this.#files.blobSize(digest));
    const stream = size === undefined ? undefined : await this.#files.openBlob(digest, 0);
    if (size === undefined || stream === undefined) throw this.#unknownBlob(digest);
    abortable(stream, op.signal);
    return await ofLayout(this.toString(), readVerified(stream, { digest, size }, MANIFEST_BYTES));
  }

  async #isIntact(expected: Expected, op: Op): Promise<boolean> {
    if ((await this.#files.blobSize(expected.digest)) !== expected.size) return false;
    const stream = await this.#files.openBlob(expected.digest, 0);
    if (stream === undefined) return false;
    abortable(stream, op.signal);
    return await isIntact(stream, expected);
  }

  #writersLock(): LayoutLock {
    if (this.#lock !== undefined) return this.#lock;
    throw new RegferryError('E_USAGE', `${this.toString()} is not open for writing`);
  }

  #noManifest(digest: Digest, bytes: Uint8Array): RegferryError {
    const message = `${this.toString()}: ${digest} is no manifest: ${whyNoManifest(bytes)}`;
    return new RegferryError('E_MANIFEST', message, { digest });
  }

  #unknownBlob(digest: Digest, more = ''): RegferryError {
    return new RegferryError('E_NOT_FOUND', `${this.toString()} has no blob ${digest}${more}`, { digest });
  }
}

function sizeOf(key: { readonly size?: number | undefined }): number | undefined {
  return key.size === undefined || key.size < 0 ? undefined : key.size;
}
