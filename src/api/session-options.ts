import type { Sleep } from '../http/sleep.js';
import type { CommonOptions, SideOptions } from './options.js';

/** What the sides of a call are given. */
export interface SessionOptions extends CommonOptions {
  readonly source?: SideOptions | undefined;
  readonly target?: SideOptions | undefined;
  /** Whoever uses the repositories knows on which side: errors and events name none. @default false */
  readonly sideless?: boolean | undefined;
  /** Waits between tries and before another read-back. Not public: for tests, which have no time. @default a timer */
  readonly sleep?: Sleep | undefined;
  /** Milliseconds of the clock by which those waits go; not public either. @default performance.now */
  readonly now?: (() => number) | undefined;
  /** Longest wait for the answer to an upload's body, in milliseconds. Not public either. @default 15 minutes */
  readonly answerTimeoutMs?: number | undefined;
}

/** What one call counts. */
export interface Totals {
  readonly requests: { source: number; target: number };
  readonly retries: number;
  readonly durationMs: number;
}
