import { Readable } from 'node:stream';

/**
 * Bytes that one reader of a shared read may lie behind the others, beside the piece that came last and what its own
 * buffers hold.
 */
export const WINDOW_BYTES: number = 1024 * 1024;

/** What a {@link Follower} tells. */
export interface FollowerEvents {
  /** It was full, and some of it was taken. */
  onTaken(): void;
  /** Nobody reads it any more, or all of it was read. */
  onClosed(): void;
}

/**
 * One reader's end of a shared read. Pieces are handed on as they are, not copied.
 */
export class Follower extends Readable {
  readonly #events: FollowerEvents;
  #isFull = false;

  constructor(events: FollowerEvents) {
    super({ highWaterMark: WINDOW_BYTES });
    this.#events = events;
  }

  /** True while it holds all that it may. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Takes the next bytes; more than the window if they come in one piece. */
  offer(piece: Uint8Array): void {
    this.#isFull = !this.push(piece);
  }

  /** There are no more bytes. */
  finish(): void {
    this.#isFull = false;
    this.push(null);
  }

  override _read(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#events.onTaken();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#isFull = false;
    this.#events.onClosed();
    done(error);
  }
}
