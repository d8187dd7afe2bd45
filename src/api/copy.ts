import type { ContentSource } from '../content/store.js';
import type { CopyJob, CopyTarget, SourceGuard } from '../copy/job.js';
import type { CopyReport, TargetReport } from '../copy/report.js';
import { runCopy, type CopyOutcome } from '../copy/run.js';
import { RegferryError, detailsOf, type ErrorCode } from '../errors.js';
import type { Address, OpenedImage } from '../place/address.js';
import { parsePlatform } from '../spec/platform.js';
import { withNearTags } from './near-tags.js';
import { parseGuards } from './guards.js';
import type { CopyOptions } from './options.js';
import {
  addressOf,
  assumedNote,
  openTargets,
  wantedOf,
  type SourceImage,
  type TargetImage,
  type Wanted,
} from './images.js';
import type { SessionOptions } from './session-options.js';
import { Session } from './session.js';

/** Thrown when a copy failed at the source or at any target. Its code is the common one, or E_PARTIAL. */
export class CopyError extends RegferryError {
  override readonly name: string = 'CopyError';
  /** What happened all the same: targets that succeeded are in it too. */
  readonly report: CopyReport;

  constructor(error: RegferryError, report: CopyReport) {
    super(error.code, error.message, { ...detailsOf(error), cause: error });
    this.report = report;
  }
}

/**
 * Copies an image, or a whole index with all that it names, to one or more targets: same bytes, same digests, only what
 * is missing, tags last, and proved by reading them back.
 *
 * References are `[registry/]repository[:tag][@digest]` by Docker's rules, or `oci:FOLDER[:tag|@digest]`. A target
 * without a tag takes the source's. Throws {@link CopyError} when anything failed, with the report of what was done, and
 * RegferryError (E_USAGE, E_REFERENCE, E_CONFIG, E_LAYOUT) before anything was asked when the arguments are wrong.
 */
export async function copy(
  source: SourceImage,
  targets: TargetImage | readonly TargetImage[],
  options: CopyOptions = {},
): Promise<CopyReport> {
  return runReported(addressOf(source), wantedOf(targets), options);
}

/** What decides about a run besides the options of its call. */
export interface RunMode {
  /** Ask everything, write nothing. @default false */
  readonly dryRun?: boolean;
  /** Move no tag before all content is everywhere. @default false */
  readonly allOrNothing?: boolean;
  /** Throws what keeps an image of this digest from being copied; called before anything is written. */
  readonly check?: SourceGuard['check'];
}

/** The work of {@link copy} and its kin. The other options are for tests. */
export async function runReported(
  source: Address<ContentSource>,
  wanted: readonly Wanted[],
  options: CopyOptions & Pick<SessionOptions, 'sleep' | 'now' | 'answerTimeoutMs'>,
  mode: RunMode = {},
): Promise<CopyReport> {
  const { dryRun = false, allOrNothing = false, check } = mode;
  const platform = options.platform === undefined ? undefined : parsePlatform(options.platform);
  const guards = parseGuards(options.guards);
  const session = new Session(options);
  return session.run(async () => {
    const from = await source.find(session.opening('source'));
    const to = await openTargets(session, from, wanted, dryRun);
    const engine = session.engineOptions();
    const teller = tellingOnce(from, platform === undefined, engine.emit);
    const job: CopyJob = {
      ...engine,
      emit: (event) => {
        engine.emit(event);
        if (event.type === 'resolved') teller(event.descriptor.digest);
      },
      source: from.store,
      key: from.key,
      targets: to.map((target) => ({ ...target, guard: target.guard ?? guards.target })),
      platform,
      includeForeign: options.includeForeign ?? false,
      sourceGuard: check === undefined ? guards.source : { ...guards.source, check },
      allOrNothing,
      dryRun,
    };
    const outcome = await told(await runCopy(job), from, session);
    // A HEAD may have been all that was needed.
    if (outcome.root !== undefined) teller(outcome.root.digest);
    const report = reportOf(session, from, to, outcome);
    const failure = failureOf(report, allOrNothing);
    if (failure !== undefined) throw new CopyError(failure, report);
    return report;
  });
}

/** The outcome, with what there is in place of a tag that the source does not have. */
async function told(outcome: CopyOutcome, from: OpenedImage, session: Session): Promise<CopyOutcome> {
  const { error } = outcome;
  if (error === undefined) return outcome;
  return { ...outcome, error: await withNearTags(error, from, session.signal) };
}

/** Tells what a source without a tag is, once it is known and before anything is written. */
function tellingOnce(from: OpenedImage, isWhole: boolean, emit: CopyJob['emit']): (digest: string) => void {
  let isTold = false;
  return (digest) => {
    const message = assumedNote(from, isWhole ? digest : undefined);
    if (message !== undefined && !isTold) emit({ type: 'note', message });
    isTold = true;
  };
}

function reportOf(
  session: Session,
  from: OpenedImage,
  to: readonly CopyTarget[],
  outcome: CopyOutcome,
): CopyReport {
  const { root, error } = outcome;
  const targets = [...outcome.targets];
  return {
    ok:
      error === undefined &&
      targets.every((target) => target.error === undefined) &&
      targets.length === to.length,
    source: {
      reference: from.reference,
      ...(root === undefined ? {} : { digest: root.digest, mediaType: root.mediaType, size: root.size }),
    },
    targets,
    ...(error === undefined ? {} : { error }),
    ...session.totals(),
  };
}

/** The error of a run as a whole: the source's, the one that all targets share, or E_PARTIAL. */
export function failureOf(report: CopyReport, allOrNothing: boolean): RegferryError | undefined {
  if (report.error !== undefined) return report.error;
  const failed = report.targets.filter(hasError);
  const reasons = failed.filter((target) => !failed.some(({ error }) => error === target.error.cause));
  const first = reasons[0]?.error;
  if (first === undefined) return undefined;
  const alike = reasons.every(({ error }) => error.code === first.code);
  const untouched = report.targets.every(({ changed }) => !changed);
  // What was right before is no success of a run that one of its targets has stopped for all.
  const stopped = untouched && (allOrNothing || first.code === 'E_GUARD');
  if (!alike || (failed.length < report.targets.length && !stopped)) {
    return several('E_PARTIAL', failed, report);
  }
  return reasons.length === 1 ? first : several(first.code, failed, report);
}

type FailedTarget = TargetReport & { readonly error: RegferryError };

function several(code: ErrorCode, failed: readonly FailedTarget[], report: CopyReport): RegferryError {
  const which = failed.map(({ reference }) => reference).join(', ');
  const error = new RegferryError(
    code,
    `${failed.length} of ${report.targets.length} targets failed: ${which}`,
    { cause: failed[0]?.error },
  );
  report.error = error;
  return error;
}

function hasError(target: TargetReport): target is FailedTarget {
  return target.error !== undefined;
}
