import { repositoryKey, type Located } from '../content/identity.js';
import type { Descriptor } from '../spec/descriptor.js';
import { Extent } from './extent.js';
import type { Node } from '../graph/manifest-reader.js';

/**
 * What a run remembers of one target repository, whichever of its images asks: what was begun with each blob and child
 * manifest, so that what several images share is handled once, and how that ended. Digests alone, no content.
 */
export class RepositoryMemory {
  /** How much there is to do for the repository. */
  readonly extent: Extent = new Extent();
  readonly #tasks = new Map<string, Promise<void>>();
  readonly #copied = new Set<string>();
  /** Blobs that were mounted and not looked at. */
  readonly #mounted = new Map<string, Descriptor>();
  #proving: Promise<unknown> = Promise.resolve();
  readonly #writes = new Map<string, Promise<unknown>>();
  readonly #told = new Set<string>();
  /** Blobs and manifests that were there, or name some that were: not all of them was read in this run. */
  readonly #trusted = new Set<string>();
  #hasSome = false;

  /** True once the repository was found to hold a blob before this run brought it: it is not empty then. */
  get hasSome(): boolean {
    return this.#hasSome;
  }

  /** Notes that a blob was there already. */
  found(blob: Descriptor): void {
    this.#hasSome = true;
    this.trusts(blob);
  }

  /** Notes that a blob, or some of what is under a manifest, is taken to be there without being read. */
  trusts({ digest }: Descriptor): void {
    this.#trusted.add(digest);
  }

  /** True for a manifest of which something was taken to be there without being read. */
  isTrusted({ manifest, blobs, children }: Pick<Node, 'manifest' | 'blobs' | 'children'>): boolean {
    return [manifest.descriptor, ...blobs, ...children].some(({ digest }) => this.#trusted.has(digest));
  }

  /** True for what was told to be missing or damaged: its size proves nothing. */
  isTold({ digest }: Descriptor): boolean {
    return this.#told.has(digest);
  }

  /** True the first time that a digest is to be told of. */
  tells(digest: string): boolean {
    const isNew = !this.#told.has(digest);
    this.#told.add(digest);
    return isNew;
  }

  /**
   * One task a blob or child manifest, while it is under way and once it has succeeded. A failure is for those who waited
   * for it: the next one tries. A digest that is named with another size is another thing; one of the two cannot be.
   */
  once(
    kind: 'blob' | 'foreign' | 'manifest',
    { digest, size, mediaType }: Descriptor,
    start: () => Promise<void>,
  ): Promise<void> {
    const key = `${kind} ${digest} ${size}${kind === 'manifest' ? ` ${mediaType}` : ''}`;
    let task = this.#tasks.get(key);
    if (task !== undefined) return task;
    this.#tasks.set(key, (task = start()));
    // Nothing else comes to stand under the key before this one has settled.
    task.catch(() => this.#tasks.delete(key));
    return task;
  }

  /** Notes that this run uploaded a blob. */
  copied({ digest }: Descriptor): void {
    this.#copied.add(digest);
    this.#mounted.delete(digest);
  }

  /** True for a blob that this run uploaded: nothing but the repository's own loss can make it missing. */
  isCopied({ digest }: Descriptor): boolean {
    return this.#copied.has(digest);
  }

  /** Notes that the host says to have mounted a blob. */
  mounted(blob: Descriptor): void {
    this.#mounted.set(blob.digest, blob);
  }

  /** True for a blob that is there because the host said so when it was to mount it. */
  isMounted({ digest }: Descriptor): boolean {
    return this.#mounted.has(digest);
  }

  /** Runs `prove` over what was mounted on trust, and waits for others who are at it. What it rejects with is not proved. */
  async proving(prove: (blobs: readonly Descriptor[]) => Promise<void>): Promise<void> {
    const own = this.#proving.then(async () => {
      const blobs = [...this.#mounted.values()];
      await prove(blobs);
      for (const { digest } of blobs) this.#mounted.delete(digest);
    });
    this.#proving = own.catch(() => undefined);
    await own;
  }

  /** Runs writes of one manifest one after the other, whatever name it gets: Quay refuses concurrent ones (jib#2470). */
  async writing<T>(digest: string, write: () => Promise<T>): Promise<T> {
    const before = this.#writes.get(digest);
    const own = before === undefined ? write() : before.then(write, write);
    this.#writes.set(digest, own);
    try {
      return await own;
    } finally {
      if (this.#writes.get(digest) === own) this.#writes.delete(digest);
    }
  }

  /**
   * Runs a read of a manifest when no write of it is under way: distribution answers 500 to a GET that meets the PUT of the
   * same manifest under another tag.
   */
  async reading<T>(digest: string, read: () => Promise<T>): Promise<T> {
    for (let write; (write = this.#writes.get(digest)) !== undefined;) await write.catch(() => undefined);
    return read();
  }
}

/** The memories of a run, one a repository. */
export class RepositoryMemories {
  readonly #memories = new Map<string, RepositoryMemory>();

  /** The memory of the repository that a store is. */
  of(store: Located): RepositoryMemory {
    const key = repositoryKey(store);
    let memory = this.#memories.get(key);
    if (memory === undefined) this.#memories.set(key, (memory = new RepositoryMemory()));
    return memory;
  }
}
