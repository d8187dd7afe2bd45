import type { RegferryError } from '../errors.js';
import type { Api } from './api.js';
import type { Console } from './console.js';
import type { Given } from './env-options.js';
import type { Interruption } from './interruption.js';
import { optionValues } from './option-values.js';
import type { OptionsOf, OptionTable, Values } from './option.js';

/** What a command is given to work with. */
export interface Call extends Console {
  /** The command's arguments, as many as it takes. */
  readonly args: readonly string[];
  /** What was given for its options, and where. */
  readonly given: Given;
  readonly interruption: Interruption;
  /** Loads the library. Not before it is needed: it takes longer to load than most mistakes take to notice. */
  loadApi(): Promise<Api>;
}

/** A command's arguments: the words for them, and how many there must be. */
export interface ArgumentRule {
  /** As in the help, e.g. `<source> <target...>`. */
  readonly usage: string;
  /** What is missing, by the number of arguments that are there, e.g. `the image to copy`. */
  readonly missing: readonly string[];
  /** Most arguments, Infinity for any number. */
  readonly most: number;
}

/** An example for the help: a command line, and what it does. */
export type Example = readonly [commandLine: string, does: string];

interface Wording {
  readonly name: string;
  /** A few words for the list of commands. */
  readonly summary: string;
  /** Paragraphs for the command's own help. */
  readonly description: readonly string[];
  readonly arguments: ArgumentRule;
  readonly examples: readonly Example[];
  /** True for commands with two sides, whose errors have to say which one they are about. */
  readonly twoSided?: boolean;
  /** What an interrupted run leaves behind, to be said in its message. */
  readonly whenInterrupted?: string;
  /** The JSON document of a run that failed. `error` is ready to be put into it. */
  readonly failureDocument?: (args: readonly string[], failure: Failure) => object;
}

/** How a run failed. */
export interface Failure {
  /** What was thrown; it may carry a report. */
  readonly thrown: unknown;
  /** What to tell: what was thrown, or what ended the run from outside. */
  readonly error: RegferryError;
  readonly exit: number;
}

/** A command, with the types of its options forgotten. */
export interface Command extends Wording {
  readonly options: OptionTable;
  /** Does the work and writes its results. Throws what went wrong. */
  readonly run: (call: Call) => Promise<void>;
}

/** A command as it is written down: its options, and what it does with their values. */
export interface CommandSpec<V> extends Wording {
  readonly options: OptionsOf<V>;
  /** Does the work and writes its results. Throws what went wrong. */
  readonly run: (call: Call, values: Values<V>) => Promise<void>;
}

/** Makes a command of its description: its option values are read, and E_USAGE thrown for bad ones, before it runs. */
export function command<V>(spec: CommandSpec<V>): Command {
  return {
    ...spec,
    run: (call) => spec.run(call, optionValues(spec.options, call.given)),
  };
}
