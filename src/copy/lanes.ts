import pLimit, { type LimitFunction } from 'p-limit';

/** Blobs up to this size cost round trips rather than bandwidth: they travel in the wide lane. */
export const SMALL_BYTES: number = 4 * 1024 * 1024;
/** Connections to open at once, before it is known what there is to copy. */
export const FIRST_CONNECTIONS = 6;
/** Checks and small blobs run this many times wider than transfers. */
const WIDTH = 4;

/**
 * The limiters of one host, first in, first out. Tasks in a lane never wait for a task of the same lane; those that share a
 * read wait for tasks in other lanes (copy/fan-out.ts).
 */
export class Lanes {
  /** Most requests that run at a time in one lane. */
  readonly width: number;
  readonly #wide: LimitFunction;
  readonly #transfers: LimitFunction;

  /** @param concurrency transfers at a time; checks and small blobs get four times as many. */
  constructor(concurrency: number) {
    this.width = concurrency * WIDTH;
    this.#wide = pLimit(this.width);
    this.#transfers = pLimit(concurrency);
  }

  /** Runs a request without a body of note. */
  check<T>(task: () => Promise<T>): Promise<T> {
    return this.#wide(task);
  }

  /** Runs the transfer of `size` bytes; small ones do not queue behind large ones. */
  transfer<T>(size: number, task: () => Promise<T>): Promise<T> {
    return size <= SMALL_BYTES ? this.#wide(task) : this.#transfers(task);
  }
}

/** One set of lanes for each host of a run. */
export class LanesByHost {
  readonly #lanes = new Map<string, Lanes>();
  readonly #concurrency: number;

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
  }

  of(host: string): Lanes {
    let lanes = this.#lanes.get(host);
    if (lanes === undefined) this.#lanes.set(host, (lanes = new Lanes(this.#concurrency)));
    return lanes;
  }
}
