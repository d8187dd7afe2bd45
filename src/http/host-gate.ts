/** Waits; rejects when the signal aborts. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/** Keeps every request to a host waiting while that host has asked for a pause (Retry-After). */
export class HostGate {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;
  readonly #sleep: Sleep;

  constructor(now: () => number, sleep: Sleep) {
    this.#now = now;
    this.#sleep = sleep;
  }

  /** Closes the gate of an origin for so many milliseconds; a longer pause stays. */
  pause(origin: string, milliseconds: number): void {
    const until = this.#now() + milliseconds;
    if (until > (this.#until.get(origin) ?? 0)) this.#until.set(origin, until);
  }

  /** Resolves when the origin may be asked. Rejects when the signal aborts. */
  async wait(origin: string, signal: AbortSignal | undefined): Promise<void> {
    // each pause is waited for once, so that a clock that stands still cannot hold a request for ever
    let waited = 0;
    for (let until = this.#until.get(origin) ?? 0; until > waited; until = this.#until.get(origin) ?? 0) {
      const rest = until - this.#now();
      if (rest <= 0) {
        this.#until.delete(origin);
        return;
      }
      waited = until;
      await this.#sleep(rest, signal);
    }
  }
}
