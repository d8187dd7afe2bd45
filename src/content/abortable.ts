import type { Readable } from 'node:stream';

import { abortError } from '../errors.js';

/** The stream, which ends with the signal's {@link abortError} when that aborts. */
export function abortable<Stream extends Readable>(stream: Stream, signal: AbortSignal | undefined): Stream {
  if (signal === undefined) return stream;
  const abort = (): void => {
    stream.destroy(abortError(signal));
  };
  if (signal.aborted) {
    abort();
    return stream;
  }
  signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', abort));
  return stream;
}
