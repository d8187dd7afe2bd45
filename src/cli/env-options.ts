import type { OptionTable } from './option.js';

/** Where a value came from: what to call it in a message, and its text. */
export interface GivenValue {
  /** `--retries` or `REGFERRY_RETRIES`. */
  readonly name: string;
  readonly origin: 'command line' | 'environment';
  /** One text; for options that may be repeated and for mistakes, several. */
  readonly texts: readonly string[];
}

/** What was given for each option, by its long name. */
export type Given = ReadonlyMap<string, GivenValue>;

/** The environment variable of an option: `chunk-size` is `REGFERRY_CHUNK_SIZE`. */
export function variableOf(option: string): string {
  return `REGFERRY_${option.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Puts the command line and the environment together for the options of one command; the command line wins.
 * An empty variable counts as not set, and variables of options that the command does not have are ignored,
 * so that a whole job can share its settings.
 */
export function gatherOptions(
  table: OptionTable,
  onCommandLine: ReadonlyMap<string, readonly string[]>,
  env: Readonly<Record<string, string | undefined>>,
): Given {
  const given = new Map<string, GivenValue>();
  for (const option of Object.keys(table)) {
    const texts = onCommandLine.get(option);
    const variable = variableOf(option);
    const value = env[variable];
    if (texts !== undefined) given.set(option, { name: `--${option}`, origin: 'command line', texts });
    else if (value !== undefined && value !== '') {
      given.set(option, { name: variable, origin: 'environment', texts: [value] });
    }
  }
  return given;
}
