import { emptyTargetReport, type CopyReport, type TargetReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import { parseDigest } from '../spec/digest.js';
import { formatLocation, parseLocation } from '../spec/location.js';
import type { ApplyOptions } from './apply.js';
import { CopyError, failureOf, runReported } from './copy.js';
import { printedReference } from './images.js';
import { eitherSide } from './promote.js';
import type { RecordedTag, RecordedTags } from './receipt-file.js';
import { Session } from './session.js';

/** Options of {@link undo}: how to reach the registries of the tags; what `source` and `target` say goes for both. */
export type UndoOptions = ApplyOptions;

/**
 * Puts the tags that a receipt says have moved back to where they were. Nothing is written unless each of them is still
 * what the receipt says (or is back already; else E_GUARD) and all that they were is still there (else E_NOT_FOUND).
 * A tag that was absent before is left as it is, with E_UNSUPPORTED, and does not keep the others from being put back:
 * registries cannot delete a tag alone. Throws CopyError when anything was left or failed.
 */
export async function undo(receipt: RecordedTags, given: UndoOptions = {}): Promise<CopyReport> {
  const moved = receipt.predicate.tags
    .filter(({ changed }) => changed)
    .map((tag) => ({ ...tag, reference: printedReference(tag.reference) }));
  const side = eitherSide(given.source, given.target);
  const options = { ...given, source: side, target: side };
  await refuseSharedLogin(moved, options);
  const steps = stepsOf(moved);
  // What one step has written is not taken back when the next one fails, so all of them are tried dry first.
  const rehearsed = steps.length > 1 ? await takeAll(steps, options, true) : [];
  const isSound = rehearsed.every(({ ok }) => ok);
  const done = isSound ? await takeAll(steps, options, false) : [];
  const outcomes = (isSound ? done : rehearsed.filter(({ ok }) => !ok)).flatMap(({ targets }) => targets);
  const report: CopyReport = {
    ok: true,
    source: sourceOf(steps, [...rehearsed, ...done]),
    targets: moved.map((tag) => outcomeOf(tag, outcomes)),
    ...totalsOf([...rehearsed, ...done]),
  };
  const failure = failureOfUndo(
    report,
    new Set(steps.flatMap(({ tags }) => tags).map(({ reference }) => reference)),
  );
  if (failure === undefined) return report;
  report.ok = false;
  throw new CopyError(failure, report);
}

/** One image to go back to, and the tags of its repository that were it. */
interface Step {
  readonly source: string;
  readonly tags: RecordedTag[];
}

function stepsOf(tags: readonly RecordedTag[]): readonly Step[] {
  const steps = new Map<string, Step>();
  for (const tag of tags) {
    if (typeof tag.previous !== 'string') continue;
    const source = inSameRepository(tag.reference, tag.previous);
    const step = steps.get(source);
    if (step === undefined) steps.set(source, { source, tags: [tag] });
    else step.tags.push(tag);
  }
  return [...steps.values()];
}

function inSameRepository(reference: string, text: string): string {
  const digest = parseDigest(text);
  const location = parseLocation(reference);
  if (location.kind === 'layout') {
    return formatLocation({ kind: 'layout', folder: location.folder, digest });
  }
  const { registry, repository } = location.reference;
  return formatLocation({ kind: 'registry', reference: { registry, repository, digest } });
}

/** A login goes to one registry, though each step is a call by itself. Throws E_USAGE. */
async function refuseSharedLogin(tags: readonly RecordedTag[], options: UndoOptions): Promise<void> {
  const session = new Session(options);
  try {
    session.checkTargets(tags.map(({ reference }) => parseLocation(reference)));
  } finally {
    await session.close();
  }
}

/** Step by step; what is written for good ends with the first that fails. */
async function takeAll(
  steps: readonly Step[],
  options: UndoOptions,
  dryRun: boolean,
): Promise<readonly CopyReport[]> {
  const reports: CopyReport[] = [];
  for (const step of steps) {
    const report = await take(step, options, dryRun);
    reports.push(report);
    if (!report.ok && !dryRun) break;
  }
  return reports;
}

async function take(step: Step, options: UndoOptions, dryRun: boolean): Promise<CopyReport> {
  const references = step.tags.map(({ reference }) => reference);
  const bound = new Map(
    step.tags.map(({ reference, digest }) => [reference, { is: parseDigest(digest), orDone: true }] as const),
  );
  const mode = { dryRun, allOrNothing: true, bound };
  try {
    return await runReported(step.source, references, options, mode);
  } catch (error) {
    if (!(error instanceof CopyError)) throw error;
    const { report } = error;
    const cause = report.error;
    // What could not be read at the source is why none of the tags was put back.
    if (report.targets.every((target) => target.error === undefined) && cause !== undefined) {
      for (const target of report.targets) target.error = unreadable(step, target.reference, cause);
    }
    return report;
  }
}

function unreadable(step: Step, reference: string, cause: RegferryError): RegferryError {
  if (cause.code !== 'E_NOT_FOUND') return cause;
  const message = `${reference} cannot be put back, and was left as it is: ${step.source} is gone`;
  return new RegferryError('E_NOT_FOUND', message, { side: 'target', cause });
}

function outcomeOf(tag: RecordedTag, outcomes: readonly TargetReport[]): TargetReport {
  const { reference, previous } = tag;
  const found = outcomes.find((outcome) => outcome.reference === reference);
  if (found !== undefined) return found;
  if (typeof previous === 'string') {
    const failed = outcomes.find(({ error }) => error !== undefined);
    const message = `${reference} was left as it is, because of ${failed?.reference ?? 'another tag'}`;
    const error = new RegferryError(failed?.error?.code ?? 'E_GUARD', message, {
      side: 'target',
      cause: failed?.error,
    });
    return { ...emptyTargetReport(reference), digest: previous, error };
  }
  const message =
    previous === null
      ? `${reference} was absent before, and is left as it is: registries cannot delete a tag alone`
      : `${reference} is left as it is: what it was before is not known`;
  return { ...emptyTargetReport(reference), error: new RegferryError('E_UNSUPPORTED', message) };
}

/** Tags that cannot be put back count only if all of those that can be were. */
function failureOfUndo(report: CopyReport, restorable: ReadonlySet<string>): RegferryError | undefined {
  const canBe = ({ reference }: TargetReport): boolean => restorable.has(reference);
  const failure = failureOf({ ...report, targets: report.targets.filter(canBe) }, true);
  if (failure !== undefined) return failure;
  const left = report.targets.filter((target) => !canBe(target));
  if (left.length <= 1) return left[0]?.error;
  const which = left.map(({ reference }) => reference).join(', ');
  const message = `${left.length} of ${report.targets.length} tags cannot be put back, and were left as they are: ${which}`;
  return new RegferryError('E_UNSUPPORTED', message, { cause: left[0]?.error });
}

function sourceOf(steps: readonly Step[], reports: readonly CopyReport[]): CopyReport['source'] {
  const [only] = reports;
  if (steps.length === 1 && only !== undefined) return only.source;
  return { reference: steps.map(({ source }) => source).join(', ') };
}

function totalsOf(reports: readonly CopyReport[]): Pick<CopyReport, 'requests' | 'retries' | 'durationMs'> {
  const sum = (of: (report: CopyReport) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  return {
    requests: {
      source: sum(({ requests }) => requests.source),
      target: sum(({ requests }) => requests.target),
    },
    retries: sum(({ retries }) => retries),
    durationMs: sum(({ durationMs }) => durationMs),
  };
}
