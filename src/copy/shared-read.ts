import type { Readable } from 'node:stream';

import type { OpenBlob, OpenOptions } from '../content/store.js';
import { abortError, detailsOf, RegferryError, withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { Follower } from './follower.js';
import type { Patience } from './patience.js';
import { LeftBehind } from '../graph/resuming.js';

/** One target's place at a shared read. */
export interface Seat {
  /** True while others have come and wait for this one. */
  isAwaited(): boolean;
  /**
   * The shared bytes, once everybody has come; for the first call only, from the first byte on, and in time. Undefined
   * means that whoever calls has to read alone. Rejects as the source does, and when the signal aborts.
   */
  open(options: OpenOptions): Promise<Readable> | undefined;
  /** Nobody is to wait for this one, if it has not come yet. */
  excuse(): void;
  /** It wants nothing more. */
  leave(): void;
}

/** What is read, and how. */
export interface SharedReadOptions {
  readonly descriptor: Descriptor;
  /** Opens the blob; what breaks there is mended there. */
  readonly open: OpenBlob;
  readonly patience: Patience;
}

interface Reader {
  state: 'coming' | 'waiting' | 'reading' | 'gone';
  readonly onStalled: () => void;
  answer?: { readonly resolve: (stream: Readable) => void; readonly reject: (error: Error) => void };
  follower?: Follower | undefined;
  /** Ends the wait for it to take something. */
  calm?: (() => void) | undefined;
  stopListening?: () => void;
}

/**
 * One read of a blob for several targets. The source is opened once all have come that did not leave, and read at the
 * pace of the slowest, which may lie behind by what {@link Follower} holds. One that takes nothing for as long as patience
 * lasts, while another could go on, is left behind: its own wrapper (copy/resuming.ts) goes on alone where it is. Each
 * checks what it gets by itself. When nobody is left the source is closed.
 */
export class SharedRead {
  readonly #options: SharedReadOptions;
  readonly #end = new AbortController();
  readonly #readers = new Set<Reader>();
  #started = false;
  #source: Readable | undefined;
  #position = 0;

  constructor(options: SharedReadOptions) {
    this.#options = options;
  }

  /** A place for one more, who is waited for from now on. @param onStalled told when it is left behind. */
  seat(onStalled: () => void): Seat {
    const reader: Reader = { state: 'coming', onStalled };
    this.#readers.add(reader);
    return {
      isAwaited: () => reader.state === 'coming' && this.#isAny('waiting'),
      open: (options) => this.#come(reader, options),
      excuse: () => {
        if (reader.state === 'coming') this.#leave(reader);
      },
      leave: () => this.#leave(reader),
    };
  }

  #come(reader: Reader, { offset = 0, signal }: OpenOptions): Promise<Readable> | undefined {
    if (reader.state !== 'coming') return undefined;
    if (offset > 0) {
      this.#leave(reader);
      return undefined;
    }
    reader.state = 'waiting';
    const abort = (): void => this.#leave(reader, signal && abortError(signal));
    signal?.addEventListener('abort', abort, { once: true });
    reader.stopListening = () => signal?.removeEventListener('abort', abort);
    return new Promise((resolve, reject) => {
      reader.answer = { resolve, reject };
      if (signal?.aborted === true) abort();
      else this.#begin();
    });
  }

  #leave(reader: Reader, reason?: unknown): void {
    if (!this.#readers.delete(reader)) return;
    reader.state = 'gone';
    reader.stopListening?.();
    this.#calm(reader);
    reader.answer?.reject(reason instanceof Error ? reason : givenUp(this.#options.descriptor));
    reader.follower?.destroy();
    if (this.#readers.size > 0) {
      this.#begin();
      this.#flow();
    } else {
      this.#end.abort();
      this.#source?.destroy();
    }
  }

  #begin(): void {
    if (this.#started || this.#isAny('coming')) return;
    this.#started = true;
    void this.#start();
  }

  async #start(): Promise<void> {
    let source: Readable;
    try {
      source = await this.#options.open({ signal: this.#end.signal });
    } catch (error) {
      for (const reader of this.#readers) this.#leave(reader, error);
      return;
    }
    if (this.#readers.size === 0) {
      source.destroy();
      return;
    }
    this.#source = source;
    for (const reader of this.#readers) this.#follow(reader);
    source
      .on('data', (piece: Uint8Array) => this.#pass(piece))
      .once('end', () => this.#finish())
      .once('error', (error) => this.#fail(final(error)));
    // One that broke before it was listened to tells nothing any more.
    if (source.destroyed) this.#fail(final(source.errored ?? cutBefore(this.#options.descriptor)));
  }

  #follow(reader: Reader): void {
    const follower = new Follower({
      onTaken: () => {
        this.#calm(reader);
        this.#flow();
      },
      onClosed: () => this.#leave(reader),
    });
    reader.state = 'reading';
    reader.follower = follower;
    reader.answer?.resolve(follower);
  }

  #pass(piece: Uint8Array): void {
    this.#position += piece.length;
    for (const reader of this.#readers) {
      reader.follower?.offer(piece);
      if (reader.follower?.isFull === true) this.#watch(reader);
    }
    this.#flow();
  }

  #finish(): void {
    this.#source = undefined;
    const { digest, size } = this.#options.descriptor;
    if (this.#position < size) {
      const message = `${digest} is too short: expected ${size} bytes, got ${this.#position}`;
      this.#fail(new RegferryError('E_SIZE_MISMATCH', message, { side: 'source', digest }));
      return;
    }
    for (const reader of this.#readers) {
      this.#calm(reader);
      reader.follower?.finish();
    }
  }

  #fail(error: Error): void {
    for (const reader of this.#readers) this.#cutOff(reader, error);
  }

  /** Reads on when everybody has room. */
  #flow(): void {
    if ([...this.#readers].some(({ follower }) => follower?.isFull === true)) this.#source?.pause();
    else this.#source?.resume();
  }

  #watch(reader: Reader): void {
    const { ms, alarm } = this.#options.patience;
    reader.calm ??= alarm(ms, () => {
      reader.calm = undefined;
      this.#lose(reader);
    });
  }

  #calm(reader: Reader): void {
    reader.calm?.();
    reader.calm = undefined;
  }

  /** Leaves a reader behind that others wait for. If nobody can go on, nobody waits. */
  #lose(reader: Reader): void {
    if ([...this.#readers].some(({ follower }) => follower?.isFull === false)) {
      reader.onStalled();
      this.#cutOff(reader, new LeftBehind(this.#options.descriptor.digest));
    } else {
      this.#watch(reader);
    }
  }

  #cutOff(reader: Reader, error: Error): void {
    const { follower } = reader;
    reader.follower = undefined;
    this.#leave(reader);
    follower?.destroy(error);
  }

  #isAny(state: Reader['state']): boolean {
    return [...this.#readers].some((reader) => reader.state === state);
  }
}

/** What could not be mended for all will not be mended by each of them trying again. */
function final(error: Error): RegferryError {
  const known = withSide(error, 'source');
  return new RegferryError(known.code, known.message, {
    ...detailsOf(known),
    retryable: false,
    cause: error,
  });
}

function cutBefore({ digest }: Descriptor): RegferryError {
  return new RegferryError('E_CUT', `reading ${digest} broke off before it began`, { digest });
}

function givenUp({ digest }: Descriptor): RegferryError {
  return new RegferryError('E_ABORTED', `reading ${digest} was given up`, { digest });
}
