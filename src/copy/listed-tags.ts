import type { ContentTarget, Op } from '../content/store.js';
import { isRegferryError } from '../errors.js';

/**
 * What a target's list says of a tag: it has it, it has others only, it has none at all (as where there is no such
 * repository), or nothing, since it could not be read.
 */
export type Listed = 'present' | 'absent' | 'empty' | 'unknown';

/** The tags of a target repository, read once, so that tags that it lacks need not be asked for one by one. */
export class ListedTags {
  readonly #tags = new Set<string>();
  readonly #whole: Promise<boolean>;

  /** Begins to read the list at once. */
  constructor(store: ContentTarget, op: Op) {
    this.#whole = this.#read(store, op).catch((error: unknown) => {
      return isRegferryError(error) && error.code === 'E_NOT_FOUND' && this.#tags.size === 0;
    });
  }

  /** What the list says of a tag: at once if it was read already, else when the list has ended. Never rejects. */
  async says(tag: string): Promise<Listed> {
    if (this.#tags.has(tag)) return 'present';
    const isWhole = await this.#whole;
    if (this.#tags.has(tag)) return 'present';
    if (!isWhole) return 'unknown';
    return this.#tags.size === 0 ? 'empty' : 'absent';
  }

  async #read(store: ContentTarget, op: Op): Promise<boolean> {
    let isWhole = true;
    // What was left out of a list may be more than names that no tag can have.
    const onLeftOut = (): void => void (isWhole = false);
    for await (const tag of store.tags({ ...op, onLeftOut })) this.#tags.add(tag);
    return isWhole;
  }
}
