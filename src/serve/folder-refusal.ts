import { isDiskFull } from '../content/file-error.js';
import { isRegferryError, type RegferryError } from '../errors.js';
import { Refusal } from './refusal.js';

/** What work gives; undefined where a link, a folder or a device is in a file's place, which counts as nothing there. */
export async function ifPlain<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isRegferryError(error) && error.code === 'E_LAYOUT') return undefined;
    throw error;
  }
}

/**
 * The answer to a push that cannot be written: 503 while another process holds the layout's lock, 403 for a folder that
 * is no layout and cannot become one. What the file system refused, and everything else, is returned as it is. Paths and
 * process ids are for the log alone.
 */
export function refusalToWrite(error: unknown): unknown {
  if (!isRegferryError(error) || error.code !== 'E_LAYOUT' || isDiskFull(error)) return error;
  if (error.retryable) return heldByAnother(error);
  const message = 'this registry cannot write to the folder where the repository would be';
  return new Refusal(403, 'DENIED', message, { cause: error });
}

/** 503 where another process has taken the layout's lock over in the middle of a write; any other error as it is. */
export function refusalToGoOn(error: unknown): unknown {
  return isRegferryError(error) && error.code === 'E_IO' && error.retryable ? heldByAnother(error) : error;
}

function heldByAnother(cause: RegferryError): Refusal {
  const message = 'another process writes to the repository; try again';
  return new Refusal(503, 'UNAVAILABLE', message, { headers: { 'Retry-After': '1' }, cause });
}
