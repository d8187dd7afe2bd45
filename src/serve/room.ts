import { RegferryError } from '../errors.js';
import type { Digest } from '../spec/digest.js';

/** Counts the bytes that a storage holds, each digest once however many repositories have it, and refuses more than a cap. */
export class Room {
  readonly #cap: number;
  readonly #kept = new Map<Digest, { readonly size: number; readonly holders: Set<object> }>();
  #used = 0;

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Bytes in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes room for bytes of an upload that is not finished. Throws E_LIMIT where it would be too much. */
  take(bytes: number): void {
    if (this.#used + bytes > this.#cap) {
      throw new RegferryError('E_LIMIT', `the registry is full: it holds at most ${this.#cap} bytes`);
    }
    this.#used += bytes;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** The holder has this content, from now on or still. Throws E_LIMIT where its bytes are new and too many. */
  enter(digest: Digest, size: number, holder: object): void {
    const kept = this.#kept.get(digest);
    if (kept !== undefined) {
      kept.holders.add(holder);
      return;
    }
    this.take(size);
    this.#kept.set(digest, { size, holders: new Set([holder]) });
  }

  /** The holder does not have this content any more. What never entered is ignored. */
  leave(digest: Digest, holder: object): void {
    const kept = this.#kept.get(digest);
    if (kept?.holders.delete(holder) !== true || kept.holders.size > 0) return;
    this.#kept.delete(digest);
    this.give(kept.size);
  }
}
