import { Refusal } from './refusal.js';

/** Most bytes of all together. */
const mostBytes = 32 * 1024 * 1024;

/** Counts the bytes of requests that are held in memory until they have been dealt with, and refuses more than a cap. */
export class BodyRoom {
  #used = 0;

  /** Takes room for bytes that have come. Throws a 503 where all requests together would have too many. */
  take(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > mostBytes) {
      throw new Refusal(503, 'UNAVAILABLE', 'too many large manifests are being pushed at once; try again', {
        headers: { 'Retry-After': '1' },
      });
    }
    this.#used += bytes;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#used -= bytes;
  }
}
