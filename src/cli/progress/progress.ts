import { showBars } from './bars.js';
import type { Progress, ProgressParts } from './display.js';
import { showLines } from './lines.js';

/** How progress is shown. */
export type ProgressStyle = 'tty' | 'plain' | 'none';

/** What decides about bars where the user left it to us. */
export interface ProgressSetting {
  readonly wanted: 'auto' | ProgressStyle;
  readonly quiet: boolean;
  readonly logFormat: 'pretty' | 'json';
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Bars on a terminal that can draw them, outside of CI and beside a log for people; lines elsewhere; nothing when quiet. */
export function progressStyle(setting: ProgressSetting): ProgressStyle {
  const { wanted, quiet, logFormat, isTerminal, env } = setting;
  if (quiet || wanted === 'none') return 'none';
  if (wanted === 'plain' || logFormat === 'json') return 'plain';
  if (wanted === 'tty') return 'tty';
  const inCi = env['CI'] !== undefined && !['', '0', 'false'].includes(env['CI']);
  return isTerminal && env['TERM'] !== 'dumb' && !inCi ? 'tty' : 'plain';
}

/** Starts showing progress. */
export function startProgress(style: ProgressStyle, parts: ProgressParts): Progress {
  if (style === 'tty') return showBars(parts);
  if (style === 'plain') return showLines(parts);
  return { record: () => undefined, stop: () => undefined };
}
