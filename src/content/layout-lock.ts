import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, readSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

import { RegferryError } from '../errors.js';
import { fileReason, hasCode } from './file-error.js';
import { notPlain, temporaryName } from './plain-file.js';

/** Name of the lock file in a layout folder. */
export const LOCK_NAME = '.regferry.lock';

/** Longest lock file that is read. */
const LOCK_BYTES = 4096;

/** Who holds a lock, and how to find out whether another holder still lives. */
export interface LockHolder {
  /** @default process.pid */
  readonly pid: number;
  /** Name of this machine; a holder on another one cannot be checked. @default os.hostname() */
  readonly host: string;
  /** @default asks the system with signal 0 */
  readonly isAlive: (pid: number) => boolean;
}

/** Locks that this process holds, by real path of the folder: its writers share one. */
const held = new Map<string, LayoutLock>();

/**
 * The writers' lock on one layout folder: a file that only one process can create. Within a process the lock is shared,
 * and `exclusive` keeps its writers apart.
 */
export class LayoutLock {
  readonly #root: string;
  readonly #content: string;
  #holders = 0;
  #cleaning: Promise<void> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(root: string, content: string) {
    this.#root = root;
    this.#content = content;
  }

  /** Counts one more holder in this process. */
  share(): this {
    this.#holders += 1;
    return this;
  }

  /** Runs work once, for the first holder; the others wait for it. */
  async cleanOnce(work: () => Promise<void>): Promise<void> {
    this.#cleaning ??= work();
    await this.#cleaning;
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

  /** Gives the lock up; the last holder removes the file, unless somebody else's has taken its place. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    held.delete(this.#root);
    const path = join(this.#root, LOCK_NAME);
    try {
      if (readLock(path) === this.#content) unlinkSync(path);
    } catch {
      // The next writer finds that this process is gone, and takes the lock over.
    }
  }
}

/**
 * Takes the lock of a layout folder, or shares it if this process has it. A lock of a dead process of this machine is
 * taken over, and so is one with our own process id that we do not hold (process 1 of an earlier container).
 * Throws E_LAYOUT when another process holds it or the folder cannot be written. Synchronous, so that nothing else in
 * this process comes between the steps.
 */
export function acquireLock(root: string, holder: Partial<LockHolder> = {}): LayoutLock {
  const own = held.get(root);
  if (own !== undefined) return own.share();
  const { pid = process.pid, host = hostname(), isAlive = processIsAlive } = holder;
  const content = JSON.stringify({ pid, host, id: randomBytes(8).toString('hex') });
  const path = join(root, LOCK_NAME);
  try {
    if (!createLock(path, content)) {
      setAside(path, { pid, host, isAlive });
      if (!createLock(path, content)) throw heldBy(path, parseLock(readLock(path)));
    }
  } catch (error) {
    if (error instanceof RegferryError) throw error;
    throw new RegferryError('E_LAYOUT', `cannot lock ${root} for writing: ${fileReason(error)}`, {
      cause: error,
    });
  }
  const lock = new LayoutLock(root, content);
  held.set(root, lock);
  return lock.share();
}

/** False when the file is there already. */
function createLock(path: string, content: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o644);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  try {
    writeSync(fd, content);
    return true;
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Removes a stale lock file. Throws E_LAYOUT when its holder lives, or may live. */
function setAside(path: string, holder: LockHolder): void {
  const content = readLock(path);
  if (content === undefined) return;
  const other = parseLock(content);
  const stale = other?.host === holder.host && (other.pid === holder.pid || !holder.isAlive(other.pid));
  if (!stale) throw heldBy(path, other);
  // Two processes may find the same stale lock. Who moves it away looks at what was moved, so that the slower one does
  // not throw away the lock that the faster one has created meanwhile.
  const aside = join(dirname(path), temporaryName());
  try {
    renameSync(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = readLock(aside);
  if (moved !== content) {
    renameSync(aside, path);
    throw heldBy(path, parseLock(moved));
  }
  unlinkSync(aside);
}

/** The text of a lock file, undefined when there is none. Throws E_LAYOUT for a link. */
function readLock(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw hasCode(error, 'ELOOP') ? notPlain(path) : error;
  }
  try {
    const buffer = Buffer.alloc(LOCK_BYTES);
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}

interface LockRecord {
  readonly pid: number;
  readonly host: string;
}

function parseLock(content: string | undefined): LockRecord | undefined {
  if (content === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('host' in value))
    return undefined;
  const { pid, host } = value;
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  return typeof host === 'string' && /^[\x21-\x7e]{1,255}$/.test(host) ? { pid, host } : undefined;
}

function heldBy(path: string, other: LockRecord | undefined): RegferryError {
  const who = other === undefined ? 'another process' : `process ${other.pid} on ${other.host}`;
  return new RegferryError(
    'E_LAYOUT',
    `${path} is held by ${who}, which writes to this layout; wait for it, or remove the file if it no longer runs`,
    { retryable: true },
  );
}

function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return !hasCode(error, 'ESRCH');
  }
}
