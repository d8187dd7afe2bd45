import { setMaxListeners } from 'node:events';

import { abortError } from '../errors.js';

/**
 * A signal that aborts when the given one does, with its {@link abortError} for a reason: whatever a caller's reason is,
 * whoever throws it throws E_ABORTED. `controller` ends it otherwise, which has to happen in the end.
 */
export function callSignal(given: AbortSignal | undefined, controller: AbortController): AbortSignal {
  const { signal } = controller;
  setMaxListeners(0, signal);
  if (given === undefined) return signal;
  const forward = (): void => controller.abort(abortError(given));
  if (given.aborted) forward();
  else given.addEventListener('abort', forward, { once: true, signal });
  return signal;
}

/**
 * A signal that aborts with the first of those given. Every request of a run listens to it, so Node's warning about
 * many listeners is switched off for it.
 */
export function linkedSignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  setMaxListeners(0, signal);
  return signal;
}
