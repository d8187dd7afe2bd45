import { Readable } from 'node:stream';

/**
 * What one reader of a shared read may lie behind the others, beside the piece that came last and what its own buffers
 * hold: bytes, and for each piece what it takes in memory beside them.
 */
export const WINDOW_BYTES: number = 1024 * 1024;

/** Bytes that a piece takes beside its own. Who sends one byte at a time would else choose what a window adds up to. */
export const PIECE_COST = 256;

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
  /** Pieces held, at most. */
  #pieces = 0;

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
    this.#pieces += 1;
    this.push(piece);
    this.#isFull = this.#held() >= WINDOW_BYTES;
  }

  /** There are no more bytes. */
  finish(): void {
    this.#isFull = false;
    this.push(null);
  }

  /** All readers take their bytes through here, one piece or all that there are. */
  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    if (piece === null) return piece;
    this.#pieces = this.readableLength === 0 ? 0 : this.#pieces - 1;
    if (this.#isFull && this.#held() < WINDOW_BYTES) {
      this.#isFull = false;
      this.#events.onTaken();
    }
    return piece;
  }

  override _read(): void {
    // What is read is offered.
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#isFull = false;
    this.#events.onClosed();
    done(error);
  }

  /** What it holds, in bytes of memory. No piece is empty, so that there are no more of them than bytes. */
  #held(): number {
    this.#pieces = Math.max(0, Math.min(this.#pieces, this.readableLength));
    return this.readableLength + this.#pieces * PIECE_COST;
  }
}
