import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../copy/report.js';
import { RegferryError, detailsOf, isRegferryError } from '../errors.js';
import { CopyError, runReported } from './copy.js';
import type { SourceImage, TargetImage } from './images.js';
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
 * What {@link copy} would do with the same arguments: which blobs it would copy, mount and skip, how many bytes, and
 * which tags would move. Asks the registries, writes nothing. Throws {@link PlanError} as `copy` throws CopyError.
 */
export async function plan(
  source: SourceImage,
  targets: TargetImage | readonly TargetImage[],
  options: CopyOptions = {},
): Promise<CopyPlan> {
  try {
    return planOf(await runReported(source, targets, options, true));
  } catch (error) {
    if (error instanceof CopyError) throw new PlanError(causeOf(error), planOf(error.report));
    throw error;
  }
}

function causeOf(error: CopyError): RegferryError {
  return isRegferryError(error.cause) ? error.cause : error;
}

function planOf(report: CopyReport): CopyPlan {
  return { ...report, targets: report.targets.map(targetPlan) };
}

function targetPlan(report: TargetReport): TargetPlan {
  const { reference, changed, blobs, manifests, bytes, error, previous } = report;
  return {
    reference,
    changed,
    ...(previous === undefined ? {} : { previous }),
    blobs: { copy: blobs.copied, mount: blobs.mounted, skip: blobs.skipped, foreign: blobs.foreign },
    manifests: { copy: manifests.copied, skip: manifests.skipped },
    bytes: { copy: bytes.copied, mount: bytes.mounted, skip: bytes.skipped },
    ...(error === undefined ? {} : { error }),
  };
}
