/** Calls `ring` after so many milliseconds, unless the function that it gives is called before. */
export type Alarm = (ms: number, ring: () => void) => () => void;

/** How long targets that share a read wait for one of them that does not move. */
export interface Patience {
  readonly ms: number;
  readonly alarm: Alarm;
}

/** A quarter of the usual idle time-out: whoever stalls is left behind before its own watchdog gives it up. */
const PATIENCE_MS = 15_000;

/** Patience by the clock. @param ms without it, 15 s. */
export function patience(ms: number = PATIENCE_MS): Patience {
  return {
    ms,
    alarm: (wait, ring) => {
      const timer = setTimeout(ring, wait);
      return () => clearTimeout(timer);
    },
  };
}
