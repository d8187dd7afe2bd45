import type { Readable } from 'node:stream';

import { isRegferryError, RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { isFileError } from './file-error.js';
import { openLayout, type LayoutStore } from './layout-store.js';
import type {
  ContentTarget,
  Hole,
  Inspector,
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

/**
 * A layout folder that does not exist yet, or has nothing in it: it is empty to whoever asks, and made when the first thing is written, so that
 * a copy that fails before that leaves nothing behind. Writing throws what openLayout throws.
 */
export class DeferredLayout implements ContentTarget {
  readonly place: Place;
  readonly metered = false;
  /** What does not exist cannot be damaged. */
  readonly inspector: Inspector = {
    lacking: async (descriptor, options) => {
      const store = await this.#opened;
      return store?.inspector.lacking(descriptor, options) ?? [missing(descriptor)];
    },
    damaged: async (parts, op) => (await this.#opened)?.inspector.damaged(parts, op) ?? [],
  };
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #opened: Promise<LayoutStore> | undefined;

  /**
   * @param root its real path (content/real-folder.ts).
   * @param op its `signal` ends the wait for a lock.
   */
  constructor(folder: string, root: string, { signal }: Op = {}) {
    this.#folder = folder;
    this.#signal = signal;
    this.place = { kind: 'layout', host: root, repository: '' };
  }

  toString(): string {
    return `oci:${this.#folder}`;
  }

  async resolve(key: ManifestKey, op?: Op): Promise<Descriptor | undefined> {
    return (await this.#opened)?.resolve(key, op);
  }

  async fetch(key: ManifestKey, op?: Op): Promise<Manifest> {
    return (await this.#existing()).fetch(key, op);
  }

  async open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable> {
    return (await this.#existing()).open(descriptor, options);
  }

  async *tags(options?: TagsOptions): AsyncGenerator<string> {
    const store = await this.#opened;
    if (store !== undefined) yield* store.tags(options);
  }

  async has(descriptor: Descriptor, op?: Op): Promise<boolean> {
    return (await (await this.#opened)?.has(descriptor, op)) ?? false;
  }

  async put(descriptor: Descriptor, open: OpenBlob, options?: PutOptions): Promise<PutOutcome> {
    return (await this.#made()).put(descriptor, open, options);
  }

  async putManifest(manifest: Manifest, options?: PutManifestOptions): Promise<void> {
    return (await this.#made()).putManifest(manifest, options);
  }

  async tag(manifest: Manifest, tag: string, op?: Op): Promise<void> {
    return (await this.#made()).tag(manifest, tag, op);
  }

  /** Gives the folder's lock back, if the folder was made. */
  async close(): Promise<void> {
    const store = await this.#opened?.catch(() => undefined);
    await store?.close();
  }

  #made(): Promise<LayoutStore> {
    this.#opened ??= openLayout(this.#folder, { access: 'write', create: true, signal: this.#signal }).catch(
      (error: unknown) => {
        // A failure is for those who waited for it: the next one tries.
        this.#opened = undefined;
        throw asWorkError(error);
      },
    );
    return this.#opened;
  }

  async #existing(): Promise<LayoutStore> {
    const store = await this.#opened;
    if (store !== undefined) return store;
    throw new RegferryError('E_NOT_FOUND', `${this.toString()} does not exist yet`);
  }
}

function missing(descriptor: Descriptor): Hole {
  return { descriptor, kind: 'manifest', state: 'missing' };
}

/** The place was found to be usable before: what its file system refuses now was refused in the middle of the work. */
function asWorkError(error: unknown): unknown {
  if (!isRegferryError(error) || error.code !== 'E_LAYOUT' || !isFileError(error)) return error;
  return new RegferryError('E_IO', error.message, { cause: error });
}
