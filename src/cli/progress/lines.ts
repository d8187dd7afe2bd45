import { Course } from './course.js';
import type { Progress, ProgressParts } from './display.js';

const SAMPLE_MS = 1000;
const FIRST_LINE_MS = 2_000;
const SECOND_LINE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;

/** A line for each target now and then, for logs: after two seconds, after seven, and then with pauses that grow to a minute. */
export function showLines(parts: ProgressParts): Progress {
  const { log, clock } = parts;
  const course = new Course();
  let pause = SECOND_LINE_MS;
  let due = clock.now() + FIRST_LINE_MS;
  const cancel = clock.every(SAMPLE_MS, () => {
    const targets = course.sample(clock.now());
    if (clock.now() < due) return;
    due = clock.now() + pause;
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    if (targets.length === 0) log.write('info', 'looking at the image', { event: 'standing' });
    for (const { standing, line } of targets) {
      const { target, blobs, bytes, moved } = standing;
      log.write('info', line, {
        event: 'standing',
        target,
        blobsDone: blobs.done,
        blobsKnown: blobs.known,
        bytesDone: bytes.done,
        bytesKnown: bytes.known,
        bytesMoved: moved,
      });
    }
  });
  return {
    record: (event) => {
      course.record(event);
    },
    stop: cancel,
  };
}
