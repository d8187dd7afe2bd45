import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { absolutePath } from '../content/absolute-path.js';
import { fileReason } from '../content/file-error.js';
import { NewFile, temporaryName } from '../content/plain-file.js';
import { RegferryError, toRegferryError, type Hint } from '../errors.js';

/** No plan or receipt comes near it. */
const MOST_BYTES = 16 * 1024 * 1024;

/** A file that is there whole, or as it was before: written beside its place, and moved there. Ended by `discard`. */
export class WholeFile {
  readonly #path: string;
  /** Undefined for what is no plain file, as /dev/stdout: that is written as it is. */
  readonly #draft: NewFile | undefined;

  private constructor(path: string, draft: NewFile | undefined) {
    this.#path = path;
    this.#draft = draft;
  }

  /** Makes sure that the file can be written before there is anything to write. Throws E_CONFIG when it cannot. */
  static async prepare(path: string): Promise<WholeFile> {
    try {
      const place = await realpath(path).catch(() => absolutePath(path));
      const stats = await stat(place).catch(() => undefined);
      if (stats?.isDirectory() === true) throw new Error('it is a folder');
      if (stats !== undefined && !stats.isFile()) return new WholeFile(place, undefined);
      return new WholeFile(place, await NewFile.create(join(dirname(place), temporaryName())));
    } catch (cause) {
      const reason = fileReason(cause instanceof RegferryError ? cause.cause : cause);
      throw new RegferryError('E_CONFIG', `${path} cannot be written: ${reason}`, { cause });
    }
  }

  /** Puts the text in its place. Throws E_IO. */
  async write(text: string): Promise<void> {
    if (this.#draft !== undefined) {
      await this.#draft.write(Buffer.from(text));
      await this.#draft.moveTo(dirname(this.#path), basename(this.#path));
      return;
    }
    try {
      await writeFile(this.#path, text);
    } catch (cause) {
      throw new RegferryError('E_IO', `cannot write ${this.#path}: ${fileReason(cause)}`, { cause });
    }
  }

  /** Removes what is not in its place. Does not throw. */
  async discard(): Promise<void> {
    await this.#draft?.discard();
  }
}

/** The text of a plain file; undefined where there is none, or something else, as /dev/stdout. Throws as {@link readTextFile}. */
async function readIfThere(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isFile() === true ? readTextFile(path) : undefined;
}

/** What a file has to be, if something is there, to be replaced. */
export interface Replaceable<T> {
  /** Reads one; throws for anything else. */
  readonly parse: (text: string) => T;
  /** What it is called in `… is there already, and is no …`. */
  readonly what: string;
  /** What to do where it is something else. */
  readonly advice?: string | undefined;
  readonly hint?: Hint | undefined;
}

/**
 * What a file holds that is to be replaced; undefined where there is none, an empty one, which has nothing to lose, or a
 * device. Throws E_CONFIG for any other than is looked for, which stays.
 */
export async function readReplaceable<T>(path: string, wanted: Replaceable<T>): Promise<T | undefined> {
  const text = await readIfThere(path);
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return wanted.parse(text);
  } catch (cause) {
    const advice = wanted.advice === undefined ? '' : `; ${wanted.advice}`;
    const message = `${path} is there already, and is no ${wanted.what}: ${toRegferryError(cause).message}${advice}`;
    throw new RegferryError('E_CONFIG', message, { cause, hint: wanted.hint });
  }
}

/** The text of a file that the user named. Throws E_CONFIG when it cannot be read. */
export async function readTextFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES} bytes`);
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new RegferryError('E_CONFIG', `${path} cannot be read: ${fileReason(cause)}`, { cause });
  }
}
