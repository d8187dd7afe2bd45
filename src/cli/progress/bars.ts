import { formatBytes, shortDigest } from '../format.js';
import { Course, type TargetCourse } from './course.js';
import type { Progress, ProgressParts } from './display.js';
import type { ActiveBlob } from './tally.js';

const REDRAW_MS = 100;
const MOST_BARS = 6;
const BAR_WIDTH = 30;
/** Lines for the targets; how far the others are is left out. */
const MOST_TARGETS = 8;

/** A bar for each blob on its way, and a line for the whole of each target, drawn over ten times a second. */
export function showBars(parts: ProgressParts): Progress {
  const { area, clock, colour } = parts;
  const course = new Course();
  const cancel = clock.every(REDRAW_MS, () => {
    const lines = drawnLines(course.sample(clock.now()), area.rows, area.columns);
    area.draw(lines.map((line) => fit(line, area.columns, colour)));
  });
  return {
    record: (event) => {
      course.record(event);
    },
    stop() {
      cancel();
      area.draw([]);
    },
  };
}

function drawnLines(targets: readonly TargetCourse[], rows: number, columns: number): string[] {
  if (targets.length === 0) return ['looking at the image'];
  const told = targets.slice(0, Math.max(1, Math.min(MOST_TARGETS, rows - 1)));
  const active = targets.flatMap(({ standing }) => standing.active);
  const shown = active.slice(0, Math.max(0, Math.min(MOST_BARS, rows - told.length)));
  const most = targets.length > 1 ? longest(targets.map(({ standing }) => standing.target)) : 0;
  const hidden = [
    ...(active.length > shown.length ? [`${active.length - shown.length} more under way`] : []),
    ...(targets.length > told.length ? [`${targets.length - told.length} more targets`] : []),
  ];
  const lines = told.map(({ line }) => line);
  return [
    ...shown.map((blob) => bar(blob, most, columns)),
    ...lines.slice(0, -1),
    [lines.at(-1), ...hidden].join(', '),
  ];
}

/** `sha256:0123456789ab ######.... 5.0 MB of 10.0 MB`, with its target behind it where there are several. */
function bar(blob: ActiveBlob, longestTarget: number, columns: number): string {
  const digest = shortDigest(blob.digest);
  const amount = `${formatBytes(blob.bytes)} of ${formatBytes(blob.size)}`;
  const target = longestTarget === 0 ? '' : ` to ${blob.target}`;
  // The target is worth more than a long bar.
  const room =
    columns - digest.length - 2 - 'ddd.d MB of ddd.d MB'.length - (longestTarget && longestTarget + 4);
  const width = Math.min(BAR_WIDTH, Math.max(BAR_WIDTH / 3, room));
  const part = blob.size > 0 ? Math.min(1, blob.bytes / blob.size) : 1;
  const filled = Math.round(part * width);
  return `${digest} ${'#'.repeat(filled)}${'.'.repeat(width - filled)} ${amount}${target}`;
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

/** Cuts a line that would wrap: a wrapped line cannot be erased. The drawn lines are dim, so that results stand out. */
function fit(line: string, columns: number, colour: boolean): string {
  const cut = line.length > columns ? line.slice(0, columns) : line;
  return colour ? `\u001b[2m${cut}\u001b[0m` : cut;
}
