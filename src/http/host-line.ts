import { HostSpacing } from './host-spacing.js';
import { HostWindow } from './host-window.js';
import { FORGET_LIMIT_MS } from './limits.js';

/** A request that asks to be let through to an origin. */
export interface Turn {
  /** Its place in the line. A request that is tried again keeps the one of its first try. */
  readonly order: number;
  /** A request in flight may wait for it: a download, or a token for one. */
  readonly feeds: boolean;
  /** It sends nothing that has to be read first. @default false: an upload, which needs what feeds it */
  readonly isAlone?: boolean | undefined;
  /** Any of them ends the wait. */
  readonly signals: readonly AbortSignal[];
  /** Told at once where it has to wait. */
  readonly onWait?: (() => void) | undefined;
}

/** A request that is let through, until its answer is over. */
export interface Slot {
  /**
   * It goes out only now, since what it needed had to be opened before. Where that took an interval at the same host, it has
   * to wait for the next one. Rejects when a signal aborts.
   */
  sending(): Promise<void> | undefined;
  /** The host took it. What was taken while there was room says nothing about the limit. */
  accepted(): void;
  /**
   * The host said that it gets too much. Whoever was sent before the last one who was told so knows nothing new. True where
   * it is asked at intervals, and takes what is ours: it is a matter of patience then.
   */
  limited(): boolean;
  /** The answer is over, or none will come. */
  leave(): void;
}

/** A request that waits. */
export interface Waiter extends Turn {
  readonly admit: (slot: Slot) => void;
  readonly fail: (error: Error) => void;
}

/** An origin: who waits for it, what it has to answer, and how much of that it takes. */
export interface Host {
  readonly waiting: Waiter[];
  readonly window: HostWindow;
  readonly spacing: HostSpacing;
  inFlight: number;
  /** Those of `inFlight` that others may wait for. */
  feeding: number;
  /** Those of `inFlight` that may wait for others. */
  needing: number;
  /** Requests let through so far, and how many of them when the window was cut last. */
  sent: number;
  cutAt: number;
  pausedUntil: number;
  /** When the last one was sent, and before when the next one is not, for the sake of the spacing. */
  sentAt: number;
  spacedUntil: number;
  /** When one was taken last, and when one was let through or left last. */
  takenAt: number;
  usedAt: number;
  waking: AbortController | undefined;
}

/** An origin that has refused nothing. */
export function newHost(): Host {
  return {
    waiting: [],
    window: new HostWindow(),
    spacing: new HostSpacing(),
    inFlight: 0,
    feeding: 0,
    needing: 0,
    sent: 0,
    cutAt: 0,
    pausedUntil: 0,
    sentAt: -Infinity,
    spacedUntil: 0,
    takenAt: -Infinity,
    usedAt: 0,
    waking: undefined,
  };
}

/** What a host refused long ago says nothing about now. */
export function isForgotten({ waiting, inFlight, usedAt, pausedUntil }: Host, now: number): boolean {
  return waiting.length + inFlight === 0 && Math.max(usedAt, pausedUntil) + FORGET_LIMIT_MS < now;
}

/** When the next request may be sent, if there is room for it. */
export function opensAt({ pausedUntil, spacedUntil }: Host): number {
  return Math.max(pausedUntil, spacedUntil);
}

/** Who is let through next: the first in line, or what an upload in flight may need; undefined where there is no room. */
export function nextOf({ waiting, inFlight, window, feeding, needing }: Host): Waiter | undefined {
  if (inFlight < window.limit) return waiting[0];
  return needing > 0 && feeding === 0 ? waiting.find(({ feeds }) => feeds) : undefined;
}

/** Takes an item out of a list. */
export function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at !== -1) list.splice(at, 1);
}
