import { PIECE_BYTES } from './limits.js';

/** Where an upload has got to when it stalls: the socket takes no more bytes, or takes them all and nothing is answered. */
export type StallPhase = 'sending' | 'answering';

/** Times of an upload, and what to do when one is over. */
export interface UploadWatch {
  readonly idleTimeoutMs: number;
  readonly answerTimeoutMs: number;
  onStall(phase: StallPhase): void;
}

type Pulled = IteratorResult<Uint8Array, undefined>;

const DONE: Pulled = { done: true, value: undefined };

/**
 * A request body on its way to the socket, and the watchdog over it. undici pulls a piece only when the socket has
 * drained, so the time between handing one over and being asked for the next is time spent on the network; the time
 * in which the source has nothing to give is not counted. Closes the source in every outcome.
 */
export class UploadBody implements AsyncIterableIterator<Uint8Array> {
  readonly #watch: UploadWatch;
  readonly #length: number;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #stream: { destroy(): unknown } | undefined;
  #first: Promise<IteratorResult<Uint8Array>> | undefined;
  #rest: Uint8Array | undefined;
  #handed = 0;
  #state: 'open' | 'held' | 'ended' = 'open';
  #waiting: ((result: Pulled) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onSocket = false;
  /** What the source threw, if that is why the upload broke. */
  sourceError: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterable<Uint8Array>, length: number, watch: UploadWatch) {
    this.#watch = watch;
    this.#length = length;
    this.#source = source[Symbol.asyncIterator]();
    this.#stream = isDestroyable(source) ? source : undefined;
    // Started at once: it fills while the connection is made, and a generator that never started would not run its finally.
    this.#first = this.#source.next();
    this.#first.catch(() => undefined);
  }

  /** True once every byte has been handed to the socket. */
  get complete(): boolean {
    return this.#handed === this.#length;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Pulled> {
    this.#onSocket = false;
    if (this.#state === 'ended') return Promise.resolve(DONE);
    if (this.#state === 'open' && this.#rest !== undefined) return Promise.resolve(this.#hand(this.#rest));
    return new Promise((resolve, reject) => {
      this.#waiting = resolve;
      if (this.#state === 'held') return;
      this.#pull().then(
        (result) => this.#state === 'open' && resolve(this.#receive(result)),
        (error: unknown) => {
          if (this.#state !== 'open') return;
          this.sourceError = { error };
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  return(): Promise<Pulled> {
    this.end();
    return Promise.resolve(DONE);
  }

  /** The answer is there. If bytes are left, they are not sent any more: the source closes, the socket waits for `end`. */
  answered(): void {
    this.#clear();
    if (this.complete || this.#state !== 'open') return;
    this.#state = 'held';
    this.#closeSource();
  }

  /** The exchange is over, one way or the other. */
  end(): void {
    this.#clear();
    if (this.#state === 'open') this.#closeSource();
    this.#state = 'ended';
    this.#waiting?.(DONE);
  }

  #pull(): Promise<IteratorResult<Uint8Array>> {
    const first = this.#first;
    this.#first = undefined;
    return first ?? this.#source.next();
  }

  #receive(result: IteratorResult<Uint8Array>): Pulled {
    this.#waiting = undefined;
    if (result.done !== true) return this.#hand(result.value);
    this.#state = 'ended';
    this.#clear();
    this.#timer = setTimeout(() => this.#watch.onStall('answering'), this.#watch.answerTimeoutMs);
    return DONE;
  }

  #hand(bytes: Uint8Array): Pulled {
    const piece = bytes.length > PIECE_BYTES ? bytes.subarray(0, PIECE_BYTES) : bytes;
    this.#rest = piece === bytes ? undefined : bytes.subarray(PIECE_BYTES);
    this.#handed += piece.length;
    this.#onSocket = true;
    if (this.#timer === undefined) {
      this.#timer = setTimeout(
        () => this.#onSocket && this.#watch.onStall('sending'),
        this.#watch.idleTimeoutMs,
      );
    } else {
      this.#timer.refresh();
    }
    return { done: false, value: piece };
  }

  #closeSource(): void {
    // a stream's iterator cannot return while it waits for data, the stream itself can be destroyed
    if (this.#stream !== undefined) this.#stream.destroy();
    else void this.#source.return?.().catch(() => undefined);
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function isDestroyable(source: object): source is { destroy(): unknown } {
  return 'destroy' in source && typeof source.destroy === 'function';
}
