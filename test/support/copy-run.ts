import { setImmediate } from 'node:timers/promises';

import { runReported } from '../../src/api/copy.js';
import { addressOf, wantedOf, type SourceImage, type TargetImage } from '../../src/api/images.js';
import type { CopyOptions } from '../../src/api/options.js';
import type { SessionOptions } from '../../src/api/session-options.js';
import type { CopyReport } from '../../src/copy/report.js';
import { isRegferryError, type RegferryError } from '../../src/errors.js';

/** A clock that has no time: every wait is over at once and noted. */
export interface Waits {
  /** What was waited for, in milliseconds. */
  readonly slept: number[];
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Milliseconds of the clock that they move. @default performance.now */
  readonly now?: (() => number) | undefined;
}

/** The options of a copy, and one that is for tests alone. */
export type RunOptions = CopyOptions & Pick<SessionOptions, 'answerTimeoutMs'>;

/** Waits that take no time. */
export function noWaits(): Waits {
  const slept: number[] = [];
  return {
    slept,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      slept.push(ms);
      await setImmediate();
      signal?.throwIfAborted();
    },
  };
}

/** Copies as the library does, without waiting between tries. */
export function copyAtOnce(
  source: SourceImage,
  target: TargetImage | readonly TargetImage[],
  options: RunOptions = {},
  waits: Waits = noWaits(),
): Promise<CopyReport> {
  return runReported(addressOf(source), wantedOf(target), { ...options, sleep: waits.sleep, now: waits.now });
}

/** The error that a promise rejects with. Throws if it does not, or with something that is not regferry's. */
export async function failureOf(work: Promise<unknown>): Promise<RegferryError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new Error('it did not fail');
  if (!isRegferryError(outcome.error)) throw outcome.error;
  return outcome.error;
}
