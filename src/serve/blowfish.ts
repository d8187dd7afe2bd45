import { fractionOfPi } from './pi.js';

/** Words of the key schedule, and of the four substitution boxes behind it. */
const keyWords = 18;
const boxWords = 4 * 256;

let initial: Int32Array | undefined;

/**
 * The Blowfish cipher with the slow key setup of bcrypt. Words are 32 bits, high byte first.
 * https://www.schneier.com/academic/archives/1994/09/description_of_a_new.html and
 * https://www.usenix.org/legacy/events/usenix99/provos/provos_html/node4.html
 */
export class Blowfish {
  readonly #keys: Int32Array;
  readonly #boxes: Int32Array;

  constructor() {
    initial ??= fractionOfPi(keyWords + boxWords);
    this.#keys = initial.slice(0, keyWords);
    this.#boxes = initial.slice(keyWords);
  }

  /** Mixes a key into the state, and a salt, which may be all zero. Both are repeated as needed. */
  expand(key: Int32Array, salt: Int32Array): void {
    const keys = this.#keys;
    for (let at = 0; at < keyWords; at += 1) keys[at] = word(keys, at) ^ word(key, at % key.length);
    const block = new Int32Array(2);
    let used = 0;
    for (const table of [keys, this.#boxes]) {
      for (let at = 0; at < table.length; at += 2) {
        block[0] = word(block, 0) ^ word(salt, used % salt.length);
        block[1] = word(block, 1) ^ word(salt, (used + 1) % salt.length);
        used += 2;
        this.encrypt(block, 0);
        table[at] = word(block, 0);
        table[at + 1] = word(block, 1);
      }
    }
  }

  /** Encrypts the two words at `at` in place. */
  encrypt(words: Int32Array, at: number): void {
    const keys = this.#keys;
    const boxes = this.#boxes;
    let left = word(words, at) ^ word(keys, 0);
    let right = word(words, at + 1);
    for (let round = 1; round < 17; round += 2) {
      right ^= mix(boxes, left) ^ word(keys, round);
      left ^= mix(boxes, right) ^ word(keys, round + 1);
    }
    words[at] = right ^ word(keys, 17);
    words[at + 1] = left;
  }
}

function mix(boxes: Int32Array, value: number): number {
  const a = word(boxes, value >>> 24) + word(boxes, 256 + ((value >>> 16) & 255));
  return (a ^ word(boxes, 512 + ((value >>> 8) & 255))) + word(boxes, 768 + (value & 255));
}

/** What is there; indices are in range by construction. */
function word(words: Int32Array, at: number): number {
  return words[at] ?? 0;
}
