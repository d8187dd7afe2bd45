import { createHash } from 'node:crypto';

/** Numbers from 0 up to 1 that look random and depend on nothing but the key: the same for the same seed and question. */
export function chance(seed: number, ...key: readonly (string | number)[]): () => number {
  let state = createHash('sha256')
    .update(JSON.stringify([seed, ...key]))
    .digest()
    .readUInt32LE();
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of several. */
export function pick<T>(random: () => number, of: readonly [T, ...T[]]): T {
  return of[Math.floor(random() * of.length)] ?? of[0];
}
