import { emptyTargetReport, type CopyReport, type TargetReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import { parseDigest } from '../spec/digest.js';
import type { ApplyOptions } from './apply.js';
import { CopyError, failureOf, runReported } from './copy.js';
import { eitherSide } from './promote.js';
import type { RecordedTags } from './recorded.js';
import { lookAtTags, removeTags, type Removed } from './removals.js';
import { checkRepeat } from './repeat.js';
import { Session } from './session.js';
import { recordedOf, taskOf, type PlacedTag, type Step, type Task } from './undo-task.js';

/** Options of {@link undo}: how to reach the registries of the tags; what `source` and `target` say goes for both sides. */
export interface UndoOptions extends ApplyOptions {
  /**
   * Delete the tags that were absent before, by name, where the registry can and if they still are what the receipt says.
   * Asks for the scope `delete`, which nothing else does. @default false: they are left
   */
  readonly deleteNewTags?: boolean | undefined;
  /** Look at everything, write nothing: `changed` says what would be. @default false */
  readonly dryRun?: boolean | undefined;
}

/** What an undo did, tag by tag: those that the recorded run had moved. */
export interface UndoReport extends CopyReport {
  /** Tags that were absent before, and are left as they are. */
  readonly left: readonly string[];
  /** Tags that the recorded run had not moved: there is nothing to put back. */
  readonly unmoved: readonly string[];
}

/**
 * Puts the tags that a receipt says have moved back to where they were. Nothing is written unless each of them is still
 * what the receipt says (or is back already; else E_GUARD) and all that they were is still there (else E_NOT_FOUND).
 * A tag that was absent before is left as it is, whatever it is now, which is told and no failure, or deleted where
 * `deleteNewTags` says so (E_UNSUPPORTED where the registry cannot). One of which it is not known what it was is
 * E_UNSUPPORTED; neither that nor one that is left and cannot be looked at keeps the others from being put back. Throws
 * CopyError when anything failed.
 */
export async function undo(receipt: RecordedTags, given: UndoOptions = {}): Promise<UndoReport> {
  const { deleteNewTags = false, dryRun = false, ...rest } = given;
  const side = eitherSide(rest.source, rest.target);
  const options = { ...rest, source: side, target: side };
  const task = taskOf(receipt, deleteNewTags);
  await refuseSharedLogin(task.moved, options);
  if (options.repeatOf !== undefined) checkRepeat(options.repeatOf, recordedOf(task));
  // What is left is looked at for what is told of it, and keeps nothing from being put back.
  const looked = task.kept.length === 0 ? [] : [await lookAtTags(task.kept, options)];
  const done = await work(task, options, dryRun);
  const outcomes = [...done.outcomes, ...looked.flatMap(({ targets }) => targets)];
  const reports = [...done.reports, ...looked];
  const targets = task.moved.map((tag) => outcomeOf(tag, outcomes, task));
  const report: UndoReport & { ok: boolean } = {
    ok: true,
    source: sourceOf(task.steps, reports),
    targets,
    left: targets.filter(({ left }) => left === true).map(({ reference }) => reference),
    unmoved: task.unmoved.map(({ reference }) => reference),
    ...(dryRun ? { dryRun } : {}),
    ...totalsOf(reports),
  };
  const failure = failureOfUndo(report, task);
  if (failure === undefined) return report;
  report.ok = false;
  throw new CopyError(failure, report);
}

type Part = Removed & Partial<CopyReport>;

/** Takes the steps, then deletes; everything is looked at before the first of several is written. */
async function work(
  { steps, removals }: Task,
  options: ApplyOptions,
  dryRun: boolean,
): Promise<{ readonly outcomes: readonly TargetReport[]; readonly reports: readonly Part[] }> {
  const reports: Part[] = [];
  const pass = async (dry: boolean): Promise<readonly TargetReport[]> => {
    const taken = await takeAll(steps, options, dry);
    reports.push(...taken);
    const stopped = !dry && taken.some(({ ok }) => !ok);
    const removed = removals.length === 0 || stopped ? undefined : await removeTags(removals, options, dry);
    if (removed !== undefined) reports.push(removed);
    return [...taken, ...(removed === undefined ? [] : [removed])].flatMap(({ targets }) => targets);
  };
  // What one step has written is not taken back when the next one fails, so all of them are tried dry first.
  if (dryRun || steps.length + removals.length > 1) {
    const looked = await pass(true);
    const failed = looked.filter(({ error }) => error !== undefined);
    if (dryRun || failed.length > 0) return { outcomes: dryRun ? looked : failed, reports };
  }
  return { outcomes: await pass(false), reports };
}

/** A login goes to one registry, though each step is a call by itself. Throws E_USAGE. */
async function refuseSharedLogin(tags: readonly PlacedTag[], options: ApplyOptions): Promise<void> {
  const session = new Session(options);
  await session.run(() => {
    session.checkTargets(tags.map(({ address }) => address));
    return Promise.resolve();
  });
}

/** Step by step; what is written for good ends with the first that fails. */
async function takeAll(
  steps: readonly Step[],
  options: ApplyOptions,
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

async function take(step: Step, options: ApplyOptions, dryRun: boolean): Promise<CopyReport> {
  const wanted = step.tags.map(({ address, digest }) => ({
    address: address.named({ tag: address.tag }),
    guard: { is: digest === null ? null : parseDigest(digest), orDone: true },
  }));
  try {
    return await runReported(step.source, wanted, options, { dryRun, allOrNothing: true });
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
  const message = `${reference} cannot be put back, and was left as it is: ${step.source.toString()} is gone`;
  return new RegferryError('E_NOT_FOUND', message, { side: 'target', cause });
}

function outcomeOf(tag: PlacedTag, outcomes: readonly TargetReport[], task: Task): TargetReport {
  const { reference, previous } = tag;
  const found = outcomes.find((outcome) => outcome.reference === reference);
  if (found !== undefined) return found;
  const empty = emptyTargetReport(reference);
  if (typeof previous === 'string' || task.removals.some((removal) => removal.reference === reference)) {
    const failed = outcomes.find(({ error }) => error !== undefined);
    const message = `${reference} was left as it is, because of ${failed?.reference ?? 'another tag'}`;
    const error = new RegferryError(failed?.error?.code ?? 'E_GUARD', message, {
      side: 'target',
      cause: failed?.error,
    });
    return { ...empty, ...(typeof previous === 'string' ? { digest: previous } : {}), error };
  }
  const message = `${reference} is left as it is: what it was before is not in the receipt`;
  return { ...empty, error: new RegferryError('E_UNSUPPORTED', message) };
}

/** Tags that cannot be put back or deleted count only if all of those that can be were put back. */
function failureOfUndo(report: CopyReport, { steps, kept }: Task): RegferryError | undefined {
  const restorable = new Set(steps.flatMap(({ tags }) => tags).map(({ reference }) => reference));
  const leftAlone = new Set(kept.map(({ reference }) => reference));
  const canBe = ({ reference, error }: TargetReport): boolean =>
    restorable.has(reference) ||
    (error !== undefined && error.code !== 'E_UNSUPPORTED' && !leftAlone.has(reference));
  const failure = failureOf({ ...report, targets: report.targets.filter(canBe) }, true);
  if (failure !== undefined) return failure;
  const failed = report.targets.filter((target) => !canBe(target) && target.error !== undefined);
  const [first] = failed;
  if (failed.length <= 1) return first?.error;
  const code = failed.every(({ error }) => error?.code === first?.error?.code)
    ? first?.error?.code
    : undefined;
  const which = failed.map(({ reference }) => reference).join(', ');
  const message = `${failed.length} of ${report.targets.length} tags were left as they are: ${which}`;
  return new RegferryError(code ?? 'E_PARTIAL', message, { cause: first?.error });
}

function sourceOf(steps: readonly Step[], reports: readonly Part[]): CopyReport['source'] {
  const only = reports.find(({ source }) => source !== undefined)?.source;
  if (steps.length === 1 && only !== undefined) return only;
  return { reference: steps.map(({ source }) => source.toString()).join(', ') };
}

function totalsOf(reports: readonly Part[]): Pick<CopyReport, 'requests' | 'retries' | 'durationMs'> {
  const sum = (of: (report: Part) => number): number =>
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
