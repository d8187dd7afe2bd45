import { closeSync, mkdirSync, openSync, rmdirSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { lstat, readdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { hasCode } from './file-error.js';
import { parseHolder, type LockHolder } from './lock-holder.js';
import { notPlain, openForReading, temporaryName } from './plain-file.js';

/** Name of the lock in a layout folder. */
export const LOCK_NAME = '.regferry.lock';

/** Longest lock file that is read. */
const LOCK_BYTES = 4096;

/** What a lock's file is called: by the id of whoever holds it, which is used once. */
const ID = /^[0-9a-f]{16}$/;

/** What rename says of a folder that is in the place, and not empty, or of a file there. */
const taken = ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'];
/** What some file systems say then, and others of other things. */
const refused = ['EISDIR', 'EPERM', 'EACCES', 'EBUSY'];

/** A lock that was found in the place. */
export interface FoundLock {
  /** The same for the same holding of the lock. */
  readonly key: string;
  /** Another one after each sign of life. */
  readonly stamp: string;
  readonly holder: LockHolder | undefined;
  /** Removes it, and never the lock of anybody else. */
  readonly remove: () => Promise<void>;
}

/**
 * The lock of a layout folder on the disk: a folder with one file in it, named by its holder's id. Each step is one call
 * that the file system does wholly or not at all, and that names the id which it is about:
 * a lock is taken by moving a folder with a file to a place that is free or an empty folder (rename fails otherwise, so that
 * one of many wins); given back, or taken from one who is gone, by removing the file of that id (so that nobody can remove
 * the lock of somebody else, however late he comes); and held as long as the file of one's id is there.
 */
export class LockFile {
  readonly #root: string;
  readonly #place: string;
  readonly #id: string;
  readonly #content: string;
  readonly #own: string;

  /** `id` is 16 hexadecimal digits that nobody used before. */
  constructor(root: string, holder: LockHolder, id: string) {
    this.#root = root;
    this.#place = join(root, LOCK_NAME);
    this.#id = id;
    this.#own = join(this.#place, id);
    this.#content = JSON.stringify({ ...holder, id });
  }

  /** Takes the lock if nobody has it. False when somebody has. Throws the file system's errors. */
  async take(): Promise<boolean> {
    const draft = join(this.#root, temporaryName());
    mkdirSync(draft, 0o755);
    try {
      writeFileSync(join(draft, this.#id), this.#content, { flag: 'wx', mode: 0o644 });
      await rename(draft, this.#place);
      // A writer that was suspended while it cleaned the folder may have emptied the draft.
      return this.beat();
    } catch (error) {
      await rm(draft, { recursive: true, force: true }).catch(() => undefined);
      // A network file system may have done it and lost the answer.
      if (this.beat()) return true;
      // Another writer has cleaned the draft away: that one has the lock, or had it.
      if (hasCode(error, 'ENOENT') || taken.some((code) => hasCode(error, code))) return false;
      const isThere = await lstat(this.#place).then(
        () => true,
        () => false,
      );
      if (isThere && refused.some((code) => hasCode(error, code))) return false;
      throw error;
    }
  }

  /**
   * Gives a sign of life: the file's time becomes that of the file system. False when the lock was lost; throws what else
   * the file system refuses. The file is opened by its name, which makes network file systems look again.
   */
  beat(): boolean {
    let fd: number;
    try {
      fd = openSync(this.#own, 'r+');
    } catch (error) {
      if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR') || hasCode(error, 'ESTALE')) return false;
      throw error;
    }
    try {
      writeSync(fd, this.#content, 0);
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the lock back. Does not throw: what stays is found to be left behind. */
  release(): void {
    try {
      unlinkSync(this.#own);
      rmdirSync(this.#place);
    } catch {
      // Somebody else has the lock, or the folder is gone.
    }
  }
}

/** The lock that is in the place, undefined when there is none. Throws E_LAYOUT for a link. */
export async function findLock(root: string): Promise<FoundLock | undefined> {
  const place = join(root, LOCK_NAME);
  let names: string[];
  try {
    if ((await lstat(place)).isSymbolicLink()) throw notPlain(place);
    names = await readdir(place);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    if (!hasCode(error, 'ENOTDIR')) throw error;
    // As earlier versions had it; removing it as a file cannot remove a lock of ours.
    return await readLock(place, undefined);
  }
  const id = names.find((name) => ID.test(name));
  if (id !== undefined) return await readLock(join(place, id), id);
  // Left by one who was killed while giving it back.
  if (names.length === 0) await rmdir(place).catch(() => undefined);
  return undefined;
}

async function readLock(path: string, id: string | undefined): Promise<FoundLock | undefined> {
  const handle = await openForReading(path);
  if (handle === undefined) return undefined;
  try {
    const { ino, mtimeNs, size } = await handle.stat({ bigint: true });
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(LOCK_BYTES), 0, LOCK_BYTES, 0);
    const holder = parseHolder(buffer.toString('utf8', 0, bytesRead));
    return {
      key: `${id ?? 'file'}/${ino}`,
      stamp: `${mtimeNs}/${size}`,
      holder: id === undefined || holder?.id === id ? holder : undefined,
      remove: async () => {
        await unlink(path).catch(async (error: unknown) => {
          const other = await lstat(path).catch(() => undefined);
          if (other?.isFile() === true) throw error;
        });
      },
    };
  } finally {
    await handle.close();
  }
}
