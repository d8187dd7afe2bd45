import { count, formatBytes, formatDuration } from '../format.js';
import type { Rate } from './rate.js';
import type { Standing } from './tally.js';

/** Remaining times beyond a day say nothing. */
const LONGEST_SECONDS = 86_400;
/** After this long without a byte no rate is told any more, and no time that it would take. */
const STILL_MS = 3_000;

/**
 * `3 of 5 blobs, 12.3 MB of 40.1 MB, 1.2 MB/s, 25 s left`; `at least` before numbers that may still grow; for how long nothing
 * has moved in place of a rate where that is so: a registry may take minutes to answer when it has got everything.
 */
export function standingLine(standing: Standing, rate: Pick<Rate, 'perSecond' | 'stillMs'>): string {
  const { blobs, bytes, complete } = standing;
  const least = complete ? '' : 'at least ';
  return [
    `${blobs.done} of ${least}${count(blobs.known, 'blob')}`,
    `${formatBytes(bytes.done)} of ${least}${formatBytes(bytes.known)}`,
    ...pace(standing, rate),
  ].join(', ');
}

function pace({ blobs, bytes, complete }: Standing, rate: Pick<Rate, 'perSecond' | 'stillMs'>): string[] {
  if (complete && blobs.done === blobs.known) return [];
  const still = rate.stillMs();
  if (still >= STILL_MS) return [`nothing moved for ${formatDuration(still)}`];
  const bytesPerSecond = rate.perSecond();
  if (bytesPerSecond === undefined) return [];
  const seconds = (bytes.known - bytes.done) / bytesPerSecond;
  const isKnown = complete && seconds > 0 && seconds < LONGEST_SECONDS;
  return [
    `${formatBytes(bytesPerSecond)}/s`,
    ...(isKnown ? [`${formatDuration(Math.max(1, Math.round(seconds)) * 1000)} left`] : []),
  ];
}
