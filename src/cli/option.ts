import { parseCount, parseDuration } from './quantity.js';

/** Headings under which the help lists options, in this order. */
export type OptionGroup = 'Command' | 'Source' | 'Target' | 'Registry' | 'Connection' | 'Output';

/** One option: how it is written, explained and read. `T` is what its text becomes. */
export interface Option<T> {
  /** A flag stands alone (or `=yes`, `=no`); a value needs a text and may be given once; a list may be repeated. */
  readonly kind: 'flag' | 'value' | 'list';
  readonly group: OptionGroup;
  /** One line for the help. */
  readonly describe: string;
  /** What stands for the value in the help, e.g. `OS/ARCH`. */
  readonly placeholder?: string;
  /** The only values that there are, if they can be listed. */
  readonly words?: readonly string[];
  /** One letter that means the same, e.g. `q`. */
  readonly short?: string;
  /** What a bad value is told that it should have been, e.g. `a whole number from 0 to 100`. */
  readonly expects: string;
  /** The value, or undefined when the text is not what is expected. A list is given its texts joined by commas. */
  readonly parse: (text: string) => T | undefined;
}

/** The options of a set of values: one for each property, named as on the command line but for the dashes in front. */
export type OptionsOf<V> = { readonly [K in keyof V]-?: Option<V[K]> };

/** The values of a set of options: those that were not given are left out. */
export type Values<V> = { readonly [K in keyof V]?: V[K] };

/** Options whose values' types do not matter: for parsing and help. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

/** Longest list of words that can stand in for a value in the help. */
const LONGEST_PLACEHOLDER = 12;

interface Wording {
  readonly short?: string;
  readonly placeholder?: string;
}

/** What yes and no may be called, in the environment and after `--flag=`. Undefined for anything else. */
export function parseFlag(text: string): boolean | undefined {
  if (/^(?:true|1|yes)$/i.test(text)) return true;
  if (/^(?:false|0|no)$/i.test(text)) return false;
  return undefined;
}

/** An option that is on or off. */
export function flag(group: OptionGroup, describe: string, wording: Wording = {}): Option<boolean> {
  return { kind: 'flag', group, describe, expects: 'true or false', parse: parseFlag, ...wording };
}

/** An option with a text that is passed on as it is. `expects` says what it is, e.g. `a file`. */
export function text(
  group: OptionGroup,
  placeholder: string,
  expects: string,
  describe: string,
): Option<string> {
  return { kind: 'value', group, describe, placeholder, expects, parse: (given) => given };
}

/** An option with one of a few words; the first is what holds where none is given. */
export function choice<W extends string>(
  group: OptionGroup,
  words: readonly [W, ...W[]],
  describe: string,
): Option<W> {
  const listed = words.join('|');
  const tooLong = listed.length > LONGEST_PLACEHOLDER;
  return {
    kind: 'value',
    group,
    describe: `${describe}${tooLong ? `: ${words.join(', ')}` : ''} [${words[0]}]`,
    placeholder: tooLong ? 'WORD' : listed,
    words,
    expects: `one of ${words.join(', ')}`,
    parse: (given) => words.find((word) => word === given.toLowerCase()),
  };
}

/** An option with a whole number from `least` to `most`. */
export function wholeNumber(
  group: OptionGroup,
  range: { least: number; most: number },
  describe: string,
): Option<number> {
  return {
    kind: 'value',
    group,
    describe,
    placeholder: 'N',
    expects: `a whole number from ${range.least} to ${range.most}`,
    parse: (given) => parseCount(given, range.least, range.most),
  };
}

/** An option with a length of time, in milliseconds. */
export function duration(group: OptionGroup, describe: string): Option<number> {
  return {
    kind: 'value',
    group,
    describe,
    placeholder: 'TIME',
    expects: 'a time above 0 such as 30s, 5m, 1h or a number of seconds',
    parse: parseDuration,
  };
}

/** An option that may be given several times, or once with commas. `things` says what it lists, e.g. `hosts`. */
export function list(
  group: OptionGroup,
  placeholder: string,
  things: string,
  describe: string,
): Option<readonly string[]> {
  return {
    kind: 'list',
    group,
    describe,
    placeholder,
    expects: `${things} without blanks`,
    parse: (given) => {
      const parts = given.split(',').map((part) => part.trim());
      return parts.some((part) => part === '' || /\s/.test(part)) ? undefined : parts;
    },
  };
}
