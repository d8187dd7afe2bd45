import { printable } from '../spec/printable.js';
import type { Clock } from './io.js';
import type { LogLevel } from './options.js';
import type { StatusArea } from './status-area.js';

/** Longest log line or error message, in characters. */
const LONGEST_LINE = 2000;

/** Facts of a log record besides its text, for `--log-format json`. Never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Levels at which something can be logged. */
export type RecordLevel = Exclude<LogLevel, 'silent' | 'trace'>;

/** Tells on stderr what is going on. */
export interface Log {
  /** True when records of this level are shown. */
  shows(level: RecordLevel): boolean;
  /** Shows a record of one line. Control characters in it are neutralised. */
  write(level: RecordLevel, message: string, fields?: LogFields): void;
}

const RANKS: Readonly<Record<LogLevel, number>> = {
  silent: 0,
  error: 1,
  warn: 2,
  info: 3,
  debug: 4,
  trace: 5,
};

/** True when a log of level `limit` shows records of `level`. */
export function isShown(level: RecordLevel, limit: LogLevel): boolean {
  return RANKS[level] <= RANKS[limit];
}

/** A text fit for one line of the log. */
export function logLine(text: string): string {
  return printable(text, LONGEST_LINE);
}

/** How {@link prettyLog} writes. */
export interface PrettyOptions {
  readonly level: LogLevel;
  readonly colour: boolean;
  readonly clock: Clock;
  /** Write errors as annotations, for a job of GitHub Actions. */
  readonly annotate?: boolean;
}

/** A log for people: errors and warnings say so, debug lines have the seconds since the start. */
export function prettyLog(area: StatusArea, options: PrettyOptions): Log {
  const { level: limit, clock } = options;
  const started = clock.now();
  const paint = (colour: number, text: string): string =>
    options.colour ? `\u001b[${colour}m${text}\u001b[0m` : text;
  const prefix: Readonly<Record<RecordLevel, () => string>> = {
    error: () => `${paint(31, 'regferry:')} `,
    warn: () => `${paint(33, 'regferry: warning:')} `,
    info: () => '',
    debug: () => `${paint(2, `+${((clock.now() - started) / 1000).toFixed(3)}s`)} `,
  };
  return {
    shows: (level) => isShown(level, limit),
    write(level, message) {
      if (!isShown(level, limit)) return;
      const line = `${prefix[level]()}${logLine(area.gate.words(message))}`;
      if (options.annotate === true && level === 'error') area.annotate(line);
      else area.print(line);
    },
  };
}
