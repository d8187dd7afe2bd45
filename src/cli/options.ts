import { RegferryError } from '../errors.js';
import { parsePlatform } from '../spec/platform.js';
import { choice, duration, flag, list, type Option, type OptionsOf, text, wholeNumber } from './option.js';
import { parseSize } from './quantity.js';

/** What every command that talks to a registry can be told about its output. */
export interface OutputOptions {
  json: boolean;
  quiet: boolean;
  'log-level': LogLevel;
  'log-format': 'pretty' | 'json';
}

/** How much is logged; each level includes those before it. */
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

const logLevels: readonly [LogLevel, ...LogLevel[]] = ['info', 'silent', 'error', 'warn', 'debug', 'trace'];

/** Options about logging alone, for commands whose output has one form. */
export const logOptions: OptionsOf<Omit<OutputOptions, 'json'>> = {
  quiet: flag('Output', 'only results and errors', { short: 'q' }),
  'log-level': choice('Output', logLevels, 'how much to tell on stderr; debug shows every request'),
  'log-format': choice('Output', ['pretty', 'json'], 'how to tell it; json turns bars off'),
};

/** Options about output. */
export const outputOptions: OptionsOf<OutputOptions> = {
  json: flag('Output', 'one JSON document on stdout, on failure too'),
  ...logOptions,
};

/** Options about the connection to any registry. */
export interface ConnectionOptions {
  authfile: string;
  'trusted-realm': readonly string[];
  'allow-private-redirects': boolean;
  retries: number;
  'retry-max-wait': number;
  timeout: number;
  'idle-timeout': number;
}

/** Options about the connection to any registry. */
export const connectionOptions: OptionsOf<ConnectionOptions> = {
  authfile: text('Connection', 'FILE', 'a file of logins', 'read credentials from this file alone'),
  'trusted-realm': list(
    'Connection',
    'HOST',
    'hosts',
    'send credentials to these token servers alone; may be repeated',
  ),
  'allow-private-redirects': flag('Connection', 'follow redirects of public registries to private addresses'),
  retries: wholeNumber('Connection', { least: 0, most: 100 }, 'repeats of one request that failed [4]'),
  'retry-max-wait': duration('Connection', 'longest wait that a registry may ask for before a repeat [60s]'),
  timeout: duration('Connection', 'give up after this time, whatever is going on [none]'),
  'idle-timeout': duration(
    'Connection',
    'give up on a connection on which nothing moves for this time [60s]',
  ),
};

/** Options about moving blobs. */
export interface TransferOptions {
  concurrency: number;
  'chunk-size': number | 'off';
  progress: 'auto' | 'tty' | 'plain' | 'none';
}

/** Options about moving blobs. */
export const transferOptions: OptionsOf<TransferOptions> = {
  concurrency: wholeNumber('Connection', { least: 1, most: 100 }, 'transfers at a time with one host [6]'),
  'chunk-size': {
    kind: 'value',
    group: 'Connection',
    describe: 'upload blobs in pieces of this size, or off: each in one request [by registry]',
    placeholder: 'SIZE|off',
    expects: 'a size such as 16MiB, 64M or 1000000, or off',
    parse: (given) => (given.toLowerCase() === 'off' ? 'off' : parseSize(given)),
  },
  progress: choice(
    'Output',
    ['auto', 'tty', 'plain', 'none'],
    'how far it is: bars on a terminal, a line now and then elsewhere',
  ),
};

/** What other programs call all platforms. */
const ALL_PLATFORMS = /^(?:all|any|every|both|\*(?:\/\*)?)$/i;

/** `--platform`: os/arch[/variant], one value. `without` says what is done where it is not given. */
export function platformOption(describe: string, without: string): Option<string> {
  return {
    kind: 'value',
    group: 'Command',
    describe,
    placeholder: 'OS/ARCH',
    expects: 'a platform such as linux/amd64 or linux/arm/v7',
    parse: (given) => {
      if (ALL_PLATFORMS.test(given.trim())) {
        throw new RegferryError('E_USAGE', `--platform takes one platform; leave it out: ${without}`);
      }
      parsePlatform(given); // throws E_USAGE, and says why several are refused
      return given;
    },
  };
}
