import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../copy/report.js';
import { advised } from './advice.js';
import { count, formatBytes, formatDuration } from './format.js';

/** With fewer bytes than this, a rate tells of round trips. */
const LEAST_RATED = 1_000_000;

/** What stdout says about a target that has the image: `registry/repository:tag@sha256:…`. */
export function targetLine(target: TargetReport): string {
  return target.digest === undefined ? target.reference : `${target.reference}@${target.digest}`;
}

/** What was done at one target, for a person: `copied 5 blobs (12.3 MB), mounted 0, skipped 2; 1 manifest; verified; 1.2 s, 10.3 MB/s`. */
export function targetSummary(target: TargetReport, report: CopyReport): string {
  const name = report.targets.length > 1 ? `${target.reference}: ` : '';
  if (isUntouched(target)) {
    return `${name}already there, nothing to do; ${formatDuration(report.durationMs)}`;
  }
  const { blobs, bytes, manifests } = target;
  const parts = [
    `copied ${count(blobs.copied, 'blob')} (${formatBytes(bytes.copied)}), mounted ${blobs.mounted}, skipped ${blobs.skipped}`,
    ...(blobs.foreign > 0 ? [`${count(blobs.foreign, 'foreign blob')} left where they are`] : []),
    count(manifests.copied, 'manifest'),
    ...verifiedText(target),
    timeAndRate(report.durationMs, bytes.copied),
  ];
  return `${name}${parts.join('; ')}`;
}

/** What was done to one tag, for a person: `was sha256:…, read back; copied 5 blobs (12.3 MB); 1.2 s`. */
export function tagSummary(target: TargetReport, report: CopyReport): string {
  const name = report.targets.length > 1 ? `${target.reference}: ` : '';
  if (isUntouched(target)) return `${name}already there, nothing to do; ${formatDuration(report.durationMs)}`;
  const moved = movedText(target);
  const parts = [
    `was ${previousText(target)}${target.verified === undefined ? '' : ', read back'}`,
    ...(moved === '' ? [] : [moved]),
    timeAndRate(report.durationMs, target.bytes.copied),
  ];
  return `${name}${parts.join('; ')}`;
}

/** Nothing was written, neither a tag nor what it names. */
function isUntouched({ changed, verified, blobs, manifests }: TargetReport): boolean {
  if (changed) return false;
  return verified === 'header' || (verified === 'presence' && blobs.copied + manifests.copied === 0);
}

/** Of a layout it is said that what was there already was not read. */
function verifiedText({ verified }: TargetReport): readonly string[] {
  if (verified === 'presence') return ['verified, what was there already by its size'];
  return verified === 'bytes' ? ['verified'] : [];
}

/** How long it took, and at what rate where enough was copied to tell: `1.2 s, 10.3 MB/s`. */
function timeAndRate(durationMs: number, bytes: number): string {
  const rate =
    bytes >= LEAST_RATED && durationMs > 0 ? `, ${formatBytes((bytes / durationMs) * 1000)}/s` : '';
  return `${formatDuration(durationMs)}${rate}`;
}

/** What a tag was before: a digest, `absent` or `unknown`. */
export function previousText({ previous }: Pick<TargetReport, 'previous'>): string {
  return previous === undefined ? 'unknown' : (previous ?? 'absent');
}

/** What moved for a target: `copied 5 blobs (12.3 MB), mounted 2`; empty where nothing did. */
export function movedText({ blobs, bytes }: Pick<TargetReport, 'blobs' | 'bytes'>): string {
  const parts = [
    ...(blobs.copied > 0 ? [`copied ${count(blobs.copied, 'blob')} (${formatBytes(bytes.copied)})`] : []),
    ...(blobs.mounted > 0 ? [`mounted ${count(blobs.mounted, 'blob')}`] : []),
  ];
  return parts.join(', ');
}

/** What was done to many tags, for a person: `12 tags copied (34 blobs, 12.3 MB), 188 unchanged, 2 failed; 3.2 s`. */
export function tagsSummary({ targets, durationMs }: CopyReport): string {
  const tags = countTags(targets);
  const blobs = sum(targets, (target) => target.blobs.copied);
  const bytes = sum(targets, (target) => target.bytes.copied);
  const mounted = sum(targets, (target) => target.blobs.mounted);
  return [
    `${count(tags.changed, 'tag')} copied (${count(blobs, 'blob')}, ${formatBytes(bytes)}${mounted > 0 ? `, ${mounted} mounted` : ''})`,
    `${tags.unchanged} unchanged`,
    `${tags.failed} failed`,
    ...(tags.interrupted > 0 ? [`${tags.interrupted} interrupted`] : []),
    ...(tags.targets > 1 ? [`at ${tags.targets} targets`] : []),
  ]
    .join(', ')
    .concat(`; ${timeAndRate(durationMs, bytes)}`);
}

/** What was done to one of many tags at one target, if that is more than nothing: `copied r.example.com/app:1: 5 blobs (12.3 MB)`. */
export function copiedTagLine({ changed, reference, blobs, bytes }: TargetReport): string | undefined {
  if (!changed) return undefined;
  const mounted = blobs.mounted > 0 ? `, ${blobs.mounted} mounted` : '';
  return `copied ${reference}: ${count(blobs.copied, 'blob')} (${formatBytes(bytes.copied)})${mounted}`;
}

/** Tags, each once however many targets it goes to: failed if it failed at any, changed if it was written at any. */
function countTags(targets: readonly Pick<TargetReport | TargetPlan, 'reference' | 'changed' | 'error'>[]): {
  readonly changed: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly interrupted: number;
  readonly targets: number;
} {
  const tags = new Map<string, 'changed' | 'unchanged' | 'failed' | 'interrupted'>();
  const repositories = new Set<string>();
  for (const { reference, changed, error } of targets) {
    const colon = reference.lastIndexOf(':');
    const tag = reference.slice(colon + 1);
    repositories.add(reference.slice(0, colon));
    const before = tags.get(tag);
    if (error !== undefined && error.code !== 'E_ABORTED') tags.set(tag, 'failed');
    else if (before === 'failed') continue;
    else if (error !== undefined) tags.set(tag, 'interrupted');
    else if (before !== 'interrupted') tags.set(tag, changed ? 'changed' : (before ?? 'unchanged'));
  }
  const states = [...tags.values()];
  const of = (state: string): number => states.filter((one) => one === state).length;
  return {
    changed: of('changed'),
    unchanged: of('unchanged'),
    failed: of('failed'),
    interrupted: of('interrupted'),
    targets: repositories.size,
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

/** What a copy of many tags would do, for a person: a line a tag and target, and what it comes to. */
export function tagsPlanText(plan: CopyPlan): string[] {
  const { targets } = plan;
  const copied = targets.filter(({ changed, error }) => changed && error === undefined);
  const tags = countTags(targets);
  const at = tags.targets > 1 ? `, at ${tags.targets} targets` : '';
  const blobs = sum(copied, (target) => target.blobs.copy);
  const bytes = sum(copied, (target) => target.bytes.copy);
  return [
    `source ${plan.source.reference}`,
    ...targets.map(tagPlanLine),
    `${count(tags.changed, 'tag')} to copy (${count(blobs, 'blob')}, ${formatBytes(bytes)}), ${tags.unchanged} unchanged, ${tags.failed} failed${at}`,
    NOTHING_WRITTEN,
  ];
}

function tagPlanLine(target: TargetPlan): string {
  const { reference, digest = 'unknown', blobs, bytes, error } = target;
  if (error !== undefined) return `target ${reference}: failed, ${advised(error, true)}`;
  if (!target.changed) return `target ${reference}: ${tagMove(target, digest)}`;
  const moved = `copy ${blobs.copy} (${formatBytes(bytes.copy)}), mount ${blobs.mount}, skip ${blobs.skip}`;
  return `target ${reference}: ${tagMove(target, digest)}; blobs ${moved}`;
}

/** The last line of every dry run. */
export const NOTHING_WRITTEN = 'nothing was written: this was a dry run';

/** What a copy would do, for a person: the source, and each target with its tag, blobs and manifests. */
export function planText(plan: CopyPlan): string[] {
  const { reference, digest = 'unknown', mediaType, size } = plan.source;
  const facts = [mediaType, size === undefined ? undefined : formatBytes(size)].filter(
    (fact) => fact !== undefined,
  );
  return [
    `source ${reference}`,
    `  digest     ${digest}`,
    ...(facts.length > 0 ? [`  manifest   ${facts.join(', ')}`] : []),
    ...plan.targets.flatMap((target) => targetPlanText(target, digest)),
    ...(plan.expected === undefined
      ? []
      : [`requests about ${plan.expected.source} at the source, ${plan.expected.target} at the targets`]),
    NOTHING_WRITTEN,
  ];
}

function targetPlanText(target: TargetPlan, digest: string): string[] {
  const { blobs, bytes, manifests } = target;
  const heading = `target ${target.reference}`;
  if (target.error !== undefined) return [heading, `  failed     ${advised(target.error, true)}`];
  const foreign = blobs.foreign > 0 ? `, ${blobs.foreign} foreign left where they are` : '';
  return [
    heading,
    `  now        ${tagMove(target, digest)}`,
    `  blobs      copy ${blobs.copy} (${formatBytes(bytes.copy)}), mount ${blobs.mount} (${formatBytes(bytes.mount)}), skip ${blobs.skip} (${formatBytes(bytes.skip)})${foreign}`,
    `  manifests  copy ${manifests.copy}, skip ${manifests.skip}`,
  ];
}

function tagMove(target: TargetPlan, digest: string): string {
  if (!target.changed) return `${digest}, stays`;
  return `${previousText(target)}, becomes ${digest}`;
}
