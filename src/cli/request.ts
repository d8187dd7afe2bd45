import type { Command } from './command.js';
import type { CommandLine } from './command-line.js';
import { nearest } from './nearest.js';
import { commandAdvice, misspeltCommand, optionAdvice, verbAdvice } from './peers.js';
import { usageError } from './usage-error.js';

/** What a command line asks for. */
export type Request =
  | { readonly kind: 'version' }
  | { readonly kind: 'help'; readonly command: Command | undefined }
  /** Nothing at all was said. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'run'; readonly command: Command; readonly args: readonly string[] };

/** Most commands that are named for an option. */
const MOST_NAMES = 3;

/** The command that a command line names, if there is one of that name. */
export function namedCommand(line: CommandLine, commands: readonly Command[]): Command | undefined {
  return commands.find(({ name }) => name === line.words[0]);
}

/** Makes out what is asked for. Throws E_USAGE with the first thing that is wrong. */
export function readRequest(line: CommandLine, commands: readonly Command[]): Request {
  const [word, ...args] = line.words;
  const command = namedCommand(line, commands);
  if (isOn(line, 'help')) {
    // Behind a misspelt option the first word may be a value.
    const isName = command === undefined && line.problem === undefined && word !== 'help';
    if (isName && word !== undefined) throw unknownCommand(word, commands);
    return { kind: 'help', command };
  }
  if (isOn(line, 'version')) return { kind: 'version' };
  const elsewhere = command === undefined ? commandAdvice(line.words) : undefined;
  if (word !== undefined && elsewhere !== undefined) throw noCommand(word, elsewhere);
  if (line.problem !== undefined) throw usageError(problemOf(line, command) ?? line.problem, command?.name);
  if (word === undefined) {
    if (line.given.size > 0) throw usageError('a command is missing');
    return { kind: 'nothing' };
  }
  if (word === 'help') return helpRequest(args[0], commands);
  if (command === undefined) throw unknownCommand(word, commands);
  const foreign = [...line.given.keys()].find((name) => !Object.hasOwn(command.options, name));
  if (foreign !== undefined) {
    const advice = optionAdvice(`--${foreign}`, command) ?? havingIt(foreign, commands);
    const instead = advice === undefined ? '' : `; ${advice}`;
    throw usageError(`--${foreign} is not an option of ${command.name}${instead}`, command.name);
  }
  checkCount(command, args);
  return { kind: 'run', command, args };
}

/** Which commands have an option that this one has not, where they are few. */
function havingIt(option: string, commands: readonly Command[]): string | undefined {
  const names = commands.filter(({ options }) => Object.hasOwn(options, option)).map(({ name }) => name);
  return names.length > MOST_NAMES ? undefined : `it is one of ${new Intl.ListFormat('en').format(names)}`;
}

/** What is wrong with an option that other programs have. */
function problemOf({ unknown }: CommandLine, command: Command | undefined): string | undefined {
  const advice = unknown === undefined ? undefined : optionAdvice(unknown, command);
  return advice === undefined ? undefined : `there is no option ${unknown}: ${advice}`;
}

function helpRequest(name: string | undefined, commands: readonly Command[]): Request {
  const command = commands.find((candidate) => candidate.name === name);
  if (name !== undefined && command === undefined) throw unknownCommand(name, commands);
  return { kind: 'help', command };
}

function noCommand(word: string, instead: string): Error {
  return usageError(`there is no command "${word}": ${instead}`);
}

function unknownCommand(word: string, commands: readonly Command[]): Error {
  const spelled = word.toLowerCase();
  const instead = commandAdvice([spelled]);
  if (instead !== undefined) return noCommand(word, instead);
  // Whatever is no plain word may be a login, and is not repeated.
  const shown = /^[a-z][a-z-]{0,20}$/i.test(word) ? `"${word}"` : 'of that name';
  const names = commands.map(({ name }) => name);
  const meant = meantCommand(spelled, names);
  if (meant !== undefined) return usageError(`there is no command ${shown}; did you mean ${meant}?`);
  const near = misspeltCommand(spelled);
  const guess = near === undefined ? '' : `; if ${near.word} is meant: ${near.advice}`;
  return usageError(`there is no command ${shown}${guess}`);
}

/** The command of which a word is another spelling, or the beginning. */
function meantCommand(word: string, names: readonly string[]): string | undefined {
  return nearest(word, names) ?? names.find((name) => word.startsWith(name));
}

function checkCount({ name, arguments: rule }: Command, args: readonly string[]): void {
  const missing = rule.missing[args.length];
  if (missing !== undefined) throw usageError(`${name} needs ${missing}`, name);
  const tooMany = args[rule.most];
  const advice = tooMany === undefined ? undefined : verbAdvice(name, args[0] ?? '');
  if (advice !== undefined) throw usageError(advice, name);
  // It is not repeated: it may be a password whose option was forgotten.
  if (tooMany !== undefined) {
    throw usageError(
      `${name} takes ${rule.usage} and nothing else, and was given ${args.length} arguments`,
      name,
    );
  }
}

function isOn(line: CommandLine, name: string): boolean {
  return line.given.get(name)?.at(-1) === 'true';
}
