/** A text as somebody may read it; where it differs from the original, with the place of each of its characters there. */
export interface Reading {
  readonly text: string;
  /** Where each character begins and ends in the original; absent where the two are the same. */
  readonly places?: { readonly starts: readonly number[]; readonly ends: readonly number[] };
}

/** Where a part of a reading lies in the original: from the first character to behind the last. */
export function placeOf({ places }: Reading, from: number, to: number): readonly [number, number] {
  if (places === undefined) return [from, to];
  return [places.starts[from] ?? 0, places.ends[to - 1] ?? 0];
}

// Soft hyphens, zero-width characters and controls: what is shown goes on without them.
const INVISIBLE =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+/g;
const BLANK = /[\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/** The text without invisible characters. */
export function visible(text: string): Reading {
  const plain = { text };
  return replaced(plain, INVISIBLE, () => '') ?? plain;
}

/** A reading without blanks and line ends, which may stand in the middle of what was cleaned or wrapped. */
export function unbroken(reading: Reading): Reading {
  return replaced(reading, BLANK, () => '') ?? reading;
}

const NAMED = new Map(
  Object.entries({
    amp: '&',
    lt: '<',
    gt: '>',
    quot: '"',
    apos: "'",
    nbsp: ' ',
    sol: '/',
    bsol: '\\',
    equals: '=',
    plus: '+',
    commat: '@',
    excl: '!',
    num: '#',
    dollar: '$',
    percnt: '%',
    lpar: '(',
    rpar: ')',
    ast: '*',
    comma: ',',
    period: '.',
    colon: ':',
    semi: ';',
    quest: '?',
    lsqb: '[',
    rsqb: ']',
    Hat: '^',
    lowbar: '_',
    grave: '`',
    lcub: '{',
    vert: '|',
    rcub: '}',
  }),
);

const ESCAPED = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
]);

/** Ways to undo an escaping, each a pattern and what a match of it stands for. */
const DECODERS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  // percent-encoding, and that of forms, where a blank is a plus
  [/(?:%[0-9a-f]{2})+/gi, ([found]) => percentDecoded(found)],
  [/(?:%[0-9a-f]{2})+|\+/gi, ([found]) => (found === '+' ? ' ' : percentDecoded(found))],
  // JSON and what else escapes with a backslash
  [
    /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(["'\\/bfnrt]))/gi,
    ([, wide, narrow, one = '']) => {
      const code = wide ?? narrow;
      return code === undefined ? (ESCAPED.get(one) ?? one) : String.fromCharCode(Number.parseInt(code, 16));
    },
  ],
  // HTML and XML
  [
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi,
    ([found, decimal, hex = '', name]) => {
      if (name !== undefined) return NAMED.get(name) ?? found;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : found;
    },
  ],
];

/** Escapings of escapings that are undone. */
const DEPTH = 3;
/** Readings of one text, and the length of a text of which all of them are tried: looking must stay cheap. */
const MOST_READINGS = 24;
const LONG_TEXT = 16 * 1024;

/** A text as it stands and with percent-encoding, JSON's, and HTML's undone, in any order and several times over. */
export function readingsOf(text: string): readonly Reading[] {
  const all = [visible(text)];
  const seen = new Set(all.map((reading) => reading.text));
  const depth = text.length > LONG_TEXT ? 1 : DEPTH;
  let last: readonly Reading[] = all;
  for (let level = 0; level < depth && last.length > 0 && all.length < MOST_READINGS; level += 1) {
    const next: Reading[] = [];
    for (const [pattern, decode] of DECODERS) {
      for (const reading of last) {
        const decoded = replaced(reading, pattern, decode);
        if (decoded === undefined || seen.has(decoded.text)) continue;
        seen.add(decoded.text);
        next.push(decoded);
      }
    }
    all.push(...next);
    last = next;
  }
  return all;
}

/** A reading with each match replaced by what it stands for; undefined where nothing matches. */
function replaced(
  reading: Reading,
  pattern: RegExp,
  by: (match: RegExpExecArray) => string,
): Reading | undefined {
  const starts: number[] = [];
  const ends: number[] = [];
  const pieces: string[] = [];
  let at = 0;
  const keep = (to: number): void => {
    for (let index = at; index < to; index += 1) {
      const [start, end] = placeOf(reading, index, index + 1);
      starts.push(start);
      ends.push(end);
    }
    pieces.push(reading.text.slice(at, to));
  };
  for (const match of reading.text.matchAll(pattern)) {
    const stands = by(match);
    const behind = match.index + match[0].length;
    keep(match.index);
    const [start, end] = placeOf(reading, match.index, behind);
    for (let index = 0; index < stands.length; index += 1) {
      starts.push(start);
      ends.push(end);
    }
    pieces.push(stands);
    at = behind;
  }
  if (at === 0) return undefined;
  keep(reading.text.length);
  return { text: pieces.join(''), places: { starts, ends } };
}

function percentDecoded(found: string): string {
  return Buffer.from(found.replaceAll('%', ''), 'hex').toString('utf8');
}
