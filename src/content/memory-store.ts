import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import { abortable } from './abortable.js';
import { RegferryError, throwIfAborted } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { digestOf, type Digest } from '../spec/digest.js';
import { typeOf } from '../spec/manifest-type.js';
import { parseTag } from '../spec/reference.js';
import type {
  ContentTarget,
  Manifest,
  ManifestKey,
  Op,
  OpenBlob,
  OpenOptions,
  Place,
  PutOptions,
  PutOutcome,
} from './store.js';
import { exactCopy, JoinedBytes, sliced } from './joined-bytes.js';
import { unknownTag } from './unknown-tag.js';
import { BlobVerifier, verifiedBytes } from './verify.js';

/** Bytes in one piece of a stream that {@link MemoryStore.open} gives. */
const PIECE_BYTES = 64 * 1024;

/** A blob, in blocks as they came; each is kept as it is, so that a large one is never there twice. */
interface HeldBlob {
  readonly size: number;
  readonly blocks: readonly Buffer[];
}

/** Options of {@link MemoryStore}. */
export interface MemoryStoreOptions {
  /** Name of the host, the same for neighbours that can mount from each other. @default one of its own */
  readonly host?: string | undefined;
  /** @default '' */
  readonly repository?: string | undefined;
  /** Finds another repository of the same host, to mount blobs from. Without it every mount falls back to a copy. */
  readonly sibling?: ((repository: string) => MemoryStore | undefined) | undefined;
}

/** One repository kept in memory: this object, whatever it says of its place. Bytes are held as they were handed over, so the caller must not change them later. */
export class MemoryStore implements ContentTarget {
  readonly place: Place;
  readonly metered = false;
  readonly #blobs = new Map<Digest, HeldBlob>();
  readonly #manifests = new Map<Digest, Manifest>();
  readonly #tags = new Map<string, Digest>();
  readonly #sibling: (repository: string) => MemoryStore | undefined;

  constructor(options: MemoryStoreOptions = {}) {
    this.place = {
      kind: 'memory',
      host: options.host ?? `memory-${randomUUID()}`,
      repository: options.repository ?? '',
    };
    this.#sibling = options.sibling ?? (() => undefined);
  }

  toString(): string {
    return `memory:${this.place.repository}`;
  }

  async resolve(key: ManifestKey, op: Op = {}): Promise<Descriptor | undefined> {
    await settled(op);
    const manifest = this.#find(key);
    if (manifest === undefined) return undefined;
    const { size = -1 } = 'digest' in key ? key : {};
    if (size >= 0 && size !== manifest.bytes.byteLength) return undefined;
    return manifest.descriptor;
  }

  async fetch(key: ManifestKey, op: Op = {}): Promise<Manifest> {
    await settled(op);
    const manifest = this.#find(key);
    if (manifest === undefined) {
      const place = this.toString();
      if ('tag' in key) throw unknownTag(place, key.tag, { tags: [...this.#tags.keys()] });
      throw new RegferryError('E_NOT_FOUND', `no manifest ${key.digest} in ${place}`, { digest: key.digest });
    }
    if ('tag' in key) return manifest;
    if (key.size !== undefined && key.size >= 0) {
      checkBytes({ digest: key.digest, size: key.size }, manifest.bytes);
    }
    const { bytes, descriptor } = manifest;
    const mediaType = typeOf(bytes, key.mediaType, descriptor.mediaType) ?? descriptor.mediaType;
    return { descriptor: { ...manifest.descriptor, mediaType }, bytes: manifest.bytes };
  }

  async open(descriptor: Descriptor, options: OpenOptions = {}): Promise<Readable> {
    await settled(options);
    const { digest } = descriptor;
    const held = this.#blobs.get(digest);
    if (held === undefined) {
      throw new RegferryError('E_NOT_FOUND', `${this.toString()} has no blob ${digest}`, { digest });
    }
    const offset = options.offset ?? 0;
    if (offset > held.size) {
      const message = `${this.toString()} has ${held.size} bytes of ${digest}, asked to start at ${offset}`;
      throw new RegferryError('E_SIZE_MISMATCH', message, { digest });
    }
    return Readable.from(sliced(held.blocks, offset, held.size, PIECE_BYTES), { objectMode: false });
  }

  async *tags(op: Op = {}): AsyncGenerator<string, void, void> {
    await settled(op);
    yield* [...this.#tags.keys()];
  }

  async has(descriptor: Descriptor, op: Op = {}): Promise<boolean> {
    await settled(op);
    return this.blobSize(descriptor.digest) === descriptor.size;
  }

  async put(descriptor: Descriptor, open: OpenBlob, options: PutOptions = {}): Promise<PutOutcome> {
    const { signal, mountFrom, onProgress } = options;
    await settled(options);
    if (await this.has(descriptor)) return 'present';
    const sibling = mountFrom === undefined ? undefined : this.#sibling(mountFrom);
    const mounted = sibling?.blocks(descriptor.digest);
    if (mounted !== undefined && sibling?.blobSize(descriptor.digest) === descriptor.size) {
      this.keepBlocks(descriptor.digest, mounted);
      return 'mounted';
    }
    try {
      const stream = await open({ signal });
      abortable(stream, signal);
      const verifier = new BlobVerifier(descriptor);
      const received = new JoinedBytes();
      for await (const piece of verifiedBytes(stream, verifier)) {
        received.append(piece);
        onProgress?.(received.length);
      }
      this.keepBlocks(descriptor.digest, received.takeBlocks());
    } catch (error) {
      throwIfAborted(signal);
      throw error;
    }
    return 'copied';
  }

  async putManifest(manifest: Manifest, op: Op = {}): Promise<void> {
    await settled(op);
    checkBytes(manifest.descriptor, manifest.bytes);
    this.#manifests.set(manifest.descriptor.digest, manifest);
  }

  async tag(manifest: Manifest, tag: string, op: Op = {}): Promise<void> {
    parseTag(tag);
    await this.putManifest(manifest, op);
    this.#tags.set(tag, manifest.descriptor.digest);
  }

  async untag(tag: string, op: Op = {}): Promise<void> {
    await settled(op);
    this.deleteTag(tag);
  }

  /** The bytes of a blob. One that came in blocks is put together at the first call, and there twice for that moment. */
  blob(digest: Digest): Buffer | undefined {
    const held = this.#blobs.get(digest);
    if (held === undefined) return undefined;
    const [only, second] = held.blocks;
    if (only !== undefined && second === undefined) return only;
    const whole = exactCopy(held.blocks, held.size);
    this.#blobs.set(digest, { size: held.size, blocks: [whole] });
    return whole;
  }

  /** The bytes of a blob as they are held, in blocks. */
  blocks(digest: Digest): readonly Buffer[] | undefined {
    return this.#blobs.get(digest)?.blocks;
  }

  /** Size of a blob in bytes; undefined where it is not there. */
  blobSize(digest: Digest): number | undefined {
    return this.#blobs.get(digest)?.size;
  }

  /** Keeps blocks as the blob of this digest, which was checked before. They are not copied. */
  keepBlocks(digest: Digest, blocks: readonly Buffer[]): void {
    const size = blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#blobs.set(digest, { size, blocks });
  }

  /** Keeps bytes as a blob and gives their digest. `algorithm` defaults to sha256. */
  putBytes(bytes: Uint8Array, algorithm?: 'sha256' | 'sha512'): Digest {
    const digest = digestOf(bytes, algorithm);
    this.keepBlocks(digest, [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)]);
    return digest;
  }

  /** The manifest with this digest. */
  manifest(digest: Digest): Manifest | undefined {
    return this.#manifests.get(digest);
  }

  /** Every manifest, each once, in the order in which they came. */
  manifests(): Iterable<Manifest> {
    return this.#manifests.values();
  }

  /** The digest that a tag names. */
  tagged(tag: string): Digest | undefined {
    return this.#tags.get(tag);
  }

  /** How many tags there are. */
  get tagCount(): number {
    return this.#tags.size;
  }

  /** Removes a tag and leaves its manifest. False when there was none. */
  deleteTag(tag: string): boolean {
    return this.#tags.delete(tag);
  }

  /** Removes a manifest with every tag that names it. False when there was none. */
  deleteManifest(digest: Digest): boolean {
    for (const [tag, tagged] of this.#tags) {
      if (tagged === digest) this.#tags.delete(tag);
    }
    return this.#manifests.delete(digest);
  }

  /** Removes a blob, whatever names it. False when there was none. */
  deleteBlob(digest: Digest): boolean {
    return this.#blobs.delete(digest);
  }

  #find(key: ManifestKey): Manifest | undefined {
    const digest = 'tag' in key ? this.#tags.get(key.tag) : key.digest;
    return digest === undefined ? undefined : this.#manifests.get(digest);
  }
}

/** Makes every operation asynchronous and ends it when it was abandoned. */
async function settled(op: Op): Promise<void> {
  throwIfAborted(op.signal);
  await Promise.resolve();
}

function checkBytes(expected: Pick<Descriptor, 'digest' | 'size'>, bytes: Uint8Array): void {
  const verifier = new BlobVerifier(expected);
  verifier.update(bytes);
  verifier.finish();
}
