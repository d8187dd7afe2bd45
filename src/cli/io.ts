import type { Readable, Writable } from 'node:stream';

/** Where text or bytes go: a process stream, or in tests any Writable. */
export type OutputStream = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** Time, as far as the command line needs it. Timers do not keep the process alive. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls `tick` every `ms` milliseconds until the returned function is called. */
  every(ms: number, tick: () => void): () => void;
  /** Calls `run` once after `ms` milliseconds unless the returned function is called first. */
  after(ms: number, run: () => void): () => void;
}

/** The signals that end a run cleanly. */
export type EndSignal = 'SIGINT' | 'SIGTERM';

/** The world outside a run of the command line. {@link processIo} is the real one. */
export interface Io {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly stdin: Readable & { isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Calls `listener` on SIGINT and SIGTERM until the returned function is called; from then on they kill as usual. */
  onSignal(listener: (signal: EndSignal) => void): () => void;
}

const processClock: Clock = {
  now: () => performance.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => {
      clearInterval(timer);
    };
  },
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** This process as the outside world. */
export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    clock: processClock,
    onSignal(listener) {
      const signals: readonly EndSignal[] = ['SIGINT', 'SIGTERM'];
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}
