import { abortError } from '../errors.js';
import {
  isForgotten,
  newHost,
  nextOf,
  opensAt,
  remove,
  type Host,
  type Slot,
  type Turn,
  type Waiter,
} from './host-line.js';
import { TAKING_MS } from './limits.js';
import type { Sleep } from './sleep.js';

/**
 * How fast each origin is asked: its window says how many requests may be in flight, and is cut once for all that were
 * sent before; one that refuses what comes alone is asked at intervals; a pause holds every request back. Who waits is
 * let through in the order of the first tries, so that a refused request does not fall behind those that came after it.
 *
 * A request is in flight until its answer is over: an upload until it is answered, a download until the end of its body,
 * or until that stands still. This could end in a ring of waiting, since a body is read only as fast as the upload that it
 * feeds. So an upload that has to wait here closes its source (`onWait`), and opens it again once it has its turn: what is
 * open feeds an upload in flight. Nor may an upload keep back what feeds it, which may be opened at the same origin while it is
 * in flight: the download, after a cut too, and the token for it. So one such request is let through whatever else is in
 * flight. They wait for the host and an upload in flight, so each ends and lets the next one through; an upload waits for
 * those and for its own turn only, so each of these ends as well; and all others wait for the host alone.
 */
export class HostPace {
  readonly #hosts = new Map<string, Host>();
  readonly #now: () => number;
  readonly #sleep: Sleep;
  #orders = 0;

  /** @param now milliseconds of a clock that does not jump: one that is set back would hold everything up. */
  constructor(now: () => number, sleep: Sleep) {
    this.#now = now;
    this.#sleep = sleep;
  }

  /** The place in the line of a request that comes now. */
  order(): number {
    this.#orders += 1;
    return this.#orders;
  }

  /** True where a request to an origin would have to wait for its turn, or the one that follows it. */
  isBusy(origin: string): boolean {
    const host = this.#hosts.get(origin);
    if (host === undefined) return false;
    const isFull = host.waiting.length > 0 || host.inFlight >= host.window.limit;
    return isFull || host.spacing.ms > 0 || opensAt(host) > this.#now();
  }

  /** Lets no request to an origin through for so many milliseconds; a longer pause stays. */
  pause(origin: string, milliseconds: number): void {
    const host = this.#host(origin);
    host.pausedUntil = Math.max(host.pausedUntil, this.#now() + milliseconds);
  }

  /** Resolves when the request may be sent. Rejects when a signal aborts. The slot must be left in every outcome. */
  async enter(origin: string, turn: Turn): Promise<Slot> {
    const host = this.#host(origin);
    return new Promise((resolve, reject) => {
      const unlink = (): void => {
        for (const signal of turn.signals) signal.removeEventListener('abort', giveUp);
      };
      const waiter: Waiter = {
        ...turn,
        admit: (slot) => {
          unlink();
          resolve(slot);
        },
        fail: (error) => {
          unlink();
          reject(error);
        },
      };
      const giveUp = ({ target }: Pick<Event, 'target'>): void => {
        remove(host.waiting, waiter);
        if (host.waiting.length === 0) host.waking?.abort();
        waiter.fail(abortError(target as AbortSignal));
      };
      const aborted = turn.signals.find((signal) => signal.aborted);
      if (aborted !== undefined) {
        giveUp({ target: aborted });
        return;
      }
      const behind = host.waiting.findIndex(({ order }) => order > turn.order);
      host.waiting.splice(behind === -1 ? host.waiting.length : behind, 0, waiter);
      for (const signal of turn.signals) signal.addEventListener('abort', giveUp, { once: true });
      this.#admit(host);
      if (host.waiting.includes(waiter)) turn.onWait?.();
    });
  }

  #host(origin: string): Host {
    const now = this.#now();
    let host = this.#hosts.get(origin);
    if (host === undefined || isForgotten(host, now)) this.#hosts.set(origin, (host = newHost()));
    host.usedAt = now;
    return host;
  }

  #admit(host: Host): void {
    for (let next; (next = nextOf(host)) !== undefined;) {
      if (opensAt(host) > this.#now()) {
        this.#wakeLater(host);
        return;
      }
      remove(host.waiting, next);
      next.admit(this.#slot(host, next));
    }
  }

  #slot(host: Host, { feeds, isAlone, signals }: Turn): Slot {
    host.inFlight += 1;
    host.sent += 1;
    const needs = !feeds && isAlone !== true;
    if (feeds) host.feeding += 1;
    if (needs) host.needing += 1;
    this.#space(host, this.#now());
    const number = host.sent;
    let after = 0;
    let left = false;
    return {
      sending: () => {
        const now = this.#now();
        const at = host.sent === number ? now : Math.max(now, host.spacedUntil);
        after = at - host.sentAt;
        host.sentAt = at;
        this.#space(host, at);
        return at > now ? this.#wait(at - now, signals) : undefined;
      },
      accepted: () => {
        host.takenAt = this.#now();
        if (number <= host.cutAt) return;
        // Who waits for the next interval does not wait for room.
        const isFelt = host.waiting.length > 0 && host.spacing.ms === 0;
        if (isFelt || host.inFlight >= host.window.limit) host.window.grow();
        this.#move(host, () => host.spacing.taken(after));
      },
      limited: () => {
        if (number > host.cutAt) this.#cut(host);
        return host.spacing.ms > 0 && this.#now() - host.takenAt < TAKING_MS;
      },
      leave: () => {
        if (left) return;
        left = true;
        host.inFlight -= 1;
        if (feeds) host.feeding -= 1;
        if (needs) host.needing -= 1;
        host.usedAt = this.#now();
        this.#admit(host);
      },
    };
  }

  /**
   * Where nothing else is in flight, and no more than one may be, it is too soon and not too much. What feeds an upload waits
   * for its own interval.
   */
  #cut(host: Host): void {
    const isSpaced = host.spacing.ms > 0;
    const beside = host.inFlight - 1 - (isSpaced ? host.feeding : 0);
    if (beside <= 0 && (host.window.limit === 1 || isSpaced)) this.#move(host, () => host.spacing.refused());
    host.window.cut(host.inFlight);
    host.cutAt = host.sent;
  }

  /** Changes the spacing, for who waits already as well. */
  #move(host: Host, change: () => void): void {
    const before = host.spacing.ms;
    change();
    const more = host.spacing.ms - before;
    if (more === 0) return;
    host.spacedUntil = (before === 0 ? this.#now() : host.spacedUntil) + more;
    if (more > 0) return;
    host.waking?.abort();
    this.#admit(host);
  }

  /** Keeps others back for an interval from then on. */
  #space(host: Host, from: number): void {
    if (host.spacing.ms > 0) host.spacedUntil = from + host.spacing.ms;
  }

  async #wait(milliseconds: number, signals: readonly AbortSignal[]): Promise<void> {
    const either = AbortSignal.any([...signals]);
    try {
      await this.#sleep(milliseconds, either);
    } catch (error) {
      throw either.aborted ? abortError(either) : error;
    }
  }

  /** One timer for all who wait at an origin, and none when nobody does. */
  #wakeLater(host: Host): void {
    if (host.waiting.length === 0 || (host.waking !== undefined && !host.waking.signal.aborted)) return;
    const waking = new AbortController();
    host.waking = waking;
    this.#sleepOut(host, waking.signal).then(
      () => {
        if (waking.signal.aborted) return;
        host.waking = undefined;
        this.#admit(host);
      },
      (error: unknown) => {
        if (waking.signal.aborted) return;
        host.waking = undefined;
        const reason = error instanceof Error ? error : new Error(String(error));
        for (const waiter of host.waiting.splice(0)) waiter.fail(reason);
      },
    );
  }

  async #sleepOut(host: Host, signal: AbortSignal): Promise<void> {
    // each pause is waited for once, so that a clock that stands still cannot hold a request for ever
    for (let waited = 0; opensAt(host) > waited;) {
      waited = opensAt(host);
      const rest = waited - this.#now();
      if (rest > 0) await this.#sleep(rest, signal);
      if (signal.aborted) return;
    }
    host.pausedUntil = 0;
    host.spacedUntil = 0;
  }
}
