import type { RegferryError } from '../errors.js';
import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../copy/report.js';
import { printable } from '../spec/printable.js';
import { advised } from './advice.js';
import type { Failure } from './command.js';
import { exitCode } from './exit-codes.js';

// What JSON leaves as it is and terminals act on: DEL and C1, line separators, marks and overrides that reorder text.
// And `##[`, which runners of GitHub Actions take for a command wherever it stands.
const ACTIVE = /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|#(?=\[)/g;

/** The document as it is written: indented for people, with every character escaped that a terminal would act on. */
export function jsonText(document: object): string {
  return JSON.stringify(document, null, 2).replace(
    ACTIVE,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** An error in a JSON document. */
export interface ErrorDocument {
  readonly code: string;
  readonly exit: number;
  readonly side?: string | undefined;
  readonly message: string;
}

/**
 * An error for a JSON document of a command with one side or two, with the exit code that it has of itself or the one
 * that is given.
 */
export function errorDocument(
  error: RegferryError,
  twoSided: boolean,
  exit: number = exitCode(error.code),
): ErrorDocument {
  return { code: error.code, exit, side: error.side, message: printable(advised(error, twoSided), 2000) };
}

/** The document of a copy. */
export function copyDocument(report: CopyReport, failure?: Failure): object {
  const { left, unmoved, dryRun } = report;
  return { ...documentOf(report, report.targets.map(targetDocument), failure), left, unmoved, dryRun };
}

/** The document of a dry run: that of a copy, with what would be done in place of what was. */
export function planDocument(plan: CopyPlan, failure?: Failure): object {
  const { expected } = plan;
  return { ...documentOf(plan, plan.targets.map(targetPlanDocument), failure), dryRun: true, expected };
}

/** The document of a copy that failed before there was anything to report. */
export function emptyCopyDocument(source: string | undefined, failure: Failure): object {
  const report: CopyReport = {
    ok: false,
    source: { reference: source ?? '' },
    targets: [],
    requests: { source: 0, target: 0 },
    retries: 0,
    durationMs: 0,
  };
  return copyDocument(report, failure);
}

function documentOf(report: CopyReport | CopyPlan, targets: object[], failure: Failure | undefined): object {
  const { reference, digest, mediaType, size } = report.source;
  const own = report.error === undefined ? undefined : errorDocument(report.error, true);
  return {
    ok: report.ok && failure === undefined,
    source: { reference, digest, mediaType, size },
    targets,
    error: failure === undefined ? own : errorDocument(failure.error, true, failure.exit),
    requests: { source: report.requests.source, target: report.requests.target },
    retries: report.retries,
    durationMs: Math.round(report.durationMs),
  };
}

function targetDocument(target: TargetReport): object {
  const { reference, digest, changed, previous, blobs, manifests, bytes, verified, error } = target;
  const { unsure, left, movedSince, deleted } = target;
  return {
    reference,
    digest,
    changed,
    previous,
    blobs,
    manifests,
    bytes,
    verified,
    unsure,
    left,
    movedSince,
    deleted,
    error: error === undefined ? undefined : errorDocument(error, true),
  };
}

function targetPlanDocument(target: TargetPlan): object {
  const { reference, digest, changed, previous, blobs, manifests, bytes, error } = target;
  return {
    reference,
    digest,
    changed,
    previous,
    blobs,
    manifests,
    bytes,
    error: error === undefined ? undefined : errorDocument(error, true),
  };
}
