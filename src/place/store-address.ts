import { repositoryKey } from '../content/identity.js';
import type { ContentSource } from '../content/store.js';
import { Address, type Names } from './address.js';

/** An image in a store of the caller's own, which is open already and not ours to close. */
export class StoreAddress<Store extends ContentSource> extends Address<Store> {
  readonly repository: string;
  readonly #store: Store;

  constructor(store: Store, names: Names = {}) {
    super(names);
    this.#store = store;
    this.repository = store.toString();
  }

  named(names: Names): StoreAddress<Store> {
    return new StoreAddress(this.#store, names);
  }

  key(): Promise<string> {
    return Promise.resolve(repositoryKey(this.#store));
  }

  read(): Promise<Store> {
    return Promise.resolve(this.#store);
  }

  write(): Promise<Store> {
    return Promise.resolve(this.#store);
  }
}
