import { printable } from '../../spec/printable.js';
import type { Api } from '../api.js';
import { argumentName } from '../argument-names.js';
import { readCommandLine, type CommandLine } from '../command-line.js';
import type { Command } from '../command.js';
import { allOptions, commands } from '../commands.js';
import { gatherOptions } from '../env-options.js';
import { EXIT_OK } from '../exit-codes.js';
import type { Io } from '../io.js';
import type { Option } from '../option.js';
import { Output } from '../output.js';
import type { Candidate } from './candidate.js';
import { completeImage, completeTag, type TagFinder } from './images.js';
import { shells } from './scripts.js';
import { tagFinder } from './tag-finder.js';

/** The word that the completion scripts call; people have no use for it. */
export const COMPLETE = '__complete';

/** Most candidates that are printed. */
const mostCandidates = 500;

/** Stands for the names of files, which shells know better. */
const files: readonly Candidate[] = [[':files']];

/** The words before the unfinished one, read as a command line. */
interface Situation {
  readonly line: CommandLine;
  readonly command: Command | undefined;
  /** The command's arguments that are there. */
  readonly args: readonly string[];
  readonly current: string;
}

/**
 * Prints what could stand for the last of these words, which may be empty: a candidate a line, and behind a tab a few
 * words about it. What goes wrong is nothing that a completion could tell: it prints less then.
 */
export async function complete(words: readonly string[], io: Io, load: () => Promise<Api>): Promise<number> {
  const current = words.at(-1) ?? '';
  const found = await candidates(words.slice(0, -1), current, io, load);
  const fitting = found.filter(([value]) => {
    return (
      value === ':files' || (value.startsWith(current) && !/\s/.test(value) && printable(value) === value)
    );
  });
  const lines = fitting.slice(0, mostCandidates).map(([value, about]) => {
    return about === undefined ? `${value}\n` : `${value}\t${printable(about)}\n`;
  });
  const stdout = new Output(io.stdout);
  await stdout
    .write(lines.join(''))
    .then(() => stdout.flush())
    .catch(() => undefined);
  return EXIT_OK;
}

async function candidates(
  before: readonly string[],
  current: string,
  io: Io,
  load: () => Promise<Api>,
): Promise<readonly Candidate[]> {
  const awaited = awaitedOption(before.at(-1));
  if (awaited !== undefined) return valuesOf(awaited, '');
  const line = readCommandLine(before, allOptions);
  const [name, ...args] = line.words;
  const command = commands.find((candidate) => candidate.name === name);
  const equals = /^--([^=]+)=/.exec(current);
  if (equals?.[1] !== undefined) return valuesOf(allOptions[equals[1]], equals[0]);
  if (current.startsWith('-')) return optionsOf(command, line);
  if (name === undefined) return commandNames();
  const situation: Situation = { line, command, args, current };
  return await argumentsOf(situation, (prefix) => {
    return tagFinder(io, load, prefix, gatherOptions(command?.options ?? {}, line.given, io.env));
  });
}

/** The option that takes the next word for its value. */
function awaitedOption(word: string | undefined): Option<unknown> | undefined {
  const name = /^--([^=]+)$/.exec(word ?? '')?.[1];
  const option = name === undefined || !Object.hasOwn(allOptions, name) ? undefined : allOptions[name];
  return option?.kind === 'flag' ? undefined : option;
}

function valuesOf(option: Option<unknown> | undefined, before: string): readonly Candidate[] {
  if (option?.words !== undefined) return option.words.map((word) => [`${before}${word}`]);
  return /^(?:FILE|RECEIPT)$/.test(option?.placeholder ?? '') ? files : [];
}

function optionsOf(command: Command | undefined, line: CommandLine): readonly Candidate[] {
  const table = { ...command?.options, help: allOptions['help'] };
  return Object.entries(table).flatMap(([name, option]) => {
    const isUsedUp = line.given.has(name) && option?.kind !== 'list';
    return isUsedUp ? [] : [[`--${name}`, option?.describe] as Candidate];
  });
}

function commandNames(): readonly Candidate[] {
  return [
    ...commands.map(({ name, summary }): Candidate => [name, summary]),
    ['help', 'tell about a command'],
  ];
}

async function argumentsOf(
  { line, command, args, current }: Situation,
  finder: (prefix: 'from-' | 'to-' | '') => TagFinder,
): Promise<readonly Candidate[]> {
  if (command === undefined) return line.words[0] === 'help' && args.length === 0 ? commandNames() : [];
  const [first = ''] = args;
  // Repositories are wanted then, which have no tags.
  const allTags = line.given.get('all-tags')?.at(-1) === 'true';
  const prefix = Object.hasOwn(command.options, 'from-username') ? 'from-' : '';
  switch (argumentName(command.arguments.usage, args.length)) {
    case 'image':
    case 'source':
      return await completeImage(current, allTags ? undefined : finder(prefix));
    case 'target...':
      return await completeImage(current, allTags ? undefined : finder('to-'));
    case 'repository':
      return await completeImage(current, undefined);
    case 'tag...':
      return await completeTag(first, finder(prefix));
    case 'plan':
    case 'FOLDER':
      return files;
    case 'shell':
      return shells.map((shell) => [shell]);
    case undefined:
    default:
      return [];
  }
}
