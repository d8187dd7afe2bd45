import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../copy/report.js';
import { RegferryError, detailsOf, isRegferryError } from '../errors.js';
import type { ContentSource } from '../content/store.js';
import type { Address } from '../place/address.js';
import { CopyError, runReported } from './copy.js';
import { expectedRequests } from './expected-requests.js';
import { addressOf, wantedOf, type SourceImage, type TargetImage, type Wanted } from './images.js';
import type { CopyOptions } from './options.js';

/** Thrown when a plan could not be made for the source or for any target. */
export class PlanError extends RegferryError {
  override readonly name: string = 'PlanError';
  /** What could be found out all the same. */
  readonly report: CopyPlan;

  constructor(error: RegferryError, report: CopyPlan) {
    super(error.code, error.message, { ...detailsOf(error), cause: error });
    this.report = report;
  }
}

/**
 * What {@link copy} would do with the same arguments: which blobs it would copy, mount and skip, how many bytes and
 * requests, and which tags would move. Asks the registries, writes nothing. `apply` does it later, if nothing has moved
 * by then. Throws {@link PlanError} as `copy` throws CopyError.
 */
export async function plan(
  source: SourceImage,
  targets: TargetImage | readonly TargetImage[],
  options: CopyOptions = {},
): Promise<CopyPlan> {
  return planned(addressOf(source), wantedOf(targets), options, false);
}

/** The plan of a copy, or of a promotion, in which no tag moves before all content is everywhere. */
export async function planned(
  source: Address<ContentSource>,
  wanted: readonly Wanted[],
  options: CopyOptions,
  allOrNothing: boolean,
): Promise<CopyPlan> {
  const planOf = (report: CopyReport): CopyPlan => ({
    ...report,
    targets: report.targets.map(targetPlan),
    ...(options.platform === undefined ? {} : { platform: options.platform }),
    includeForeign: options.includeForeign ?? false,
    allOrNothing,
    expected: expectedRequests(report.targets, allOrNothing || options.guards !== undefined),
  });
  try {
    return planOf(await runReported(source, wanted, options, { dryRun: true, allOrNothing }));
  } catch (error) {
    throw planFailure(error, planOf);
  }
}

/** What to throw where a dry run threw `error`: a {@link PlanError} with what could be found out. */
export function planFailure(error: unknown, planOf: (report: CopyReport) => CopyPlan): unknown {
  return error instanceof CopyError ? new PlanError(causeOf(error), planOf(error.report)) : error;
}

function causeOf(error: CopyError): RegferryError {
  return isRegferryError(error.cause) ? error.cause : error;
}

/** What a dry run says of one target. */
export function targetPlan(report: TargetReport): TargetPlan {
  const { reference, digest, changed, blobs, manifests, bytes, error, previous } = report;
  return {
    reference,
    ...(digest === undefined ? {} : { digest }),
    changed,
    ...(previous === undefined ? {} : { previous }),
    blobs: { copy: blobs.copied, mount: blobs.mounted, skip: blobs.skipped, foreign: blobs.foreign },
    manifests: { copy: manifests.copied, skip: manifests.skipped },
    bytes: { copy: bytes.copied, mount: bytes.mounted, skip: bytes.skipped },
    ...(error === undefined ? {} : { error }),
  };
}
