import type { Readable } from 'node:stream';

import type {
  ContentTarget,
  Op,
  OpenOptions,
  Place,
  PutOptions,
  PutOutcome,
  TagsOptions,
} from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';

/** A target that answers questions from the real one and takes every write without doing it, for a dry run. */
export class DryTarget implements ContentTarget {
  readonly place: Place;
  readonly metered: boolean;
  readonly behind: ContentTarget;
  readonly inspector: ContentTarget['inspector'];
  readonly #target: ContentTarget;

  constructor(target: ContentTarget) {
    this.#target = target;
    this.behind = target;
    this.place = target.place;
    this.metered = target.metered;
    this.inspector = target.inspector;
  }

  toString(): string {
    return this.#target.toString();
  }

  resolve(...args: Parameters<ContentTarget['resolve']>): ReturnType<ContentTarget['resolve']> {
    return this.#target.resolve(...args);
  }

  fetch(...args: Parameters<ContentTarget['fetch']>): ReturnType<ContentTarget['fetch']> {
    return this.#target.fetch(...args);
  }

  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return this.#target.open(descriptor, options);
  }

  tags(options?: TagsOptions): AsyncIterable<string> {
    return this.#target.tags(options);
  }

  has(descriptor: Descriptor, op?: Op): Promise<boolean> {
    return this.#target.has(descriptor, op);
  }

  put(_descriptor: Descriptor, _open: unknown, options: PutOptions = {}): Promise<PutOutcome> {
    return Promise.resolve(options.mountFrom === undefined ? 'copied' : 'mounted');
  }

  putManifest(): Promise<void> {
    return Promise.resolve();
  }

  tag(): Promise<void> {
    return Promise.resolve();
  }
}
