import { editDistance } from './edit-distance.js';

/** Most tags that are offered in place of one that is not there. */
const NEAR = 5;
/** Most that are looked at, and changes that are counted: a list may have a million, and somebody waits for the message. */
const LOOKED_AT = 5_000;
const CHANGES = 8;
/** A beginning of so many characters is one also within a number or a word, as of a commit's hash. */
const LONG = 4;

/**
 * The tags that `wanted` was most likely meant to be, nearest first, at most five: other spellings of it (`V2`, `2`), then
 * what begins with it or is the beginning of it, then what few changes lead to, of these the ones with the next version.
 */
export function nearTags(wanted: string, tags: readonly string[]): string[] {
  const word = plain(wanted);
  const parts = partsOf(word);
  return tags
    .slice(0, LOOKED_AT)
    .map((tag) => ({ tag, ...nearness(word, parts, plain(tag)) }))
    .sort((a, b) => a.distance - b.distance || b.common - a.common || a.step - b.step)
    .slice(0, NEAR)
    .map(({ tag }) => tag);
}

interface Nearness {
  readonly distance: number;
  /** Parts at the beginning that both have. */
  readonly common: number;
  /** How far the first numbers are from each other that differ. */
  readonly step: number;
}

function nearness(word: string, parts: readonly string[], tag: string): Nearness {
  if (tag === word) return { distance: 0, common: 0, step: 0 };
  const others = partsOf(tag);
  let common = 0;
  while (common < parts.length && parts[common] === others[common]) common += 1;
  const [own = '', other = ''] = [parts[common], others[common]];
  const step = isNumber(own) && isNumber(other) ? Math.abs(Number(own) - Number(other)) : Infinity;
  const [short, long] = word.length < tag.length ? [word, tag] : [tag, word];
  const isBeginning =
    common === Math.min(parts.length, others.length) || (short.length >= LONG && long.startsWith(short));
  const isNext = step <= 2 && parts.slice(common + 1).join() === others.slice(common + 1).join();
  return { distance: isBeginning || isNext ? 1 : editDistance(word, tag, CHANGES), common, step };
}

/** As it is compared: letter case and a `v` in front of a version make no difference. */
function plain(tag: string): string {
  return tag.toLowerCase().replace(/^v(?=\d)/, '');
}

/** Numbers, words, and what is between them. */
function partsOf(tag: string): string[] {
  return tag.match(/\d+|[a-z]+|[^a-z\d]+/g) ?? [];
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part);
}
