import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import { abortable } from './abortable.js';
import { RegferryError, throwIfAborted } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { digestOf, type Digest } from '../spec/digest.js';
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
import { BlobVerifier, verifiedBytes } from './verify.js';

/** Bytes in one piece of a stream that {@link MemoryStore.open} gives. */
const PIECE_BYTES = 64 * 1024;

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
  readonly #blobs = new Map<Digest, Buffer>();
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
    if (
      'digest' in key &&
      key.size !== undefined &&
      key.size >= 0 &&
      key.size !== manifest.bytes.byteLength
    ) {
      return undefined;
    }
    return manifest.descriptor;
  }

  async fetch(key: ManifestKey, op: Op = {}): Promise<Manifest> {
    await settled(op);
    const manifest = this.#find(key);
    if (manifest === undefined) {
      const name = 'tag' in key ? `tag ${key.tag}` : key.digest;
      throw new RegferryError('E_NOT_FOUND', `${this.toString()} has no manifest ${name}`);
    }
    if ('tag' in key) return manifest;
    if (key.size !== undefined && key.size >= 0) {
      checkBytes({ digest: key.digest, size: key.size }, manifest.bytes);
    }
    // The descriptor that named this digest decides the type, as it does at a registry.
    const mediaType = key.mediaType ?? manifest.descriptor.mediaType;
    return { descriptor: { ...manifest.descriptor, mediaType }, bytes: manifest.bytes };
  }

  async open(descriptor: Descriptor, options: OpenOptions = {}): Promise<Readable> {
    await settled(options);
    const { digest } = descriptor;
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) {
      throw new RegferryError('E_NOT_FOUND', `${this.toString()} has no blob ${digest}`, { digest });
    }
    const offset = options.offset ?? 0;
    if (offset > bytes.byteLength) {
      const message = `${this.toString()} has ${bytes.byteLength} bytes of ${digest}, asked to start at ${offset}`;
      throw new RegferryError('E_SIZE_MISMATCH', message, { digest });
    }
    return Readable.from(pieces(bytes, offset), { objectMode: false });
  }

  async *tags(op: Op = {}): AsyncGenerator<string, void, void> {
    await settled(op);
    yield* [...this.#tags.keys()];
  }

  async has(descriptor: Descriptor, op: Op = {}): Promise<boolean> {
    await settled(op);
    return this.#blobs.get(descriptor.digest)?.byteLength === descriptor.size;
  }

  async put(descriptor: Descriptor, open: OpenBlob, options: PutOptions = {}): Promise<PutOutcome> {
    const { signal, mountFrom, onProgress } = options;
    await settled(options);
    if (await this.has(descriptor)) return 'present';
    const mounted = mountFrom === undefined ? undefined : this.#sibling(mountFrom)?.blob(descriptor.digest);
    if (mounted?.byteLength === descriptor.size) {
      this.#blobs.set(descriptor.digest, mounted);
      return 'mounted';
    }
    try {
      const stream = await open({ signal });
      abortable(stream, signal);
      const verifier = new BlobVerifier(descriptor);
      const received: Uint8Array[] = [];
      let length = 0;
      for await (const piece of verifiedBytes(stream, verifier)) {
        received.push(piece);
        length += piece.byteLength;
        onProgress?.(length);
      }
      this.#blobs.set(descriptor.digest, Buffer.concat(received, length));
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

  /** The bytes of a blob. */
  blob(digest: Digest): Buffer | undefined {
    return this.#blobs.get(digest);
  }

  /** Keeps bytes as a blob and gives their digest. `algorithm` defaults to sha256. */
  putBytes(bytes: Uint8Array, algorithm?: 'sha256' | 'sha512'): Digest {
    const digest = digestOf(bytes, algorithm);
    this.#blobs.set(digest, asBuffer(bytes));
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

function* pieces(bytes: Buffer, offset: number): Generator<Buffer, void, void> {
  for (let start = offset; start < bytes.byteLength; start += PIECE_BYTES) {
    yield bytes.subarray(start, start + PIECE_BYTES);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
