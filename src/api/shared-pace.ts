import { HostPace } from '../http/host-pace.js';
import type { Sleep } from '../http/sleep.js';

/** A pace that is held for as long as a call lasts: one for both its sides, which may be the same registry. */
export interface HeldPace {
  readonly pace: HostPace;
  /** The call is over. */
  release(): void;
}

interface Shared {
  readonly pace: HostPace;
  calls: number;
}

const SHARED = new WeakMap<Sleep, Shared>();

/**
 * The pace of all calls that run at the same time and wait in the same way, which are those of one process: a host that gets
 * too much of one of them gets it of all. What comes after them begins anew.
 */
export function sharedPace(sleep: Sleep, now: () => number = () => performance.now()): HeldPace {
  const shared = SHARED.get(sleep) ?? { pace: new HostPace(now, sleep), calls: 0 };
  SHARED.set(sleep, shared);
  shared.calls += 1;
  let isHeld = true;
  return {
    pace: shared.pace,
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      shared.calls -= 1;
      if (shared.calls === 0 && SHARED.get(sleep) === shared) SHARED.delete(sleep);
    },
  };
}
