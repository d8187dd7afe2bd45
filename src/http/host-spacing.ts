import { SPACING_CAP_MS, SPACING_FIRST_MS, SPACING_HOLD, SPACING_LEAST_MS } from './limits.js';

/** How much further apart: while nothing was taken at any distance, and once something was. */
const SEARCH = 2;
const FURTHER = 1.5;
/** How close to what was refused it is gone, and how much closer each step after that is. */
const MARGIN = 1.05;
const CLOSER = 0.9;
/** How much later than it might have one comes that is no sign: timers and the network are late, too. */
const LATE = 1.2;
const LATE_MS = 50;

/**
 * Milliseconds between two requests to a host that refuses one although nothing else is in flight: it takes only so many in
 * a time. None until then. The distance grows until requests are taken, and is then halved in between what was refused
 * and what was taken. Where it stays for {@link SPACING_HOLD} requests; from then on each one that is taken makes it a
 * tenth smaller, until one is refused, or there is none again.
 */
export class HostSpacing {
  #ms = 0;
  /** The distance at which one was refused last. */
  #refused = 0;
  /** The least at which one was taken since; 0 where none was. */
  #taken = 0;
  #isKnown = false;
  /** Requests to be taken before it is tried whether they may come closer. */
  #held = 0;

  get ms(): number {
    return this.#ms;
  }

  /** One was refused with nothing else in flight. */
  refused(): void {
    this.#refused = this.#ms;
    this.#held = SPACING_HOLD;
    if (this.#taken > this.#ms) this.#ms = this.#taken;
    else this.#ms = Math.min(SPACING_CAP_MS, this.#further());
    this.#taken = 0;
  }

  /**
   * One was taken, so many milliseconds after the one before it was sent. What came much later than it might have, as after
   * a pause, says nothing about the distance.
   */
  taken(after: number): void {
    if (this.#ms === 0 || after > this.#ms * LATE + LATE_MS) return;
    this.#isKnown = true;
    this.#taken = this.#ms;
    const gone = this.#refused * MARGIN;
    if (this.#ms > gone * MARGIN) this.#ms = Math.max((this.#ms + this.#refused) / 2, gone);
    else if (this.#held > 0) this.#held -= 1;
    else this.#ms *= CLOSER;
    if (this.#ms < SPACING_LEAST_MS) this.#end();
  }

  #further(): number {
    return this.#ms === 0 ? SPACING_FIRST_MS : this.#ms * (this.#isKnown ? FURTHER : SEARCH);
  }

  #end(): void {
    this.#ms = 0;
    this.#refused = 0;
    this.#taken = 0;
    this.#isKnown = false;
  }
}
