import { randomUUID } from 'node:crypto';

import type { CopyReport, TargetReport } from '../copy/report.js';
import { printable } from '../spec/printable.js';
import { advised } from './advice.js';
import { count, formatBytes, formatDuration } from './format.js';
import { previousText } from './summary.js';

/** Longest text in a cell of the summary. */
const LONGEST_CELL = 500;

/**
 * The outputs of a step, as GITHUB_OUTPUT takes them: `digest`, `changed` (did any tag move) and `previous`: what the tag
 * was, a digest, `absent` or `unknown`; for several tags a line each, `REFERENCE PREVIOUS`. Every value stands between
 * delimiters that nobody can guess, so that none can become an output of its own.
 * https://docs.github.com/en/actions/writing-workflows/choosing-what-your-workflow-does/workflow-commands-for-github-actions#multiline-strings
 */
export function stepOutputs(report: CopyReport, delimiter: string = `regferry-${randomUUID()}`): string {
  const { source, targets } = report;
  const [first] = targets;
  const previous =
    targets.length === 1 && first !== undefined
      ? previousText(first)
      : targets.map((target) => `${printable(target.reference)} ${previousText(target)}`).join('\n');
  // Tags that went back to several images have no digest in common.
  const [digest, ...others] = new Set(targets.map((target) => target.digest));
  const outputs = {
    // A tag that was not set has none, whatever the source is.
    digest: (others.length === 0 ? digest : undefined) ?? (report.ok ? source.digest : undefined) ?? '',
    changed: String(targets.some(({ changed }) => changed)),
    previous,
  };
  return Object.entries(outputs)
    .map(([name, value]) => `${name}<<${delimiter}\n${value}\n${delimiter}\n`)
    .join('');
}

/** What a step did, as Markdown for GITHUB_STEP_SUMMARY: each tag, what it was and is, what moved, and the time. */
export function stepSummary(title: string, report: CopyReport, at: Date = new Date()): string {
  const rows = report.targets.map((target) => [
    escaped(target.reference),
    code(previousText(target)),
    nowText(target, report),
    movedCell(target),
  ]);
  return [
    `### ${title}`,
    '',
    ...table(['Tag', 'Was', 'Is', 'Moved'], rows),
    '',
    `From ${escaped(report.source.reference)}, in ${formatDuration(report.durationMs)}, at ${at.toISOString()}.`,
    '',
    '',
  ].join('\n');
}

function nowText(target: TargetReport, report: CopyReport): string {
  if (target.error !== undefined) return escaped(`not set: ${advised(target.error, true)}`);
  if (target.left === true) {
    const since = target.movedSince === true ? '; someone has moved it since' : '';
    return `${code(previousText(target))}, left as it is${since}`;
  }
  if (target.deleted === true) return `${code('absent')}${target.changed ? '' : ', as it was'}`;
  // What failed for all of them, at the source for one, is none of their own.
  if (target.verified === undefined && report.error !== undefined)
    return escaped(`not set: ${advised(report.error, true)}`);
  if (target.digest === undefined) return '';
  return `${code(target.digest)}${target.changed ? '' : ', as it was'}`;
}

/** What moved for a tag: the tag itself, if nothing else. */
function movedCell(target: TargetReport): string {
  const { changed, deleted } = target;
  const content = movedText(target);
  if (!changed) return content === '' ? 'nothing' : escaped(content);
  const what = deleted === true ? 'the tag, deleted' : 'the tag';
  return content === '' ? what : `${what}; ${escaped(content)}`;
}

function movedText({ blobs, bytes }: TargetReport): string {
  return [
    ...(blobs.copied > 0 ? [`${count(blobs.copied, 'blob')} copied, ${formatBytes(bytes.copied)}`] : []),
    ...(blobs.mounted > 0 ? [`${count(blobs.mounted, 'blob')} mounted`] : []),
  ].join('; ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** Digests and fixed words alone: nothing in them ends the code. */
function code(text: string): string {
  return `\`${text.replace(/[^a-z0-9:]/g, '')}\``;
}

/** Text that is shown as it is: every character that Markdown, HTML or GitHub might act on becomes an entity. */
function escaped(text: string): string {
  return printable(text, LONGEST_CELL).replace(
    /[^\p{L}\p{N} ,;/-]/gu,
    (character) => `&#${character.codePointAt(0) ?? 0xfffd};`,
  );
}
