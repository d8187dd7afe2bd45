import type { LayoutFiles } from './layout-files.js';
import type { LayoutIndex } from './layout-index.js';
import type { LayoutLock } from './layout-lock.js';
import type { IndexCache } from './layout-index-cache.js';

/** Gives the index with a change made to it, or the same index where there is nothing to change. */
export type IndexChange = (index: LayoutIndex) => LayoutIndex | Promise<LayoutIndex>;

interface Waiting {
  readonly change: IndexChange;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Changes one layout's index.json. Changes that wait for each other become durable together, by one write of the file. */
export class IndexWriter {
  readonly #files: LayoutFiles;
  readonly #cache: IndexCache;
  #waiting: Waiting[] = [];

  constructor(files: LayoutFiles, cache: IndexCache) {
    this.#files = files;
    this.#cache = cache;
  }

  /** Resolves when the change is durable. Rejects with what the change threw, with E_LAYOUT, E_LIMIT or E_IO. */
  async change(lock: LayoutLock, change: IndexChange): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
    });
    await Promise.all([done, lock.exclusive(() => this.#makeChanges(lock))]);
  }

  /** Makes what waits. The first of several callers makes all of it, and the others find nothing left. */
  async #makeChanges(lock: LayoutLock): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length === 0) return;
    const made: Waiting[] = [];
    try {
      const before = await this.#cache.read(this.#files);
      let after = before;
      for (const waiting of batch) {
        try {
          after = await waiting.change(after);
          made.push(waiting);
        } catch (error) {
          waiting.reject(error);
        }
      }
      if (after !== before) await this.#cache.write(this.#files, after, lock);
      for (const { resolve } of made) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
