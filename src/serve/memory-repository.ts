import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { JoinedBytes, sliced } from '../content/joined-bytes.js';
import type { MemoryStore } from '../content/memory-store.js';
import type { Manifest, ManifestKey } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { algorithmOf, createDigester, type Algorithm, type Digest, type Digester } from '../spec/digest.js';
import { factsOf } from './manifest-facts.js';
import type { ByteRange } from './range.js';
import type { Room } from './room.js';
import type { IncomingBlob, RepositoryStorage } from './storage.js';

/** Bytes in one piece of an answer, and how many are hashed before other work gets its turn. */
const pieceBytes = 64 * 1024;
const turnBytes = 8 * 1024 * 1024;

/** What a tag, and an upload without its bytes, take in memory, in bytes. */
const tagCost = 512;
const uploadCost = 4 * 1024;

/** A {@link MemoryStore} as a repository of a registry. */
export class MemoryRepository implements RepositoryStorage {
  readonly #store: MemoryStore;
  readonly #room: Room;

  constructor(store: MemoryStore, room: Room) {
    this.#store = store;
    this.#room = room;
  }

  blobSize(digest: Digest): Promise<number | undefined> {
    return Promise.resolve(this.#store.blobSize(digest));
  }

  openBlob(digest: Digest, { start, end }: ByteRange): Promise<Readable> {
    const blocks = this.#store.blocks(digest) ?? [];
    return Promise.resolve(Readable.from(sliced(blocks, start, end, pieceBytes), { objectMode: false }));
  }

  async receiveBlob(algorithm: Algorithm): Promise<IncomingBlob> {
    await Promise.resolve();
    return new MemoryUpload(this.#store, this.#room, algorithm);
  }

  async mountBlob(digest: Digest, from: RepositoryStorage): Promise<boolean> {
    if (!(from instanceof MemoryRepository)) return false;
    await Promise.resolve();
    const blocks = from.#store.blocks(digest);
    if (blocks === undefined) return false;
    keepBlob(this.#store, this.#room, digest, blocks);
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
    const { descriptor } = manifest;
    const name = manifestName(descriptor.digest);
    const [bytes = manifest.bytes] = this.#room.enter(name, [manifest.bytes], this.#store);
    const kept = { descriptor, bytes };
    await this.#store.putManifest(kept);
    for (const tag of tags) {
      if (this.#store.tagged(tag) === undefined) this.#room.charge(tagCost);
      await this.#store.tag(kept, tag);
    }
  }

  deleteManifest(digest: Digest): Promise<boolean> {
    const before = this.#store.tagCount;
    const deleted = this.#store.deleteManifest(digest);
    if (deleted) this.#room.leave(manifestName(digest), this.#store);
    this.#room.discharge((before - this.#store.tagCount) * tagCost);
    return Promise.resolve(deleted);
  }

  async tags(): Promise<readonly string[]> {
    const tags: string[] = [];
    for await (const tag of this.#store.tags()) tags.push(tag);
    return tags;
  }

  deleteTag(tag: string): Promise<boolean> {
    const deleted = this.#store.deleteTag(tag);
    if (deleted) this.#room.discharge(tagCost);
    return Promise.resolve(deleted);
  }
}

/** A manifest is counted apart from a blob of the same digest, as both are held. */
function manifestName(digest: Digest): string {
  return `manifest ${digest}`;
}

/** The bytes of an upload, hashed and joined as they come. */
class MemoryUpload implements IncomingBlob {
  readonly #store: MemoryStore;
  readonly #room: Room;
  readonly #algorithm: Algorithm;
  readonly #digester: Digester;
  #bytes = new JoinedBytes();
  #charged = uploadCost;

  constructor(store: MemoryStore, room: Room, algorithm: Algorithm) {
    this.#store = store;
    this.#room = room;
    this.#algorithm = algorithm;
    this.#digester = createDigester(algorithm);
    room.charge(uploadCost);
  }

  get size(): number {
    return this.#bytes.length;
  }

  wake(): Promise<void> {
    return Promise.resolve();
  }

  rest(): void {
    // Others can always write.
  }

  async write(chunk: Buffer): Promise<void> {
    await Promise.resolve();
    this.#room.take(chunk.length);
    this.#bytes.append(chunk);
    this.#digester.update(chunk);
    const spare = this.#bytes.capacity - this.#bytes.length;
    this.#room.discharge(this.#charged - uploadCost - spare);
    this.#charged = uploadCost + spare;
  }

  async commit(digest: Digest): Promise<void> {
    const size = this.size;
    const blocks = this.#bytes.takeBlocks();
    const got = await this.#digest(algorithmOf(digest), blocks);
    this.#forget(size);
    if (got !== digest) {
      throw new RegferryError('E_DIGEST_MISMATCH', `content is corrupt: expected ${digest}, got ${got}`, {
        digest,
      });
    }
    if (this.#store.blobSize(digest) === undefined) keepBlob(this.#store, this.#room, digest, blocks);
  }

  discard(): Promise<void> {
    this.#forget(this.size);
    this.#bytes = new JoinedBytes();
    return Promise.resolve();
  }

  #forget(size: number): void {
    this.#room.give(size);
    this.#room.discharge(this.#charged);
    this.#charged = 0;
  }

  async #digest(algorithm: Algorithm, blocks: readonly Buffer[]): Promise<Digest> {
    if (algorithm === this.#algorithm) return this.#digester.digest();
    const digester = createDigester(algorithm);
    for await (const block of inTurns(blocks)) digester.update(block);
    return digester.digest();
  }
}

function keepBlob(store: MemoryStore, room: Room, digest: Digest, blocks: readonly Buffer[]): void {
  store.keepBlocks(digest, room.enter(digest, blocks, store));
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
