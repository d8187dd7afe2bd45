import type { RegferryEvent } from '../../copy/events.js';
import type { Clock } from '../io.js';
import type { Log } from '../log.js';
import type { StatusArea } from '../status-area.js';

/** Shows how far a copy is. */
export interface Progress {
  /** Takes in an event of the copy. */
  record(event: RegferryEvent): void;
  /** Removes what was drawn. To be called before results are written, and always. */
  stop(): void;
}

/** What a progress display works with. */
export interface ProgressParts {
  readonly area: StatusArea;
  readonly log: Log;
  readonly clock: Clock;
  readonly colour: boolean;
}
