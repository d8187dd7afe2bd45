import { PassThrough, Writable } from 'node:stream';

import { fromEnvironment } from '../../../src/api/environment.js';
import { formatPlan, parsePlan } from '../../../src/api/plan-file.js';
import { createReceipt, isRecordable } from '../../../src/api/receipt.js';
import { formatReceipt, parseReceipt } from '../../../src/api/receipt-file.js';
import type { Api } from '../../../src/cli/api.js';
import type { Clock, EndSignal, Io, OutputStream } from '../../../src/cli/io.js';
import { main } from '../../../src/cli/main.js';

/** A clock that moves only when it is told to. */
export interface FakeClock extends Clock {
  /** Moves on, and runs what falls due on the way. */
  advance(ms: number): void;
  /** Timers that have not been cancelled. */
  readonly pending: number;
}

/** A clock that starts at 0. */
export function fakeClock(): FakeClock {
  let now = 0;
  const timers = new Set<{ due: number; every: number | undefined; run: () => void }>();
  const add = (ms: number, every: number | undefined, run: () => void): (() => void) => {
    const timer = { due: now + ms, every, run };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    now: () => now,
    every: (ms, tick) => add(ms, ms, tick),
    after: (ms, run) => add(ms, undefined, run),
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const [next] = [...timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due);
        if (next === undefined) break;
        now = next.due;
        if (next.every === undefined) timers.delete(next);
        else next.due += next.every;
        next.run();
      }
      now = until;
    },
    get pending() {
      return timers.size;
    },
  };
}

/** A stream that keeps what is written to it. */
export class Sink extends Writable {
  readonly chunks: Buffer[] = [];
  isTTY?: boolean;
  columns?: number;
  rows?: number;

  constructor(terminal?: { columns: number; rows?: number }) {
    super();
    if (terminal === undefined) return;
    this.isTTY = true;
    this.columns = terminal.columns;
    this.rows = terminal.rows ?? 24;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** Resolves once a text has been written. */
  shows(text: string): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!this.text.includes(text)) return;
        this.off('shown', look);
        resolve();
      };
      this.on('shown', look);
      look();
    });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    this.emit('shown');
    done();
  }
}

/** A stream whose reader is gone, or that fails in another way. */
export function brokenSink(code: string): OutputStream {
  return new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error(`write ${code}`), { code }));
    },
  });
}

/** An outside world whose every part is at the test's hands. */
export interface FakeIo extends Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly clock: FakeClock;
  /** Sends a signal to whoever listens; false when nobody does, and it would have killed the process. */
  signal(signal: EndSignal): boolean;
}

/** What a {@link FakeIo} is made of. */
export interface FakeIoOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly terminal?: { columns: number; rows?: number };
}

/** Makes an outside world: no environment, nothing on standard input, no terminal. */
export function fakeIo(options: FakeIoOptions = {}): FakeIo {
  const listeners = new Set<(signal: EndSignal) => void>();
  const stdin = new PassThrough();
  stdin.end(options.input ?? '');
  return {
    stdout: new Sink(options.terminal),
    stderr: new Sink(options.terminal),
    stdin,
    env: options.env ?? {},
    clock: fakeClock(),
    onSignal(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    signal(signal) {
      const found = listeners.size > 0;
      for (const listener of [...listeners]) listener(signal);
      return found;
    },
  };
}

/** How a run ended. */
export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line with some of the library replaced; what is not given must not be called. */
export async function run(
  argv: readonly string[],
  api: Partial<Api> = {},
  io: FakeIo = fakeIo(),
): Promise<Ran> {
  const exit = await main(argv, io, () => Promise.resolve(fakeApi(api)));
  return { exit, stdout: io.stdout.text, stderr: io.stderr.text };
}

/** A library of which only these functions may be called. */
export function fakeApi(api: Partial<Api>): Api {
  const refuse = (name: string) => (): never => {
    throw new Error(`${name} was not expected to be called`);
  };
  return {
    copy: refuse('copy'),
    plan: refuse('plan'),
    copyTags: refuse('copyTags'),
    planTags: refuse('planTags'),
    digest: refuse('digest'),
    manifest: refuse('manifest'),
    tags: refuse('tags'),
    serve: refuse('serve'),
    login: refuse('login'),
    logout: refuse('logout'),
    promote: refuse('promote'),
    planPromotion: refuse('planPromotion'),
    apply: refuse('apply'),
    undo: refuse('undo'),
    formatPlan,
    parsePlan,
    createReceipt,
    isRecordable,
    formatReceipt,
    parseReceipt,
    fromEnvironment: () => fromEnvironment({ env: {}, home: '/nonexistent' }),
    ...api,
  };
}

/** The object without one of its properties. */
export function without<T extends object, K extends keyof T>(object: T, name: K): Omit<T, K> {
  const rest: Partial<T> = { ...object };
  Reflect.deleteProperty(rest, name);
  return rest as Omit<T, K>;
}
