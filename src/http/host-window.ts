import { CAUTION_WINDOWS } from './limits.js';

/**
 * How many requests to a host may be in flight. There is no limit until the host says that it gets too much; from then on
 * it goes as in TCP (RFC 5681): half of what was in flight becomes the threshold and the limit is one; it grows with each
 * request that is taken up to the threshold, and by one for each window of them beyond it. As much as was refused last is
 * asked for again only after eight windows.
 */
export class HostWindow {
  #limit = Infinity;
  #threshold = Infinity;
  /** How many were in flight when one was refused last. */
  #refusedAt = Infinity;
  /** Requests taken since the limit last changed. */
  #taken = 0;

  get limit(): number {
    return this.#limit;
  }

  /** The host said that it gets too much, with so many in flight. */
  cut(inFlight: number): void {
    const before = Math.min(this.#limit, inFlight);
    this.#refusedAt = Math.max(2, before);
    this.#threshold = Math.max(1, Math.floor(before / 2));
    this.#limit = 1;
    this.#taken = 0;
  }

  /** The host took a request while the limit was felt. */
  grow(): void {
    this.#taken += 1;
    if (this.#taken < this.#needed()) return;
    if (this.#limit >= this.#refusedAt) this.#refusedAt = Infinity;
    this.#limit += 1;
    this.#taken = 0;
  }

  #needed(): number {
    if (this.#limit < this.#threshold) return 1;
    return this.#limit + 1 < this.#refusedAt || this.#limit >= this.#refusedAt
      ? this.#limit
      : this.#limit * CAUTION_WINDOWS;
  }
}
