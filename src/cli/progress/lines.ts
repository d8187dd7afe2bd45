import type { Progress, ProgressParts } from './display.js';
import { Rate } from './rate.js';
import { standingLine } from './standing-line.js';
import { Tally } from './tally.js';

const SAMPLE_MS = 1000;
const FIRST_LINE_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;

/** A line now and then, for logs: after ten seconds, and then with pauses that grow to a minute. */
export function showLines(parts: ProgressParts): Progress {
  const { log, clock } = parts;
  const tally = new Tally();
  const rate = new Rate();
  let pause = FIRST_LINE_MS;
  let due = clock.now() + pause;
  const cancel = clock.every(SAMPLE_MS, () => {
    const standing = tally.standing();
    rate.sample(clock.now(), standing.moved);
    if (clock.now() < due) return;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    due = clock.now() + pause;
    const { blobs, bytes, moved } = standing;
    log.write('info', standingLine(standing, rate.perSecond()), {
      event: 'standing',
      blobsDone: blobs.done,
      blobsKnown: blobs.known,
      bytesDone: bytes.done,
      bytesKnown: bytes.known,
      bytesMoved: moved,
    });
  });
  return {
    record: (event) => {
      tally.record(event);
    },
    stop: cancel,
  };
}
