import { setMaxListeners } from 'node:events';

/**
 * A signal that aborts with the first of those given. Every request of a run listens to it, so Node's warning about
 * many listeners is switched off for it.
 */
export function linkedSignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
  setMaxListeners(0, signal);
  return signal;
}
