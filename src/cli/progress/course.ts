import type { RegferryEvent } from '../../copy/events.js';
import { Rate } from './rate.js';
import { standingLine } from './standing-line.js';
import { type Standing, Tally } from './tally.js';

/** How far one target is, and in words, how fast. */
export interface TargetCourse {
  readonly standing: Standing;
  /** With the target's name where there are several. */
  readonly line: string;
}

/** How far a copy is and how fast it goes, target by target: a blob that two of them get is two blobs on their way. */
export class Course {
  readonly #tally = new Tally();
  readonly #rates = new Map<string, Rate>();

  /** Takes in an event of the copy. */
  record(event: RegferryEvent): void {
    this.#tally.record(event);
  }

  /** How far each target is at a moment in milliseconds; empty while nothing is known of the image. */
  sample(at: number): TargetCourse[] {
    const standings = this.#tally.standings();
    return standings.map((standing) => {
      const rate = this.#rateOf(standing.target);
      rate.sample(at, standing.moved);
      const name = standings.length > 1 ? `${standing.target}: ` : '';
      return { standing, line: `${name}${standingLine(standing, rate)}` };
    });
  }

  #rateOf(target: string): Rate {
    let rate = this.#rates.get(target);
    if (rate === undefined) this.#rates.set(target, (rate = new Rate()));
    return rate;
  }
}
