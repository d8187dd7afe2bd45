import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as timer } from 'node:timers/promises';

import { isRegferryError, RegferryError, throwIfAborted } from '../errors.js';
import { fileReason, ioError } from './file-error.js';
import { findLock, LOCK_NAME, LockFile, type FoundLock } from './lock-file.js';
import { isGone, thisProcess, type LockHolder } from './lock-holder.js';

export { LOCK_NAME } from './lock-file.js';

/** How often the holder of a lock gives a sign of life, in milliseconds. */
export const LOCK_BEAT_MS = 1000;
/** How long a lock shows no sign of life before it is taken from its holder, in milliseconds. */
export const LOCK_STALE_MS = 15_000;
/** How often a lock that somebody else has is looked at, in milliseconds. */
const LOOK_MS = 250;
/** How often it is looked at where none is found and none can be taken. */
const MOST_LOOKS = 2 * (LOCK_STALE_MS / LOOK_MS);

/** How a lock is taken. All of it but the signal is for tests. */
export interface LockOptions {
  /** Ends the wait for a lock that may be a dead one's. */
  readonly signal?: AbortSignal | undefined;
  /** Take only what is free, or whose holder is known to be gone; wait for no sign of life. @default false */
  readonly atOnce?: boolean | undefined;
  /** @default this process */
  readonly holder?: LockHolder | undefined;
  /** True for a holder that is known to be gone. @default {@link isGone} */
  readonly isGone?: ((holder: LockHolder) => boolean) | undefined;
  /** @default {@link LOCK_BEAT_MS} */
  readonly beatMs?: number | undefined;
  /** Milliseconds on a clock that is never set. @default performance.now */
  readonly now?: (() => number) | undefined;
  /** Waits between two looks. @default a timer */
  readonly wait?: ((ms: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** Locks that this process holds or takes, by real path of the folder: its writers share one. */
const held = new Map<string, Promise<LayoutLock>>();

/**
 * The writers' lock on one layout folder, which one process has at a time. Within a process it is shared, and `exclusive`
 * keeps its writers apart. While it is held its file gives signs of life. A process that is suspended for too long loses
 * it, and finds out by {@link LayoutLock.assertHeld} before it writes what others would lose.
 */
export class LayoutLock {
  readonly #root: string;
  readonly #file: LockFile;
  readonly #beats: NodeJS.Timeout;
  #holders = 0;
  #isOver = false;
  #cleaning: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(root: string, file: LockFile, beatMs: number) {
    this.#root = root;
    this.#file = file;
    this.#beats = setInterval(() => this.#beat(), beatMs);
    this.#beats.unref();
  }

  /** Counts one more holder in this process. False when the lock was given back or lost. */
  share(): boolean {
    this.#beat();
    if (!this.#isOver) this.#holders += 1;
    return !this.#isOver;
  }

  /** Runs work once, for the first holder; the others wait for it. A failure is for those who waited: the next one tries. */
  async cleanOnce(work: () => Promise<void>): Promise<void> {
    const cleaning = (this.#cleaning ??= work());
    try {
      await cleaning;
    } catch (error) {
      if (this.#cleaning === cleaning) this.#cleaning = undefined;
      throw error;
    }
  }

  /** Runs work after all earlier work of this process on this folder has ended, however it ended. */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work);
    this.#last = run.then(
      () => undefined,
      () => undefined,
    );
    return await run;
  }

  /**
   * To be called just before something is replaced that others may have replaced meanwhile, with what replaces it on the
   * disk already: whoever takes a lock over removes unfinished files before anything else, so that a replacement that is
   * delayed after this call fails, too. Throws E_IO when the lock was lost.
   */
  assertHeld(): void {
    let isHeld = !this.#isOver;
    try {
      isHeld &&= this.#file.beat();
    } catch (error) {
      throw ioError('lock', this.#root, error);
    }
    if (isHeld) return;
    this.#end();
    throw new RegferryError(
      'E_IO',
      `another process has taken the lock of ${this.#root} over, since this one stood still for too long; what was not confirmed is not written, run it again`,
      { retryable: true },
    );
  }

  /** Gives the lock up; the last holder removes it, unless somebody else's has taken its place. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0 || this.#isOver) return;
    this.#end();
    this.#file.release();
  }

  #beat(): void {
    try {
      if (!this.#isOver && !this.#file.beat()) this.#end();
    } catch {
      // A full disk, or too many open files: the next beat may do.
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#beats);
    held.delete(this.#root);
  }
}

/**
 * Takes the lock of a layout folder, or shares it if this process has it. A lock whose holder is known to be gone is taken
 * over at once, any other one when it has shown no sign of life for {@link LOCK_STALE_MS}.
 * Throws E_LAYOUT when a living process holds it or the folder cannot be written, E_ABORTED.
 */
export async function acquireLock(root: string, options: LockOptions = {}): Promise<LayoutLock> {
  for (;;) {
    throwIfAborted(options.signal);
    const other = held.get(root);
    if (other === undefined) return await claim(root, options);
    const lock = await other.catch((error: unknown) => {
      // Another writer of this process was told; one that was stopped says nothing about the lock.
      if (isRegferryError(error) && error.code === 'E_LAYOUT') throw error;
      return undefined;
    });
    if (lock?.share() === true) return lock;
  }
}

async function claim(root: string, options: LockOptions): Promise<LayoutLock> {
  const taking = takeLock(root, options);
  held.set(root, taking);
  try {
    const lock = await taking;
    lock.share();
    return lock;
  } catch (error) {
    held.delete(root);
    throw error;
  }
}

async function takeLock(root: string, options: LockOptions): Promise<LayoutLock> {
  const { holder = thisProcess(), beatMs = LOCK_BEAT_MS, wait = waitFor, signal } = options;
  const file = new LockFile(root, holder, randomBytes(8).toString('hex'));
  const watch = new LockWatch(options);
  try {
    for (let looks = 0; !(await file.take()); looks += 1) {
      const found = await findLock(root);
      if (found === undefined) {
        if (looks > MOST_LOOKS) throw noLock(root);
        if (looks > 0) await wait(LOOK_MS, signal);
        continue;
      }
      const verdict = watch.judge(found);
      if (verdict === 'gone') await found.remove();
      else if (verdict === 'lives') throw heldBy(root, found.holder);
      else await wait(LOOK_MS, signal);
    }
    return new LayoutLock(root, file, beatMs);
  } catch (error) {
    throwIfAborted(signal);
    if (error instanceof RegferryError) throw error;
    throw new RegferryError('E_LAYOUT', `cannot lock ${root} for writing: ${fileReason(error)}`, {
      cause: error,
    });
  }
}

/**
 * Whether the holder of a lock lives. A change of its file is a sign of life; times are measured here alone, so that the
 * clocks of other machines do not matter, and a wait counts only as long as it was to be, so that a machine that slept as
 * a whole takes nothing from anybody.
 */
class LockWatch {
  readonly #isGone: (holder: LockHolder) => boolean;
  readonly #atOnce: boolean;
  readonly #now: () => number;
  #seen: FoundLock | undefined;
  #at = 0;
  #stillMs = 0;
  #inAllMs = 0;

  constructor(options: LockOptions) {
    this.#isGone = options.isGone ?? ((holder) => isGone(holder, options.holder));
    this.#atOnce = options.atOnce ?? false;
    this.#now = options.now ?? (() => performance.now());
  }

  judge(found: FoundLock): 'gone' | 'lives' | 'unknown' {
    const before = this.#seen;
    const passed = before === undefined ? 0 : Math.min(this.#now() - this.#at, 2 * LOOK_MS);
    this.#seen = found;
    this.#at = this.#now();
    this.#inAllMs += passed;
    if (found.holder !== undefined && this.#isGone(found.holder)) return 'gone';
    const isSame = before?.key === found.key;
    if (this.#atOnce || (isSame && before.stamp !== found.stamp)) return 'lives';
    this.#stillMs = isSame ? this.#stillMs + passed : 0;
    if (this.#stillMs >= LOCK_STALE_MS) return 'gone';
    // One after the other has it: they live.
    return this.#inAllMs > 2 * LOCK_STALE_MS ? 'lives' : 'unknown';
  }
}

function heldBy(root: string, holder: LockHolder | undefined): RegferryError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new RegferryError(
    'E_LAYOUT',
    `${join(root, LOCK_NAME)} is held by ${who}, which writes to this layout; try again when it has ended`,
    { retryable: true },
  );
}

function noLock(root: string): RegferryError {
  const message = `${join(root, LOCK_NAME)} holds what is no lock of regferry; look at it, and remove it`;
  return new RegferryError('E_LAYOUT', message);
}

async function waitFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await timer(ms, undefined, { signal });
}
