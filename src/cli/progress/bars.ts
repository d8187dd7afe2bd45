import { formatBytes, shortDigest } from '../format.js';
import type { Progress, ProgressParts } from './display.js';
import { Rate } from './rate.js';
import { standingLine } from './standing-line.js';
import { type ActiveBlob, type Standing, Tally } from './tally.js';

const REDRAW_MS = 100;
const MOST_BARS = 6;
const BAR_WIDTH = 30;

/** A bar for each blob on its way, and a line for the whole, drawn over ten times a second. */
export function showBars(parts: ProgressParts): Progress {
  const { area, clock, colour } = parts;
  const tally = new Tally();
  const rate = new Rate();
  const cancel = clock.every(REDRAW_MS, () => {
    const standing = tally.standing();
    rate.sample(clock.now(), standing.moved);
    const lines = barLines(standing, rate.perSecond(), Math.min(MOST_BARS, area.rows - 1));
    area.draw(lines.map((line) => fit(line, area.columns, colour)));
  });
  return {
    record: (event) => {
      tally.record(event);
    },
    stop() {
      cancel();
      area.draw([]);
    },
  };
}

function barLines(standing: Standing, bytesPerSecond: number | undefined, most: number): string[] {
  const shown = standing.active.slice(0, most);
  const hidden = standing.active.length - shown.length;
  const more = hidden > 0 ? `, ${hidden} more under way` : '';
  if (standing.blobs.known === 0 && shown.length === 0) return ['looking at the image'];
  return [...shown.map(bar), `${standingLine(standing, bytesPerSecond)}${more}`];
}

function bar(blob: ActiveBlob): string {
  const part = blob.size > 0 ? Math.min(1, blob.bytes / blob.size) : 1;
  const filled = Math.round(part * BAR_WIDTH);
  const drawn = `${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}`;
  return `${shortDigest(blob.digest)} ${drawn} ${formatBytes(blob.bytes)} of ${formatBytes(blob.size)}`;
}

/** Cuts a line that would wrap: a wrapped line cannot be erased. The drawn lines are dim, so that results stand out. */
function fit(line: string, columns: number, colour: boolean): string {
  const cut = line.length > columns ? line.slice(0, columns) : line;
  return colour ? `\u001b[2m${cut}\u001b[0m` : cut;
}
