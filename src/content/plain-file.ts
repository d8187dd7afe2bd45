import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { RegferryError } from '../errors.js';
import { guarded, hasCode, ioError } from './file-error.js';

/** Bytes that one read asks the file system for. */
const READ_BYTES = 128 * 1024;

const TEMPORARY = /^\.regferry-tmp-[0-9a-f]{16}$/;

/** A name for a file that is not finished yet. */
export function temporaryName(): string {
  return `.regferry-tmp-${randomBytes(8).toString('hex')}`;
}

/** True for what {@link temporaryName} gives. */
export function isTemporaryName(name: string): boolean {
  return TEMPORARY.test(name);
}

/** Paths of the files that this process is writing: whoever sweeps a folder leaves them alone. */
const unfinished = new Set<string>();

/** True for a file that this process is writing, by its path. */
export function isBeingWritten(path: string): boolean {
  return unfinished.has(path);
}

/** A file being written under a temporary name. End it with `discard`, moved or not. */
export class NewFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #moved = false;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Creates the file; a name that exists, a link too, is refused. Throws E_IO. */
  static async create(path: string): Promise<NewFile> {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const file = new NewFile(path, await guarded('write', path, () => open(path, flags, 0o644)));
    unfinished.add(path);
    return file;
  }

  /** False when somebody has removed the file meanwhile, taking it for one that was left behind. */
  async isThere(): Promise<boolean> {
    return await guarded('look at', this.#path, async () => {
      const [found, own] = await Promise.all([statOrAbsent(this.#path), this.#handle.stat()]);
      return found?.ino === own.ino;
    });
  }

  /** Appends all of these bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await guarded('write', this.#path, async () => {
      for (let offset = 0; offset < bytes.byteLength;) {
        const { bytesWritten } = await this.#handle.write(bytes, offset);
        offset += bytesWritten;
      }
    });
  }

  /** The bytes that were written, read back. */
  async *bytes(): AsyncGenerator<Buffer, void, void> {
    const handle = await guarded('read', this.#path, () => openForReading(this.#path));
    if (handle === undefined) return;
    const pieces: AsyncIterable<Buffer> = fileStream(handle, this.#path, 0);
    yield* pieces;
  }

  /**
   * Makes the bytes durable and gives the file its name, in place of what had that name. Throws E_IO, and what `check`
   * throws, which is called in between; after a failure the file has no other name.
   */
  async moveTo(folder: string, name: string, check: () => void = () => undefined): Promise<void> {
    const path = join(folder, name);
    await guarded('write', path, async () => {
      await this.#handle.sync();
      check();
      try {
        await rename(this.#path, path);
      } catch (error) {
        // Removed by somebody who has taken the file for one that was left behind.
        check();
        throw error;
      }
      this.#moved = true;
      await syncFolder(folder);
    });
  }

  /** Closes the file, and removes it unless it was moved. Does not throw: there is nothing left to lose. */
  async discard(): Promise<void> {
    unfinished.delete(this.#path);
    await this.#handle.close().catch(() => undefined);
    if (!this.#moved) await unlink(this.#path).catch(() => undefined);
  }
}

/** The E_LAYOUT error for a link, folder or device where a plain file belongs, or a link where a folder belongs. */
export function notPlain(path: string): RegferryError {
  return new RegferryError('E_LAYOUT', `${path} is a link or no plain file; a layout must not hold such`);
}

/**
 * Opens a plain file, undefined when there is none. Never follows a link nor waits for a pipe's writer.
 * Throws E_LAYOUT, and the file system's own errors.
 */
export async function openForReading(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw hasCode(error, 'ELOOP') ? notPlain(path) : error;
  }
  try {
    refuseUnlessFile(await handle.stat(), path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The bytes of an open file from `offset` up to but without `end`; closes it at the end. What cannot be read is E_IO. */
export function fileStream(
  handle: FileHandle,
  path: string,
  offset: number,
  end: number = Infinity,
): Readable {
  let position = offset;
  return new Readable({
    highWaterMark: READ_BYTES,
    read(size) {
      const wanted = Math.min(size, end - position);
      if (wanted <= 0) {
        this.push(null);
        return;
      }
      handle.read(Buffer.allocUnsafe(wanted), 0, wanted, position).then(
        ({ bytesRead, buffer }) => {
          position += bytesRead;
          this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead));
        },
        (error: unknown) => this.destroy(ioError('read', path, error)),
      );
    },
    destroy(error, callback) {
      handle.close().then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
}

/** True for a folder, false for nothing there. Throws E_LAYOUT for a link or a file. */
export async function isFolder(path: string): Promise<boolean> {
  const stats = await statOrAbsent(path);
  if (stats === undefined) return false;
  if (stats.isDirectory()) return true;
  throw new RegferryError('E_LAYOUT', `${path} is a link or a file where a layout has a folder`);
}

/** Size of a plain file, undefined when there is none. Throws E_LAYOUT for a link and anything else that is no file. */
export async function plainSize(path: string): Promise<number | undefined> {
  const stats = await statOrAbsent(path);
  if (stats === undefined) return undefined;
  refuseUnlessFile(stats, path);
  return stats.size;
}

async function statOrAbsent(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function refuseUnlessFile(stats: Stats, path: string): void {
  if (!stats.isFile()) throw notPlain(path);
}

/** Makes names in a folder durable. Some file systems (exFAT, some network mounts) cannot sync a folder; the name stands. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } catch (error) {
    if (!hasCode(error, 'EINVAL') && !hasCode(error, 'ENOTSUP') && !hasCode(error, 'EPERM')) throw error;
  } finally {
    await handle.close();
  }
}
