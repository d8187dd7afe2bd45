import { RegferryError } from '../errors.js';
import { printable } from './printable.js';

/** True for the tags that are meant. */
export type TagMatcher = (tag: string) => boolean;

/** One place of a pattern: any number of characters, or one that passes the test. */
type Piece = '*' | ((character: string) => boolean);

/** Longest pattern; a tag has 128 characters at most. */
const LONGEST = 1_000;
/** What tags are made of, and names in layouts besides. */
const PLAIN = /^[A-Za-z0-9_.:@/+-]$/;

/**
 * A pattern for whole tags: `*` stands for any characters, `?` for one, `[a-z0-9]` for one of these and `[!a-z]` for one
 * of no others. Takes time in proportion to the two lengths' product at most. Throws E_USAGE for what is no pattern.
 */
export function parseTagGlob(pattern: string): TagMatcher {
  const pieces = piecesOf(pattern);
  return (tag) => matches(pieces, tag);
}

/**
 * The tags that fit one of the patterns `include`, all where there are none, and no pattern of `exclude`. Throws E_USAGE
 * for what is no pattern.
 */
export function tagFilter(include: readonly string[], exclude: readonly string[]): TagMatcher {
  const wanted = include.map(parseTagGlob);
  const unwanted = exclude.map(parseTagGlob);
  return (tag) => {
    const isWanted = wanted.length === 0 || wanted.some((fits) => fits(tag));
    return isWanted && !unwanted.some((fits) => fits(tag));
  };
}

function piecesOf(pattern: string): readonly Piece[] {
  if (pattern === '') throw bad(pattern, 'it is empty');
  if (pattern.length > LONGEST) throw bad(pattern, `it has more than ${LONGEST} characters`);
  const pieces: Piece[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern.charAt(at);
    if (character === '*') {
      if (pieces.at(-1) !== '*') pieces.push('*');
    } else if (character === '?') pieces.push(() => true);
    else if (character === '[') {
      const end = pattern.indexOf(']', at);
      if (end < 0) throw bad(pattern, 'a [ has no ] after it');
      pieces.push(classOf(pattern, pattern.slice(at + 1, end)));
      at = end;
    } else {
      checkPlain(pattern, character);
      pieces.push((other) => other === character);
    }
  }
  return pieces;
}

function classOf(pattern: string, content: string): Exclude<Piece, '*'> {
  const isNegated = content.startsWith('!');
  const members = isNegated ? content.slice(1) : content;
  if (members === '') throw bad(pattern, 'there is nothing between [ and ]');
  const ranges: (readonly [from: string, to: string])[] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members.charAt(at);
    const isRange = members.charAt(at + 1) === '-' && at + 2 < members.length;
    const to = isRange ? members.charAt(at + 2) : from;
    for (const character of [from, to]) checkPlain(pattern, character);
    if (from > to) throw bad(pattern, `the range ${from}-${to} runs backwards`);
    ranges.push([from, to]);
    if (isRange) at += 2;
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== isNegated;
}

function checkPlain(pattern: string, character: string): void {
  if (PLAIN.test(character)) return;
  throw bad(pattern, `no tag has a ${printable(JSON.stringify(character))} in it`);
}

/** Goes back to the last star alone: what an earlier one took needs no second look. */
function matches(pieces: readonly Piece[], tag: string): boolean {
  let piece = 0;
  let at = 0;
  let star = -1;
  let taken = 0;
  while (at < tag.length) {
    const wanted = pieces[piece];
    if (wanted === '*') {
      star = piece;
      taken = at;
      piece += 1;
    } else if (wanted?.(tag.charAt(at)) === true) {
      piece += 1;
      at += 1;
    } else if (star >= 0) {
      piece = star + 1;
      taken += 1;
      at = taken;
    } else return false;
  }
  while (pieces[piece] === '*') piece += 1;
  return piece === pieces.length;
}

function bad(pattern: string, why: string): RegferryError {
  const knows = 'a pattern is for whole tags and knows *, ?, [a-z] and [!a-z]';
  return new RegferryError('E_USAGE', `"${printable(pattern, 160)}" is not a tag pattern: ${why}; ${knows}`);
}
