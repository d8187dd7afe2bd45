import { fileReason } from '../content/file-error.js';
import { RegferryError } from '../errors.js';
import { Secrets } from '../secrets/secrets.js';
import { Gate } from './gate.js';
import type { OutputStream } from './io.js';

/** Thrown when whoever read our output has stopped reading, as in `regferry tags X | head`: an end, not a failure. */
export class ReaderGoneError extends Error {
  override readonly name = 'ReaderGoneError';
}

/** Writes results to stdout, no faster than they are read. */
export class Output {
  /** What every text passes; bytes are what they are. */
  readonly gate: Gate;
  readonly #stream: OutputStream;
  #failure: Error | undefined;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(stream: OutputStream, gate: Gate = new Gate(new Secrets(), false)) {
    this.#stream = stream;
    this.gate = gate;
    // Without a listener a broken pipe would end the process; the write's callback reports it too.
    stream.on('error', (error: Error) => {
      this.#failure ??= writeFailure(error);
    });
  }

  /**
   * Resolves once the stream wants more. Throws {@link ReaderGoneError} when the reader is gone, and E_IO when the
   * bytes cannot be written.
   */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#lastWrite = new Promise<void>((resolve) => {
      const out = typeof chunk === 'string' ? this.gate.result(chunk) : chunk;
      this.#stream.write(out, (error) => {
        if (error !== null && error !== undefined) this.#failure ??= writeFailure(error);
        resolve();
      });
    });
    if (this.#stream.writableNeedDrain) await this.flush();
  }

  /** Writes one line. Throws as {@link write} does. */
  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Resolves once all that was written has been handed over. Throws as {@link write} does. */
  async flush(): Promise<void> {
    await this.#lastWrite;
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function writeFailure(error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED')
    return new ReaderGoneError('the reader has stopped');
  return new RegferryError('E_IO', `could not write to standard output: ${fileReason(error)}`, {
    cause: error,
  });
}
