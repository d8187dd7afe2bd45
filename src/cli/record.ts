import { appendFile } from 'node:fs/promises';

import type { HeldGuards } from '../api/receipt.js';
import type { CopyReport } from '../copy/report.js';
import { RegferryError, toRegferryError } from '../errors.js';
import { fileReason } from '../content/file-error.js';
import type { Api } from './api.js';
import type { Call } from './command.js';
import { RecordError } from './failure.js';
import { stepOutputs, stepSummary } from './github-step.js';
import { type Option, text } from './option.js';
import { WholeFile } from './whole-file.js';

/** `--receipt`: where to keep the record of what was done. */
export const receiptOption: Option<string> = text(
  'Command',
  'FILE',
  'keep a record of what was done in this file, as an in-toto statement',
);

/** What is to be recorded, and where. */
export interface Recording {
  readonly api: Api;
  /** Headline of the job's summary. */
  readonly title: string;
  readonly receipt: string | undefined;
  readonly guards: HeldGuards;
}

/**
 * Runs `work` with a function that records what was done: in the receipt, and for the job in GITHUB_OUTPUT and
 * GITHUB_STEP_SUMMARY where they are set. Throws E_CONFIG before anything is done when the receipt cannot be written;
 * the function throws RecordError (E_IO) when it cannot be after all.
 */
export async function recording(
  call: Call,
  what: Recording,
  work: (record: (report: CopyReport) => Promise<void>) => Promise<void>,
): Promise<void> {
  const file = what.receipt === undefined ? undefined : await WholeFile.prepare(what.receipt);
  try {
    await work(async (report) => {
      const kept = await Promise.allSettled([
        writeReceipt(call, what, file, report),
        tellJob(call, what.title, report),
      ]);
      const lost = kept.find((one) => one.status === 'rejected');
      if (lost !== undefined) throw unrecorded(report, lost.reason);
    });
  } finally {
    await file?.discard();
  }
}

async function writeReceipt(
  { log, secrets }: Call,
  { api, receipt, guards }: Recording,
  file: WholeFile | undefined,
  report: CopyReport,
): Promise<void> {
  if (file === undefined || receipt === undefined) return;
  if (!api.isRecordable(report)) {
    log.write('warn', `no receipt was written to ${receipt}: no tag was set`);
    return;
  }
  await file.write(secrets.redactResult(api.formatReceipt(api.createReceipt(report, { guards }))));
}

async function tellJob({ io, log, secrets }: Call, title: string, report: CopyReport): Promise<void> {
  const { GITHUB_OUTPUT: outputs = '', GITHUB_STEP_SUMMARY: summary = '' } = io.env;
  if (summary !== '') {
    // The summary is for people, and they have the log, too.
    await append(summary, secrets.redactResult(stepSummary(title, report))).catch((error: unknown) => {
      log.write('warn', `no summary for the job: ${toRegferryError(error).message}`);
    });
  }
  if (outputs !== '') await append(outputs, secrets.redactResult(stepOutputs(report)));
}

async function append(path: string, content: string): Promise<void> {
  try {
    await appendFile(path, content);
  } catch (cause) {
    throw new RegferryError('E_IO', `cannot write ${path}: ${fileReason(cause)}`, { cause });
  }
}

function unrecorded(report: CopyReport, reason: unknown): RecordError {
  const moved = report.targets.filter(({ changed }) => changed).map(({ reference }) => reference);
  const state = moved.length === 0 ? 'no tag had to move' : `the tags have moved (${moved.join(', ')})`;
  const message = `${state}, but the record of it is not complete: ${toRegferryError(reason).message}`;
  return new RecordError(message, report, reason);
}
