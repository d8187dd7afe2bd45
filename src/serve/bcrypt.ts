import { timingSafeEqual } from 'node:crypto';

import { Blowfish } from './blowfish.js';

/** What bcrypt writes its bytes with: base64 in an order of its own, without padding. */
const alphabet = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const form = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/;

const saltBytes = 16;
const hashBytes = 23;
/** Bytes of a password that count; what is behind them is ignored, by this and by every other bcrypt. */
const passwordBytes = 72;
const magic = Buffer.from('OrpheanBeholderScryDoubt');

/** A bcrypt hash, taken apart. */
export interface BcryptHash {
  /** The key setup is repeated two to the power of this. */
  readonly cost: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** Takes apart `$2y$10$…` (or 2a, 2b, which mean the same). Undefined for anything else. */
export function parseBcrypt(text: string): BcryptHash | undefined {
  const [, cost = '', salt = '', hash = ''] = form.exec(text) ?? [];
  if (Number(cost) < 4 || Number(cost) > 31) return undefined;
  return { cost: Number(cost), salt: decode(salt, saltBytes), hash: decode(hash, hashBytes) };
}

/**
 * True when the password is the one of the hash, compared in constant time. Takes as long as the cost says, some 60 ms at
 * 10 and twice that with each step, and does nothing else meanwhile.
 * https://www.usenix.org/legacy/events/usenix99/provos/provos_html/node5.html
 */
export function matchesBcrypt(password: string, { cost, salt, hash }: BcryptHash): boolean {
  const key = wordsOf(repeated(Buffer.concat([Buffer.from(password), Buffer.alloc(1)]), passwordBytes));
  const saltWords = wordsOf(salt);
  const none = new Int32Array(4);
  const cipher = new Blowfish();
  cipher.expand(key, saltWords);
  for (let round = 0; round < 2 ** cost; round += 1) {
    cipher.expand(key, none);
    cipher.expand(saltWords, none);
  }
  const words = wordsOf(magic);
  for (let round = 0; round < 64; round += 1) {
    for (let at = 0; at < words.length; at += 2) cipher.encrypt(words, at);
  }
  const result = Buffer.alloc(words.length * 4);
  for (const [at, word] of words.entries()) result.writeInt32BE(word, at * 4);
  return timingSafeEqual(result.subarray(0, hashBytes), hash);
}

function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

function wordsOf(bytes: Buffer): Int32Array {
  return Int32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readInt32BE(at * 4));
}

function decode(text: string, length: number): Buffer {
  let bits = 0n;
  for (const letter of text) bits = (bits << 6n) | BigInt(alphabet.indexOf(letter));
  const spare = BigInt(text.length * 6 - length * 8);
  return Buffer.from((bits >> spare).toString(16).padStart(length * 2, '0'), 'hex');
}
