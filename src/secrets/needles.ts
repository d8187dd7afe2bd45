import { readingsOf, placeOf, unbroken, visible, type Reading } from './reading.js';

/** Shorter ones are no secrets, and would make nonsense of any text. */
const SHORTEST = 4;
/** From this length on a secret is found inside of words, too. */
const ANYWHERE = 8;
/** Characters of a piece by which long secrets are found. */
const PIECE = 12;
/** From this length on a part of a secret that is a piece long is taken for it: words are cut by whoever repeats them. */
const DIVISIBLE = 16;
/** Longest run that is looked at as base64. */
const LONGEST_RUN = 64 * 1024;

interface Needle {
  readonly text: string;
  readonly divisible: boolean;
}

/** A part of a text, from its first character to behind its last. */
export type Span = readonly [from: number, to: number];

/** Secrets, made ready to be looked for in any spelling. */
export class Needles {
  /** Found as whole words: what is short, or a plain word that might be part of others. */
  readonly #words: string[] = [];
  readonly #anywhere: string[] = [];
  readonly #pieces = new Map<string, { readonly needle: Needle; readonly at: number }[]>();

  get isEmpty(): boolean {
    return this.#words.length === 0 && this.#anywhere.length === 0 && this.#pieces.size === 0;
  }

  /** Adds a secret. With `whole` no part of it is taken for it. */
  add(secret: string, whole: boolean): void {
    for (const text of new Set([secret, Buffer.from(secret).toString('latin1')])) {
      const plain = lowerCased(unbroken(visible(text)).text);
      if (plain.length < SHORTEST) continue;
      if (isWord(plain)) this.#words.push(plain);
      else if (plain.length < PIECE) this.#anywhere.push(plain);
      else this.#addLong({ text: plain, divisible: !whole && plain.length >= DIVISIBLE });
    }
  }

  /** The parts of a text that are secrets, in any spelling. */
  find(text: string): Span[] {
    const spans: Span[] = [];
    for (const reading of readingsOf(text)) {
      const joined = unbroken(reading);
      const found = [
        ...this.#findWords(reading.text).map((span) => placeOf(reading, ...span)),
        ...this.#findLong(joined.text).map((span) => placeOf(joined, ...span)),
        ...this.#findBase64(joined).map((span) => placeOf(joined, ...span)),
        ...this.#findHex(joined).map((span) => placeOf(joined, ...span)),
      ];
      for (const span of found) spans.push(span);
    }
    return spans;
  }

  #addLong(needle: Needle): void {
    const { text } = needle;
    const last = text.length - PIECE;
    const places = new Set([last]);
    for (let at = 0; at < last; at += PIECE) places.add(at);
    for (const at of places) {
      const piece = text.slice(at, at + PIECE);
      const known = this.#pieces.get(piece);
      if (known === undefined) this.#pieces.set(piece, [{ needle, at }]);
      else known.push({ needle, at });
    }
  }

  #findWords(given: string): Span[] {
    const text = lowerCased(given);
    const isPart = (character: string | undefined): boolean =>
      character !== undefined && /[A-Za-z0-9]/.test(character);
    return this.#words.flatMap((word) =>
      occurrences(text, word).filter(([from, to]) => !isPart(text[from - 1]) && !isPart(text[to])),
    );
  }

  #findLong(given: string): Span[] {
    const text = lowerCased(given);
    const spans = this.#anywhere.flatMap((needle) => occurrences(text, needle));
    if (this.#pieces.size === 0) return spans;
    for (let index = 0; index + PIECE <= text.length; index += 1) {
      for (const { needle, at } of this.#pieces.get(text.slice(index, index + PIECE)) ?? []) {
        const span = grown(text, index, needle.text, at);
        const length = span[1] - span[0];
        if (length === needle.text.length || (needle.divisible && isRandom(given.slice(...span)))) {
          spans.push(span);
        }
      }
    }
    return spans;
  }

  /** What is hexadecimal, from either half of its bytes on. */
  #findHex({ text }: Reading): Span[] {
    const spans: Span[] = [];
    for (const match of text.matchAll(/[0-9A-Fa-f]{8,}/g)) {
      const run = match[0].slice(0, LONGEST_RUN);
      for (const skip of [0, 1]) {
        const start = match.index + skip;
        for (const [from, to] of this.#findDecoded(Buffer.from(run.slice(skip), 'hex'))) {
          spans.push([start + from * 2, start + to * 2]);
        }
      }
    }
    return spans;
  }

  /** What is base64, at each of the places where it may begin in a run of its characters. */
  #findBase64({ text }: Reading): Span[] {
    const spans: Span[] = [];
    for (const match of text.matchAll(/[A-Za-z0-9+/_-]{6,}/g)) {
      const run = match[0].slice(0, LONGEST_RUN);
      for (let skip = 0; skip < 4 && skip < run.length; skip += 1) {
        const start = match.index + skip;
        for (const [from, to] of this.#findDecoded(Buffer.from(run.slice(skip), 'base64'))) {
          spans.push([start + Math.floor((from * 4) / 3), start + Math.ceil((to * 4) / 3)]);
        }
      }
    }
    return spans;
  }

  /** In bytes that were decoded: from the first of them to behind the last. */
  #findDecoded(bytes: Buffer): Span[] {
    const decoded = { text: bytes.toString('latin1') };
    const joined = unbroken(decoded);
    const long = this.#findLong(joined.text).map((span) => placeOf(joined, ...span));
    return [...this.#findWords(decoded.text), ...long];
  }
}

/** True for what is found as a whole word alone. */
export function isWord(secret: string): boolean {
  return secret.length < ANYWHERE || (secret.length < PIECE && /^[A-Za-z]+$/.test(secret));
}

/** Every place of a word, also of those that overlap. */
function occurrences(text: string, word: string): Span[] {
  const found: Span[] = [];
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    found.push([at, at + word.length]);
  }
  return found;
}

/** A piece that both have in common, with all that they have in common on either side of it. */
function grown(text: string, index: number, needle: string, at: number): Span {
  let before = 0;
  while (before < at && index > before && text[index - before - 1] === needle[at - before - 1]) before += 1;
  let after = PIECE;
  while (
    at + after < needle.length &&
    index + after < text.length &&
    text[index + after] === needle[at + after]
  ) {
    after += 1;
  }
  return [index - before, index + after];
}

/** Letters of the alphabet in lower case, and nothing else changed: each character stays in its place. */
function lowerCased(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Parts of tokens look like it, and of passwords with signs; words, which may be part of a password, do not. */
function isRandom(text: string): boolean {
  if (/(?:[^\p{L}\p{N}\s._:/@-].*){2}/u.test(text)) return true;
  return /[0-9]/.test(text) ? /[A-Za-z]/.test(text) : /[a-z]/.test(text) && /[A-Z]/.test(text);
}
