import { Readable } from 'node:stream';

import type { OpenBlob } from '../content/store.js';
import { abortError, isRegferryError, RegferryError, withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { linkedSignal } from '../content/linked-signal.js';

/** A try that moved this much counts as progress, and does not use up a retry. */
const PROGRESS_BYTES = 1024 * 1024;
/** Even with progress, a blob is not taken up again more often than this. */
const RESUMES = 100;

/** When a broken read is taken up again. */
export interface ResumePolicy {
  /** Repeats without progress. */
  readonly retries: number;
  /** Waits before the next try; `failures` counts those in a row without progress. */
  readonly backoff: (failures: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** Ends a stream whose reader was too slow for others that share it: it is to go on alone, and nothing has failed. */
export class LeftBehind extends RegferryError {
  constructor(digest: string) {
    super('E_CUT', `${digest} is read on by itself`, { side: 'source', digest, retryable: true });
  }
}

/**
 * Opens a blob so that a cut, a reset or a stall at the source is taken up again at the byte where it broke off, while
 * the reader notices nothing. As long as each try moves 1 MiB it goes on, 100 times at most. What cannot be mended ends
 * the stream with an error of the source's side.
 */
export function resuming(open: OpenBlob, descriptor: Descriptor, policy: ResumePolicy): OpenBlob {
  return async ({ offset = 0, signal }) => {
    const first = await open({ offset, signal });
    return new ResumingStream(open, descriptor.size, policy, { offset, signal }, first);
  };
}

/** True for a stream that will give nothing more, and perhaps not say so. */
function isOver(stream: Readable): boolean {
  return stream.destroyed || stream.readableEnded;
}

class ResumingStream extends Readable {
  readonly #open: OpenBlob;
  readonly #size: number;
  readonly #policy: ResumePolicy;
  readonly #signal: AbortSignal;
  /** Ends a wait for the next try when nobody reads any more. */
  readonly #end = new AbortController();
  #current: Readable;
  #position: number;
  #resumedAt: number;
  #failures = 0;
  #resumes = 0;
  /** More was asked for and has not come. */
  #isWanted = false;
  /** What to do when more is wanted, in place of reading on. */
  #goOn: (() => void) | undefined;

  constructor(
    open: OpenBlob,
    size: number,
    policy: ResumePolicy,
    from: { readonly offset: number; readonly signal: AbortSignal | undefined },
    first: Readable,
  ) {
    super({ highWaterMark: 64 * 1024 });
    this.#open = open;
    this.#size = size;
    this.#policy = policy;
    this.#signal = linkedSignal(from.signal, this.#end.signal);
    this.#position = from.offset;
    this.#resumedAt = from.offset;
    this.#current = first;
    this.#attach(first);
    // It may break while nobody reads yet; the reader gets the error when it starts.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#isWanted = true;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    if (goOn === undefined) this.#current.resume();
    else goOn();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#current.destroy();
    this.#end.abort();
    done(error);
  }

  #attach(stream: Readable): void {
    stream.pause();
    stream.on('data', (piece: Uint8Array) => {
      this.#position += piece.length;
      if (this.push(piece)) return;
      this.#isWanted = false;
      stream.pause();
    });
    let over = false;
    const end = (error?: Error): void => {
      if (over) return;
      over = true;
      // Every byte is there: how the connection ended after them does not matter.
      if (this.#position >= this.#size) this.push(null);
      else void this.#resume(error);
    };
    stream.once('end', end).once('close', end).on('error', end);
    // One that is over already tells nothing any more. One with an error may still throw that: it is listened to.
    if (isOver(stream)) process.nextTick(() => end(stream.errored ?? undefined));
  }

  #isGone(): boolean {
    return this.destroyed;
  }

  /** A clean end before the last byte is a cut as well: with chunked framing it looks the same. */
  async #resume(error: Error | undefined): Promise<void> {
    if (this.#isGone()) return;
    if (error instanceof LeftBehind) {
      this.#goOnAlone();
      return;
    }
    if (this.#position - this.#resumedAt >= PROGRESS_BYTES) this.#failures = 0;
    this.#failures += 1;
    this.#resumes += 1;
    const mayPass = error === undefined || (isRegferryError(error) && error.retryable);
    if (!mayPass || this.#failures > this.#policy.retries || this.#resumes > RESUMES) {
      if (error === undefined) this.push(null);
      else this.#fail(error);
      return;
    }
    await this.#reopen(() => this.#policy.backoff(this.#failures, this.#signal));
  }

  /** Once more is wanted: one that has stalled may never want it. */
  #goOnAlone(): void {
    const goOn = (): void => void this.#reopen(() => Promise.resolve());
    if (this.#isWanted) goOn();
    else this.#goOn = goOn;
  }

  async #reopen(wait: () => Promise<void>): Promise<void> {
    try {
      await wait();
      const next = await this.#open({ offset: this.#position, signal: this.#signal });
      if (this.#isGone()) {
        next.destroy();
        return;
      }
      this.#resumedAt = this.#position;
      this.#current = next;
      this.#attach(next);
      next.resume();
    } catch (failure) {
      this.#fail(failure);
    }
  }

  /** Whoever abandoned the work is not the source. */
  #fail(error: unknown): void {
    this.destroy(this.#signal.aborted ? abortError(this.#signal) : withSide(error, 'source'));
  }
}
