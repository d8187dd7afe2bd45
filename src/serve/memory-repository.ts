import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import type { MemoryStore } from '../content/memory-store.js';
import type { Manifest, ManifestKey } from '../content/store.js';
import { BlobVerifier } from '../content/verify.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { factsOf } from './manifest-facts.js';
import type { ByteRange } from './range.js';
import type { Room } from './room.js';
import type { IncomingBlob, RepositoryStorage } from './storage.js';

/** Bytes in one piece of an answer, and how many are hashed before other work gets its turn. */
const pieceBytes = 64 * 1024;
const turnBytes = 8 * 1024 * 1024;

/** A {@link MemoryStore} as a repository of a registry. */
export class MemoryRepository implements RepositoryStorage {
  readonly #store: MemoryStore;
  readonly #room: Room;

  constructor(store: MemoryStore, room: Room) {
    this.#store = store;
    this.#room = room;
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return Promise.resolve(this.#store.blob(digest)?.length);
  }

  openBlob(digest: Digest, range: ByteRange): Promise<Readable> {
    const bytes = this.#store.blob(digest)?.subarray(range.start, range.end) ?? Buffer.alloc(0);
    return Promise.resolve(Readable.from(pieces(bytes), { objectMode: false }));
  }

  receiveBlob(): Promise<IncomingBlob> {
    return Promise.resolve(new MemoryUpload(this.#store, this.#room));
  }

  async mountBlob(digest: Digest, from: RepositoryStorage): Promise<boolean> {
    if (!(from instanceof MemoryRepository)) return false;
    const size = from.#store.blob(digest)?.length;
    if (size === undefined) return false;
    const open = (): Promise<Readable> => from.openBlob(digest, { start: 0, end: size });
    await keepBlob(this.#store, this.#room, digest, size, open, from.#store.place.repository);
    return true;
  }

  deleteBlob(digest: Digest): Promise<boolean> {
    const deleted = this.#store.deleteBlob(digest);
    if (deleted) this.#room.leave(digest, this.#store);
    return Promise.resolve(deleted);
  }

  manifest(key: ManifestKey): Promise<Manifest | undefined> {
    const digest = 'tag' in key ? this.#store.tagged(key.tag) : key.digest;
    return Promise.resolve(digest === undefined ? undefined : this.#store.manifest(digest));
  }

  async *referrers(subject: Digest, after = ''): AsyncGenerator<Manifest, void, undefined> {
    await Promise.resolve();
    const found = [...this.#store.manifests()].filter(({ descriptor, bytes }) => {
      return descriptor.digest > after && factsOf(bytes, descriptor.mediaType).subject === subject;
    });
    yield* found.sort((a, b) => (a.descriptor.digest < b.descriptor.digest ? -1 : 1));
  }

  async putManifest(manifest: Manifest, tags: readonly string[]): Promise<void> {
    const { digest, size } = manifest.descriptor;
    this.#room.enter(digest, size, this.#store);
    await this.#store.putManifest(manifest);
    for (const tag of tags) await this.#store.tag(manifest, tag);
  }

  deleteManifest(digest: Digest): Promise<boolean> {
    const deleted = this.#store.deleteManifest(digest);
    if (deleted) this.#room.leave(digest, this.#store);
    return Promise.resolve(deleted);
  }

  async tags(): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const tag of this.#store.tags()) tags.push(tag);
    return tags;
  }

  deleteTag(tag: string): Promise<boolean> {
    return Promise.resolve(this.#store.deleteTag(tag));
  }
}

/** The chunks of an upload, kept as they came. */
class MemoryUpload implements IncomingBlob {
  readonly #store: MemoryStore;
  readonly #room: Room;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(store: MemoryStore, room: Room) {
    this.#store = store;
    this.#room = room;
  }

  get size(): number {
    return this.#size;
  }

  wake(): Promise<void> {
    return Promise.resolve();
  }

  rest(): void {
    // Others can always write.
  }

  write(chunk: Buffer): Promise<void> {
    return new Promise((resolve) => {
      this.#room.take(chunk.length);
      this.#size += chunk.length;
      this.#chunks.push(chunk);
      resolve();
    });
  }

  async commit(digest: Digest): Promise<void> {
    const chunks = this.#chunks;
    const size = this.#size;
    await this.discard();
    if (this.#store.blob(digest)?.length === size) {
      const verifier = new BlobVerifier({ digest, size });
      for await (const chunk of inTurns(chunks)) verifier.update(chunk);
      verifier.finish();
      return;
    }
    const open = (): Promise<Readable> =>
      Promise.resolve(Readable.from(inTurns(chunks), { objectMode: false }));
    await keepBlob(this.#store, this.#room, digest, size, open);
  }

  discard(): Promise<void> {
    this.#room.give(this.#size);
    this.#chunks = [];
    this.#size = 0;
    return Promise.resolve();
  }
}

async function keepBlob(
  store: MemoryStore,
  room: Room,
  digest: Digest,
  size: number,
  open: () => Promise<Readable>,
  mountFrom?: string,
): Promise<void> {
  const descriptor: Descriptor = { mediaType: 'application/octet-stream', digest, size };
  room.enter(digest, size, store);
  try {
    await store.put(descriptor, open, { mountFrom });
  } finally {
    if (store.blob(digest) === undefined) room.leave(digest, store);
  }
}

function* pieces(bytes: Buffer): Generator<Buffer, void, undefined> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield bytes.subarray(start, start + pieceBytes);
  }
}

/** Hashing a gigabyte at once would hold up every other request for seconds. */
async function* inTurns(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, undefined> {
  let bytes = 0;
  for (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > turnBytes) {
      bytes = 0;
      await setImmediate();
    }
    yield chunk;
  }
}
