import { count, formatBytes, formatDuration } from '../format.js';
import type { Standing } from './tally.js';

/** Remaining times beyond a day say nothing. */
const LONGEST_SECONDS = 86_400;

/** `3 of 5 blobs, 12.3 MB of 40.1 MB, 1.2 MB/s, 25 s left`; `at least` before numbers that may still grow. */
export function standingLine(standing: Standing, bytesPerSecond: number | undefined): string {
  const { blobs, bytes, complete } = standing;
  const least = complete ? '' : 'at least ';
  const parts = [
    `${blobs.done} of ${least}${count(blobs.known, 'blob')}`,
    `${formatBytes(bytes.done)} of ${least}${formatBytes(bytes.known)}`,
  ];
  if (bytesPerSecond !== undefined) {
    parts.push(`${formatBytes(bytesPerSecond)}/s`);
    const seconds = (bytes.known - bytes.done) / bytesPerSecond;
    if (complete && seconds > 0 && seconds < LONGEST_SECONDS) {
      parts.push(`${formatDuration(Math.max(1, Math.round(seconds)) * 1000)} left`);
    }
  }
  return parts.join(', ');
}
