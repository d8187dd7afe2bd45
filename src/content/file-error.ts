import { RegferryError } from '../errors.js';

interface Meaning {
  /** What is the matter, in words. */
  readonly words: string;
  /** What whoever reads it can do about it. */
  readonly advice: string;
}

const permissions = 'check who may do that there';

/** What each answer of a file system means. Others are told in the system's own words. */
const meanings: ReadonlyMap<string, Meaning> = new Map([
  ['EACCES', { words: 'permission denied', advice: permissions }],
  ['EPERM', { words: 'operation not permitted', advice: permissions }],
  ['EROFS', { words: 'read-only file system', advice: 'choose a place that can be written' }],
  ['ENOENT', { words: 'no such file or directory', advice: 'check the path' }],
  ['ENOTDIR', { words: 'a part of the path is no folder', advice: 'check the path' }],
  ['EISDIR', { words: 'it is a folder', advice: 'check the path' }],
  ['EEXIST', { words: 'there is something of that name', advice: 'check the path' }],
  ['ENOTEMPTY', { words: 'the folder is not empty', advice: 'check the path' }],
  ['ELOOP', { words: 'too many links on the way', advice: 'check the links in the path' }],
  ['ENAMETOOLONG', { words: 'the name is too long', advice: 'choose a shorter one' }],
  ['ENOSPC', { words: 'no space left on device', advice: 'make room' }],
  ['EDQUOT', { words: 'the disk quota is used up', advice: 'make room, or have the quota raised' }],
  ['EFBIG', { words: 'the file is too large', advice: 'check the limits of the file system and ulimit -f' }],
  ['EMFILE', { words: 'too many open files in this process', advice: 'raise ulimit -n' }],
  [
    'ENFILE',
    { words: 'too many open files on this machine', advice: 'close some, or have the limit raised' },
  ],
  ['ENOMEM', { words: 'out of memory', advice: 'free some memory' }],
  ['EIO', { words: 'the device failed to read or write', advice: 'check the disk or the network mount' }],
  ['ESTALE', { words: 'the network mount has lost the file', advice: 'check the mount' }],
  ['ETIMEDOUT', { words: 'the network mount does not answer', advice: 'check the mount' }],
  ['EBUSY', { words: 'it is in use', advice: 'check what uses it' }],
  ['ETXTBSY', { words: 'it is in use', advice: 'check what uses it' }],
  ['EXDEV', { words: 'that is on another file system', advice: 'choose a place on the same one' }],
  ['EINVAL', { words: 'the file system does not do that', advice: 'choose a place on another one' }],
  ['ENOTSUP', { words: 'the file system does not do that', advice: 'choose a place on another one' }],
  ['ENOSYS', { words: 'the file system does not do that', advice: 'choose a place on another one' }],
]);

/** The code of a system error, `ENOSPC`; undefined for any other error. */
export function fileErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** True for a file-system error with this code. */
export function hasCode(error: unknown, code: string): boolean {
  return fileErrorCode(error) === code;
}

/** The reason that the file system gave, for a message: `ENOSPC: no space left on device`. */
export function fileReason(error: unknown): string {
  const code = fileErrorCode(error);
  const meaning = meanings.get(code ?? '');
  if (meaning !== undefined) return `${code}: ${meaning.words}`;
  // Node appends the call and the path, which the message has already.
  return error instanceof Error ? error.message.replace(/, \w+( '.*)?$/s, '') : String(error);
}

/** The E_IO error for what the file system refused while something was being done to a path. */
export function ioError(verb: string, path: string, error: unknown): RegferryError {
  const advice =
    meanings.get(fileErrorCode(error) ?? '')?.advice ?? 'check its permissions and the free space';
  return new RegferryError('E_IO', `cannot ${verb} ${path}: ${fileReason(error)}; ${advice}`, {
    cause: error,
  });
}

/** Runs file-system work; what the file system refuses becomes E_IO, with what was being done to which path. */
export async function guarded<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof RegferryError ? error : ioError(verb, path, error);
  }
}

/** True for what a file system has refused, at any depth of causes. */
export function isFileError(error: unknown): boolean {
  return causes(error).some((cause) => /^E[A-Z0-9]+$/.test(fileErrorCode(cause) ?? ''));
}

/** True for what a full disk, or a used-up share of it, has refused, at any depth of causes. */
export function isDiskFull(error: unknown): boolean {
  return causes(error).some((cause) => hasCode(cause, 'ENOSPC') || hasCode(cause, 'EDQUOT'));
}

function causes(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
