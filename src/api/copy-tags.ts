import { runAllTags, type TagsOutcome } from '../copy/all-tags.js';
import type { CopyPlan, CopyReport, TargetReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import { tagFilter } from '../spec/tag-glob.js';
import { CopyError } from './copy.js';
import { parseGuards } from './guards.js';
import type { CopyTagsOptions } from './options.js';
import { planFailure, targetPlan } from './plan.js';
import { openRepositories, type SourceRepository, type TargetRepository } from './repositories.js';
import type { SessionOptions } from './session-options.js';
import { Session } from './session.js';

/**
 * Copies every tag of a repository, or those that the patterns `tags` and `excludeTags` leave, to one or more
 * repositories: `copyTags('docker.io/library/alpine', 'r.example.com/mirror/alpine', { tags: ['3.*'] })`. Each tag is
 * copied as {@link copy} does it, many at a time, and what several share moves once; a tag that is there already costs
 * one HEAD a side. Tags that only a target has are left alone.
 *
 * The report has one entry a tag and target, in the order in which the source lists its tags; a blob counts in the entry
 * of the tag that brought it. A tag that fails does not stop the others: {@link CopyError} is thrown at the end, with the
 * code that all have in common if all have failed, else E_PARTIAL. E_NOT_FOUND if no tag is to be copied; RegferryError
 * (E_USAGE, E_REFERENCE, E_LAYOUT) before anything was asked when the arguments are wrong.
 */
export async function copyTags(
  source: SourceRepository,
  targets: TargetRepository | readonly TargetRepository[],
  options: CopyTagsOptions = {},
): Promise<CopyReport> {
  return runTags(source, targets, options, false);
}

/** What {@link copyTags} would do with the same arguments. Writes nothing. Throws PlanError as `copyTags` throws CopyError. */
export async function planTags(
  source: SourceRepository,
  targets: TargetRepository | readonly TargetRepository[],
  options: CopyTagsOptions = {},
): Promise<CopyPlan> {
  const planOf = (report: CopyReport): CopyPlan => ({
    ...report,
    targets: report.targets.map(targetPlan),
    includeForeign: options.includeForeign ?? false,
  });
  try {
    return planOf(await runTags(source, targets, options, true));
  } catch (error) {
    throw planFailure(error, planOf);
  }
}

/** The work of {@link copyTags} and {@link planTags}. The other options are for tests. */
export async function runTags(
  source: SourceRepository,
  targets: TargetRepository | readonly TargetRepository[],
  options: CopyTagsOptions & Pick<SessionOptions, 'sleep' | 'now' | 'answerTimeoutMs'>,
  dryRun: boolean,
): Promise<CopyReport> {
  const selects = tagFilter(options.tags ?? [], options.excludeTags ?? []);
  const { target: guard } = parseGuards(options.guards);
  const session = new Session(options);
  return session.run(async () => {
    const to = isList(targets) ? targets : [targets];
    const opened = await openRepositories(session, source, to, dryRun);
    const outcome = await runAllTags({
      ...session.engineOptions(),
      source: opened.source,
      targets: opened.targets,
      selects,
      guard,
      includeForeign: options.includeForeign ?? false,
      dryRun,
    });
    const report = reportOf(session, opened.name, outcome);
    const failure = failureOf(report, opened.targets.length);
    if (failure !== undefined) throw new CopyError(failure, report);
    return report;
  });
}

function reportOf(session: Session, reference: string, { targets, error }: TagsOutcome): CopyReport {
  return {
    ok: error === undefined && targets.every((target) => target.error === undefined),
    source: { reference },
    targets: [...targets],
    ...(error === undefined ? {} : { error }),
    ...session.totals(),
  };
}

/** The error of a run as a whole: why tags may be missing, or what all have in common, or E_PARTIAL. */
function failureOf(report: CopyReport, repositories: number): RegferryError | undefined {
  if (report.error !== undefined) return report.error;
  const errors = report.targets.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const [first] = errors;
  if (first === undefined || report.targets.length === 1) return first;
  const isCommon = errors.length === report.targets.length && errors.every(({ code }) => code === first.code);
  const error = new RegferryError(
    isCommon ? first.code : 'E_PARTIAL',
    failuresText(report.targets, repositories),
    { cause: first },
  );
  report.error = error;
  return error;
}

/** `2 of 5 tags failed`, and at how many of several targets. Each tag has a report for each target, one after the other. */
function failuresText(targets: readonly TargetReport[], repositories: number): string {
  const failed = targets.flatMap(({ error }, at) => (error === undefined ? [] : [at]));
  const tags = new Set(failed.map((at) => Math.floor(at / repositories)));
  const places = new Set(failed.map((at) => at % repositories));
  const where = repositories === 1 ? '' : `, at ${places.size} of ${repositories} targets`;
  return `${tags.size} of ${targets.length / repositories} tags failed${where}`;
}

function isList(
  targets: TargetRepository | readonly TargetRepository[],
): targets is readonly TargetRepository[] {
  return Array.isArray(targets);
}
