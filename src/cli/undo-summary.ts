import type { CopyReport, TargetReport } from '../copy/report.js';
import { formatDuration } from './format.js';
import { NOTHING_WRITTEN, previousText } from './summary.js';

/** What an undo did with one tag, for a person; in a dry run, what it would do. */
export function undoneText(target: TargetReport, report: CopyReport): string {
  return `${target.reference}: ${doneText(target, report.dryRun === true, formatDuration(report.durationMs))}`;
}

function doneText(target: TargetReport, dryRun: boolean, time: string): string {
  const { digest, changed, deleted, left, movedSince, verified } = target;
  const now = previousText(target);
  if (left === true) {
    const stays = `was absent before, and ${dryRun ? 'would be' : 'is'} left as it is (${now})`;
    if (movedSince === true) return `${stays}: someone has moved it since`;
    return `${stays}; --delete-new-tags deletes it`;
  }
  if (deleted === true) {
    // Nobody asked for it to be deleted.
    if (!changed && verified === undefined) return 'was absent before, and is absent again: nothing to do';
    if (!changed) return 'is absent already, as it was before: nothing to do';
    return dryRun
      ? `is ${now}, would be deleted: it was absent before`
      : `deleted, as it was absent before; it was ${now}`;
  }
  if (!changed) return `is ${digest ?? 'unknown'} already, as it was before: nothing to do`;
  if (dryRun) return `is ${now}, would be put back to ${digest ?? 'unknown'}`;
  return `put back, was ${now}${verified === 'bytes' ? ', read back' : ''}; ${time}`;
}

/** What an undo found that it has nothing to do with, for a person. */
export function untouchedLines({ targets, unmoved = [] }: CopyReport): string[] {
  if (targets.length === 0) {
    return ['nothing to put back: no tag changed in the run that this receipt records'];
  }
  return unmoved.map(
    (reference) => `${reference}: did not change in the run that this receipt records: nothing to do`,
  );
}

/** What an undo would do, for a person, line by line. */
export function undoPlanText(report: CopyReport): string[] {
  const told = report.targets.filter(({ error }) => error === undefined);
  return [...told.map((target) => undoneText(target, report)), ...untouchedLines(report), NOTHING_WRITTEN];
}
