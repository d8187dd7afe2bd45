import type { CommonOptions, CopyOptions } from '../api/options.js';
import type { RegferryEvent } from '../copy/events.js';
import type { CopyPlan, CopyReport, TargetReport } from '../copy/report.js';
import { toRegferryError } from '../errors.js';
import type { Api } from './api.js';
import type { Call, Failure } from './command.js';
import { errorLine, reportOf } from './failure.js';
import { copyDocument, emptyCopyDocument, jsonText, planDocument } from './json.js';
import type { OptionsOf, Values } from './option.js';
import {
  type ConnectionOptions,
  connectionOptions,
  type OutputOptions,
  outputOptions,
  type TransferOptions,
  transferOptions,
} from './options.js';
import type { Progress } from './progress/display.js';
import { progressStyle, startProgress } from './progress/progress.js';
import { requestOptions } from './request-options.js';
import { type Prefixed, type SideValues, sourceOptions, targetOptions } from './side-options.js';
import { readSides } from './sides.js';
import { planText, targetLine, targetSummary } from './summary.js';
import { readReplaceable, WholeFile } from './whole-file.js';

/** Options of every command that copies. */
export interface CopyingValues
  extends Prefixed<'from-' | 'to-', SideValues>, ConnectionOptions, TransferOptions, OutputOptions {}

/** Options of every command that copies. */
export const copyingOptions: OptionsOf<CopyingValues> = {
  ...sourceOptions,
  ...targetOptions,
  ...connectionOptions,
  ...transferOptions,
  ...outputOptions,
};

/** The options of the library's call. Throws E_USAGE for logins that contradict each other. */
export async function copyingCall(
  call: Call,
  values: Values<CopyingValues>,
): Promise<{ readonly api: Api; readonly options: CopyOptions }> {
  const { source, target } = await readSides(call);
  const api = await call.loadApi();
  const { concurrency, 'chunk-size': chunkSize } = values;
  return { api, options: { ...requestOptions(call, values, api), source, target, concurrency, chunkSize } };
}

/** The JSON document of a command that copies and failed. */
export function copyingFailure([source]: readonly string[], failure: Failure): object {
  const carried = reportOf(failure.thrown);
  if (carried === undefined) return emptyCopyDocument(source, failure);
  if (carried.kind === 'plan') return planDocument(carried.report, failure);
  return copyDocument(carried.report, failure);
}

/** How a command that copies does its work, and tells of it. */
export interface Copying<O> {
  readonly work: (options: O) => Promise<CopyReport>;
  /** What stderr says about a target that has the image. @default what was copied */
  readonly summary?: (target: TargetReport, report: CopyReport) => string | undefined;
  /** What stderr says of all targets together, after that. */
  readonly overall?: (report: CopyReport) => string;
  /** What stderr says in the end, of what nothing was done with. */
  readonly rest?: (report: CopyReport) => string[];
  /** What stdout says after a dry run. */
  readonly plan?: (report: CopyReport) => string[];
  /** Keeps a record of what was done, also of what was done before a failure. Throws what kept it from that. */
  readonly record?: (report: CopyReport) => Promise<void>;
}

/** Copies, with progress on stderr while it goes, and tells the results. Throws what went wrong. */
export async function runCopying<O extends CommonOptions>(
  call: Call,
  values: Values<CopyingValues>,
  options: O,
  copying: Copying<O>,
): Promise<void> {
  const progress = progressOf(call, values);
  const onEvent = (event: RegferryEvent): void => {
    options.onEvent?.(event);
    progress.record(event);
  };
  let report: CopyReport | undefined;
  try {
    report = await copying.work({ ...options, onEvent });
    progress.stop();
    await copying.record?.(report);
  } catch (error) {
    progress.stop();
    await tellFailed(call, copying, error, report === undefined);
    throw error;
  }
  if (call.settings.json) await call.stdout.line(jsonText(copyDocument(report)));
  else if (report.dryRun === true && copying.plan !== undefined) await tellPlan(call, copying.plan(report));
  else await tellReport(call, report, copying);
}

/** Tells what was done all the same. Nothing that fails here must hide why the copy failed. */
async function tellFailed<O>(
  call: Call,
  copying: Copying<O>,
  error: unknown,
  isCopyFailure: boolean,
): Promise<void> {
  const carried = reportOf(error);
  if (carried?.kind !== 'copy') return;
  if (isCopyFailure) {
    await copying.record?.(carried.report).catch((unrecorded: unknown) => {
      call.log.write('error', errorLine(toRegferryError(unrecorded), false));
    });
  }
  if (!call.settings.json) await tellReport(call, carried.report, copying).catch(() => undefined);
}

function progressOf({ area, log, io, colour, settings }: Call, values: Values<CopyingValues>): Progress {
  const style = progressStyle({
    wanted: values.progress ?? 'auto',
    quiet: settings.quiet,
    logFormat: settings['log-format'],
    isTerminal: io.stderr.isTTY === true,
    env: io.env,
  });
  return startProgress(style, { area, log, clock: io.clock, colour });
}

/** Results on stdout, and what it took on stderr: for the targets that have the image now. */
async function tellReport<O>(call: Call, report: CopyReport, copying: Copying<O>): Promise<void> {
  const { summary = targetSummary, overall } = copying;
  for (const target of report.targets) {
    // Where the source failed, a target may have no error of its own and still not have the image.
    const isDone = target.verified !== undefined || target.left === true || target.deleted === true;
    if (target.error !== undefined || (!report.ok && !isDone)) continue;
    // A tag that was left or deleted has not got the image.
    if (target.digest !== undefined) await call.stdout.line(targetLine(target));
    const text = summary(target, report);
    if (text === undefined) continue;
    call.log.write('info', text, {
      event: 'target',
      reference: target.reference,
      digest: target.digest,
      previous: target.previous,
      changed: target.changed,
      blobsCopied: target.blobs.copied,
      bytesCopied: target.bytes.copied,
      durationMs: report.durationMs,
    });
  }
  for (const line of copying.rest?.(report) ?? []) call.log.write('info', line);
  if (overall === undefined || report.targets.length === 0) return;
  call.log.write('info', overall(report), { event: 'summary', durationMs: report.durationMs });
}

/** Where a plan goes besides to the people who read it, and how it is told to them. */
interface Planning {
  readonly planOut?: string | undefined;
  /** @default every target in full */
  readonly text?: (plan: CopyPlan) => string[];
}

/**
 * Makes a plan and tells it. With `planOut` it is kept in that file, whole or not at all. Throws what went wrong, E_CONFIG
 * before anything is asked when the file cannot be written, or is there already and no plan.
 */
export async function runPlanning(
  call: Call,
  api: Api,
  work: () => Promise<CopyPlan>,
  { planOut, text = planText }: Planning,
): Promise<void> {
  const file = planOut === undefined ? undefined : await WholeFile.prepare(planOut);
  let plan: CopyPlan;
  try {
    await checkPlace(planOut, api);
    plan = await work();
    // Looked at again: something else may have been put there meanwhile.
    await checkPlace(planOut, api);
    await file?.write(call.secrets.redactResult(api.formatPlan(plan)));
  } catch (error) {
    const carried = reportOf(error);
    if (carried?.kind === 'plan' && !call.settings.json) {
      await tellPlan(call, text(carried.report)).catch(() => undefined);
    }
    throw error;
  } finally {
    await file?.discard();
  }
  if (call.settings.json) await call.stdout.line(jsonText(planDocument(plan)));
  else await tellPlan(call, text(plan));
}

/** A plan may replace a plan, and nothing else. Throws E_CONFIG. */
async function checkPlace(planOut: string | undefined, { parsePlan }: Api): Promise<void> {
  if (planOut === undefined) return;
  const advice = 'name another file by --plan-out';
  await readReplaceable(planOut, { parse: parsePlan, what: 'plan that could be replaced', advice });
}

async function tellPlan(call: Call, lines: readonly string[]): Promise<void> {
  await call.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
