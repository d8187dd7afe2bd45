import { setTimeout as wait } from 'node:timers/promises';

import { abortError } from '../errors.js';

/** Waits so many milliseconds; rejects when the signal aborts. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** A {@link Sleep} by the clock of timers, which nobody can set back. Rejects with the signal's {@link abortError}. */
export const sleepFor: Sleep = async (milliseconds, signal) => {
  try {
    await wait(milliseconds, undefined, { signal });
  } catch (error) {
    throw signal?.aborted === true ? abortError(signal) : error;
  }
};
