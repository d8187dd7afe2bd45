import { abortError } from '../errors.js';
import { HostWindow } from './host-window.js';
import type { Sleep } from './sleep.js';

/** A request that asks to be let through to an origin. */
export interface Turn {
  /** Its place in the line. A request that is tried again keeps the one of its first try. */
  readonly order: number;
  /** A request in flight may wait for it: a download, or a token for one. */
  readonly feeds: boolean;
  /** Any of them ends the wait. */
  readonly signals: readonly AbortSignal[];
}

/** A request that is let through, until its answer's headers are in. */
export interface Slot {
  /** The host took it. What was taken while there was room says nothing about the limit. */
  accepted(): void;
  /** The host said that it gets too much. Whoever was sent before the last one who was told so knows nothing new. */
  limited(): void;
  /** The answer is there, or none will come. */
  leave(): void;
}

interface Waiter extends Turn {
  readonly admit: (slot: Slot) => void;
  readonly fail: (error: Error) => void;
}

interface Host {
  readonly waiting: Waiter[];
  readonly window: HostWindow;
  inFlight: number;
  /** Those of `inFlight` that others may wait for. */
  feeding: number;
  /** Requests let through so far, and how many of them when the window was cut last. */
  sent: number;
  cutAt: number;
  pausedUntil: number;
  waking: AbortController | undefined;
}

/**
 * How fast each origin is asked: its window says how many requests may be in flight, and is cut once for all that were
 * sent before; a pause holds every request back. Who waits is let through in the order of the first tries, so that a
 * refused request does not fall behind those that came after it.
 *
 * A request is in flight until its answer's headers are in: an upload from before its source is opened to the answer,
 * a download without its body. A body that counted could block for ever: it is read only as fast as the upload
 * that it feeds, and that upload may be waiting here. Nor may an upload keep back what feeds it, which may be opened
 * at the same origin while it is in flight: the download, after a cut too, and the token for it. So one such request is
 * let through whatever else is in flight. They wait for the host alone, so each ends and lets the next one through; an
 * upload waits for those and for its own turn only, so each of these ends as well; and all others wait for the host alone.
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
    });
  }

  #host(origin: string): Host {
    let host = this.#hosts.get(origin);
    if (host === undefined) {
      const window = new HostWindow();
      host = {
        waiting: [],
        window,
        inFlight: 0,
        feeding: 0,
        sent: 0,
        cutAt: 0,
        pausedUntil: 0,
        waking: undefined,
      };
      this.#hosts.set(origin, host);
    }
    return host;
  }

  #admit(host: Host): void {
    if (host.pausedUntil > this.#now()) {
      this.#wakeLater(host);
      return;
    }
    for (let next; (next = nextOf(host)) !== undefined;) {
      remove(host.waiting, next);
      next.admit(this.#slot(host, next.feeds));
    }
  }

  #slot(host: Host, feeds: boolean): Slot {
    host.inFlight += 1;
    host.sent += 1;
    if (feeds) host.feeding += 1;
    const number = host.sent;
    let left = false;
    return {
      accepted: () => {
        const isFelt = host.inFlight >= host.window.limit || host.waiting.length > 0;
        if (number > host.cutAt && isFelt) host.window.grow();
      },
      limited: () => {
        if (number <= host.cutAt) return;
        host.window.cut(host.inFlight);
        host.cutAt = host.sent;
      },
      leave: () => {
        if (left) return;
        left = true;
        host.inFlight -= 1;
        if (feeds) host.feeding -= 1;
        this.#admit(host);
      },
    };
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
    for (let waited = 0; host.pausedUntil > waited;) {
      waited = host.pausedUntil;
      const rest = waited - this.#now();
      if (rest > 0) await this.#sleep(rest, signal);
      if (signal.aborted) return;
    }
    host.pausedUntil = 0;
  }
}

function nextOf({ waiting, inFlight, window, feeding }: Host): Waiter | undefined {
  if (inFlight < window.limit) return waiting[0];
  return feeding === 0 ? waiting.find(({ feeds }) => feeds) : undefined;
}

function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}
