import { RegferryError } from '../errors.js';
import { exitCode, SIGNAL_EXITS } from './exit-codes.js';
import { formatDuration } from './format.js';
import type { Io } from './io.js';

/** Why a run was ended from outside. */
export interface Ending {
  readonly error: RegferryError;
  readonly exit: number;
}

/** Ends a run's work on SIGINT, SIGTERM and when its time is up. */
export interface Interruption {
  /** Aborted with the ending's error. */
  readonly signal: AbortSignal;
  /** Resolves when the work is told to stop. */
  readonly ended: Promise<void>;
  /** Set once the work was told to stop. */
  ending(): Ending | undefined;
  /** Stops listening and cancels the time-out. */
  dispose(): void;
}

/**
 * Listens for signals and starts the time-out of the whole run, if there is one. After the first signal the listeners
 * are gone, so that a second one kills the process. `leaves` is what the message says about what is left behind.
 */
export function interruptible(io: Io, timeoutMs: number | undefined, leaves?: string): Interruption {
  const tail = leaves === undefined ? '' : `: ${leaves}`;
  const controller = new AbortController();
  let ending: Ending | undefined;
  const ended = new Promise<void>((resolve) => {
    controller.signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
  const end = (error: RegferryError, exit: number): void => {
    if (ending !== undefined) return;
    ending = { error, exit };
    controller.abort(error);
  };
  const stopListening = io.onSignal((signal) => {
    stopListening();
    end(new RegferryError('E_ABORTED', `interrupted by ${signal}${tail}`), SIGNAL_EXITS[signal]);
  });
  const stopWaiting =
    timeoutMs === undefined
      ? () => undefined
      : io.clock.after(timeoutMs, () => {
          const message = `not done after ${formatDuration(timeoutMs)} (--timeout)${tail}`;
          end(new RegferryError('E_TIMEOUT', message), exitCode('E_TIMEOUT'));
        });
  return {
    signal: controller.signal,
    ended,
    ending: () => ending,
    dispose() {
      stopListening();
      stopWaiting();
    },
  };
}
