import { randomUUID } from 'node:crypto';

import { MemoryStore } from '../content/memory-store.js';
import { MemoryRepository } from './memory-repository.js';
import { Room } from './room.js';
import type { RegistryStorage, RepositoryStorage } from './storage.js';

/** What a repository takes in memory, in bytes, before anything is in it. */
const repositoryCost = 2 * 1024;

/** Options of {@link MemoryRegistry}. */
export interface MemoryRegistryOptions {
  /**
   * Most bytes of blobs and manifests to hold, unfinished uploads included. Content that is in several repositories is
   * held and counted once. What is needed beside the bytes, for names, tags and uploads, counts too where it is more than
   * 1 MiB. @default no limit
   */
  readonly maxBytes?: number | undefined;
}

/** A registry's repositories in memory, each a {@link MemoryStore}. */
export class MemoryRegistry implements RegistryStorage {
  readonly #stores = new Map<string, MemoryStore>();
  readonly #room: Room;
  /** A name of its own: stores of one host are taken for neighbours that can mount from each other. */
  readonly #host = `memory-${randomUUID()}`;

  constructor(options: MemoryRegistryOptions = {}) {
    this.#room = new Room(options.maxBytes ?? Infinity);
  }

  /** Bytes that are held for clients. What was put into a {@link store} directly does not count. */
  get usedBytes(): number {
    return this.#room.used;
  }

  /** The content of a repository, which is made where there is none: to look into it, or to fill it without HTTP. */
  store(name: string): MemoryStore {
    let store = this.#stores.get(name);
    if (store === undefined) {
      const sibling = (other: string): MemoryStore | undefined => this.#stores.get(other);
      store = new MemoryStore({ host: this.#host, repository: name, sibling });
      this.#stores.set(name, store);
    }
    return store;
  }

  hasPlaceFor(): boolean {
    return true;
  }

  async *names(): AsyncGenerator<string, void, undefined> {
    await Promise.resolve();
    yield* [...this.#stores.keys()];
  }

  repository(name: string): Promise<RepositoryStorage | undefined> {
    const store = this.#stores.get(name);
    return Promise.resolve(store === undefined ? undefined : new MemoryRepository(store, this.#room));
  }

  async create(name: string): Promise<RepositoryStorage> {
    await Promise.resolve();
    if (!this.#stores.has(name)) this.#room.charge(repositoryCost);
    return new MemoryRepository(this.store(name), this.#room);
  }
}
