import { Parser } from 'yargs/helpers';

import { variableOf } from './env-options.js';
import { nearest } from './nearest.js';
import { type OptionTable, parseFlag } from './option.js';
import { repeatable } from './spelled-option.js';

/** The command line, taken apart but not yet judged. */
export interface CommandLine {
  /** Everything that is neither an option nor its value: the command and its arguments. */
  readonly words: readonly string[];
  /** The texts given for each option, by its long name without dashes. Flags are `true` or `false`. */
  readonly given: ReadonlyMap<string, readonly string[]>;
  /** What is wrong with an option's spelling, if anything is: the first such. */
  readonly problem: string | undefined;
  /** The option that there is not, with its dashes, where that is the problem. */
  readonly unknown: string | undefined;
}

const NEGATIVE_NUMBER = /^-\d/;

/**
 * Takes an argument list apart. `table` holds the options of all commands, because the command may come after options.
 * Names are checked first, for two reasons: yargs turns unknown options into values, and fails on names such as
 * `--toString`. Nothing is thrown; an unknown name or a flag with a bad value is reported as `problem`.
 */
export function readCommandLine(argv: readonly string[], table: OptionTable): CommandLine {
  const { tokens, problem, unknown } = normalise(argv, table);
  const parsed: Readonly<Record<string, unknown>> = Parser(tokens, {
    string: Object.keys(table).filter((name) => table[name]?.kind !== 'flag'),
    boolean: Object.keys(table).filter((name) => table[name]?.kind === 'flag'),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'short-option-groups': false,
    },
  });
  const given = new Map<string, readonly string[]>();
  for (const name of Object.keys(table)) {
    const value = parsed[name];
    if (value !== undefined) given.set(name, (Array.isArray(value) ? value : [value]).map(String));
  }
  return { words: wordsOf(parsed['_']), given, problem, unknown };
}

function wordsOf(positionals: unknown): string[] {
  return Array.isArray(positionals) ? positionals.map(String) : [];
}

type Normalised = { readonly tokens: string[] } & Pick<CommandLine, 'problem' | 'unknown'>;

/** Long names for short ones, `--flag=true` for flags (else yargs takes a following word "true" for their value). */
function normalise(argv: readonly string[], table: OptionTable): Normalised {
  const tokens: string[] = [];
  let problem: string | undefined;
  let unknown: string | undefined;
  for (const [index, token] of argv.entries()) {
    if (token === '--') return { tokens: [...tokens, ...argv.slice(index)], problem, unknown };
    const isValue = NEGATIVE_NUMBER.test(token) && awaitsValue(tokens.at(-1));
    if (!/^-./.test(token) || isValue) {
      tokens.push(token);
      continue;
    }
    const equals = token.indexOf('=');
    const spelled = equals === -1 ? token : token.slice(0, equals);
    const name = longName(spelled, table);
    if (name === undefined) {
      if (problem === undefined) unknown = spelled;
      problem ??= unknownOption(spelled, table);
    } else if (table[name]?.kind === 'flag') {
      const on = equals === -1 ? true : parseFlag(token.slice(equals + 1));
      if (on === undefined) problem ??= `${spelled} is on or off: ${spelled}, or ${spelled}=false`;
      else tokens.push(`--${name}=${on}`);
    } else {
      tokens.push(equals === -1 ? `--${name}` : `--${name}=${token.slice(equals + 1)}`);
    }
  }
  return { tokens, problem, unknown };
}

/** True after `--retries`: yargs then takes a negative number for its value, so that it can be told to be a bad one. */
function awaitsValue(token: string | undefined): boolean {
  return token?.startsWith('--') === true && !token.includes('=');
}

function longName(spelled: string, table: OptionTable): string | undefined {
  if (spelled.startsWith('--')) {
    const name = spelled.slice(2);
    return Object.hasOwn(table, name) ? name : undefined;
  }
  return Object.keys(table).find((name) => table[name]?.short === spelled.slice(1));
}

function unknownOption(given: string, table: OptionTable): string {
  const spelled = repeatable(given, table);
  const name = spelled.replace(/^-+|…$/g, '');
  if (/(?:^|-)password$/.test(name)) {
    const instead = `--${name}-stdin or ${variableOf(name)} in the environment`;
    return `there is no option ${spelled}, because others can read a command line: use ${instead}`;
  }
  const meant = nearest(name, Object.keys(table));
  return `there is no option ${spelled}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}
