import type { Descriptor } from '../spec/descriptor.js';
import type { Seat, SharedRead } from './shared-read.js';

/** Brings a blob: alone, or with the seat that it is given at a read for several targets. */
export type Transfer<T> = (seat?: Seat) => Promise<T>;

/** Starts a transfer in the same turn of the loop. */
export type Start = (seat?: Seat) => void;

/** What a member asks of the fan-out (copy/fan-out.ts). */
export interface Rounds {
  /** It wants a blob; `start` is called once, perhaps at once. */
  wants(member: Member, descriptor: Descriptor, start: Start): void;
  /** It has decided about a digest. */
  decided(digest: string): void;
  /** It has decided about all, or is not waited for any more. */
  changed(member: Member): void;
  /** One of its shared transfers is over. */
  settled(): void;
}

/** One repository's part in the decision which blobs several targets read together. */
export class Member {
  readonly host: string;
  readonly #rounds: Rounds | undefined;
  /** Manifests and blobs that it has asked for and not decided about. */
  readonly #open = new Set<string>();
  readonly #decided = new Set<string>();
  readonly #seats = new Set<Seat>();
  #isBegun = false;
  #isOver = false;
  #lags = false;
  #signs = 0;
  #signsThen: number | undefined;

  /** @param rounds without them it brings everything alone. */
  constructor(host: string, rounds: Rounds | undefined) {
    this.host = host;
    this.#rounds = rounds;
  }

  /** Takes part for as long as its work lasts and the signal has not aborted. */
  async during(work: Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.#rounds === undefined) return work;
    const leave = (): void => this.leave();
    signal.addEventListener('abort', leave, { once: true });
    try {
      await work;
    } finally {
      signal.removeEventListener('abort', leave);
      leave();
    }
  }

  /** It looks for a manifest or blob. */
  asks(digest: string): void {
    this.#open.add(digest);
  }

  /** All that a manifest names has been asked for. */
  walked(digest: string): void {
    this.#isBegun = true;
    this.#decide(digest);
  }

  /** It has it, or will get it in another way. */
  declines(digest: string): void {
    this.#decide(digest);
  }

  /**
   * It wants a blob. `transfer` is called when it is known who else does: alone, or with a seat; it has to enter the lane
   * in the same turn.
   */
  bring<T>(descriptor: Descriptor, transfer: Transfer<T>): Promise<T> {
    const rounds = this.#rounds;
    if (rounds === undefined) return transfer();
    this.moves();
    return new Promise((resolve, reject) => {
      rounds.wants(this, descriptor, (seat) => {
        this.#transfer(transfer, seat).then(resolve, reject);
      });
      this.#decide(descriptor.digest);
    });
  }

  /** Its registry has done something for it. */
  moves(): void {
    this.#signs += 1;
    this.#lags = false;
  }

  /** It is through, or has failed: it wants nothing more, and what it wanted it is to find out alone. */
  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#excuse();
  }

  /** False when nobody is to wait for it. */
  get isLive(): boolean {
    return !this.#isOver && !this.#lags;
  }

  /** True while one of its shared transfers is under way. */
  get isSeated(): boolean {
    return this.#seats.size > 0;
  }

  /** True when it is known whether it wants this, or nobody is to wait until it is. */
  hasDecided(digest: string): boolean {
    if (!this.isLive || this.#decided.has(digest)) return true;
    return this.#isBegun && this.#open.size === 0;
  }

  /** A place of its own at a shared read. */
  seatAt(read: SharedRead): Seat {
    const seat = read.seat(() => this.#lag());
    this.#seats.add(seat);
    return seat;
  }

  /** Leaves it behind if others wait for it and have waited at the last look, and it has not moved in between. */
  look(isAwaited: boolean): void {
    const awaited = isAwaited || [...this.#seats].some((seat) => seat.isAwaited());
    const then = this.#signsThen;
    this.#signsThen = awaited ? this.#signs : undefined;
    if (awaited && then === this.#signs) this.#lag();
  }

  #lag(): void {
    this.#lags = true;
    this.#excuse();
  }

  #excuse(): void {
    for (const seat of this.#seats) seat.excuse();
    this.#rounds?.changed(this);
  }

  #decide(digest: string): void {
    this.moves();
    this.#open.delete(digest);
    this.#decided.add(digest);
    if (this.#isBegun && this.#open.size === 0) this.#rounds?.changed(this);
    else this.#rounds?.decided(digest);
  }

  async #transfer<T>(transfer: Transfer<T>, seat: Seat | undefined): Promise<T> {
    try {
      return await transfer(seat);
    } finally {
      this.moves();
      if (seat !== undefined) {
        seat.leave();
        this.#seats.delete(seat);
        this.#rounds?.settled();
      }
    }
  }
}
