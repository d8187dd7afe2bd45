import { appendFile } from 'node:fs/promises';

import type { HeldGuards } from '../api/receipt.js';
import type { RecordedTags } from '../api/recorded.js';
import type { CopyReport } from '../copy/report.js';
import { RegferryError, toRegferryError } from '../errors.js';
import { fileReason } from '../content/file-error.js';
import type { Api } from './api.js';
import type { Call } from './command.js';
import { RecordError } from './failure.js';
import { stepOutputs, stepSummary } from './github-step.js';
import { flag, type Option, text, type Values } from './option.js';
import { usageError } from './usage-error.js';
import { readReplaceable, WholeFile } from './whole-file.js';

/** `--receipt`: where to keep the record of what was done. */
export const receiptOption: Option<string> = text(
  'Command',
  'FILE',
  'a file for the receipt',
  'keep a record of what was done in this file, as an in-toto statement',
);

/** `--overwrite-receipt`: lose the record that is there. */
export const overwriteReceiptOption: Option<boolean> = flag(
  'Command',
  'with --receipt: replace the file, whatever it records, instead of keeping what the tags were before',
);

/** The values of the options about the receipt. */
export interface ReceiptValues {
  receipt: string;
  'overwrite-receipt': boolean;
}

/** Throws E_USAGE for --overwrite-receipt without a receipt. */
export function checkReceiptOptions(values: Values<ReceiptValues>, command: string): void {
  if (values['overwrite-receipt'] === true && values.receipt === undefined) {
    throw usageError('--overwrite-receipt is about the file of --receipt: give that, too', command);
  }
}

/** What is to be recorded, and where. */
export interface Recording {
  readonly api: Api;
  /** Headline of the job's summary. */
  readonly title: string;
  readonly receipt: string | undefined;
  /** Replace what is there unread. */
  readonly overwrite: boolean | undefined;
  readonly guards: HeldGuards;
}

/** Keeps a record of what was done. */
export type Recorder = (report: CopyReport) => Promise<void>;

/**
 * Runs `work` with a function that records what was done: in the receipt, and for the job in GITHUB_OUTPUT and
 * GITHUB_STEP_SUMMARY where they are set; and with the record that is there already, of which this is a repeat then. Throws
 * E_CONFIG before anything is done when the receipt cannot be written, or when something else is in its place; the
 * function throws RecordError (E_IO) when it cannot be kept after all.
 */
export async function recording(
  call: Call,
  what: Recording,
  work: (record: Recorder, repeatOf: RecordedTags | undefined) => Promise<void>,
): Promise<void> {
  const file = what.receipt === undefined ? undefined : await WholeFile.prepare(what.receipt);
  try {
    const before = await recordThere(what);
    await work(async (report) => {
      const kept = await Promise.allSettled([
        writeReceipt(call, what, file, report),
        tellJob(call, what.title, report),
      ]);
      const lost = kept.find((one) => one.status === 'rejected');
      if (lost !== undefined) throw unrecorded(report, lost.reason);
    }, before);
  } finally {
    await file?.discard();
  }
}

/** The record that a receipt's file holds already; undefined for an empty one, which has nothing to lose. Throws E_CONFIG. */
async function recordThere({ api, receipt, overwrite }: Recording): Promise<RecordedTags | undefined> {
  if (receipt === undefined || overwrite === true) return undefined;
  return readReplaceable(receipt, {
    parse: api.parseReceipt,
    what: 'receipt that could be kept',
    hint: { code: 'keep-record' },
  });
}

async function writeReceipt(
  { log, secrets }: Call,
  what: Recording,
  file: WholeFile | undefined,
  report: CopyReport,
): Promise<void> {
  const { api, receipt, guards } = what;
  if (file === undefined || receipt === undefined) return;
  if (!api.isRecordable(report)) {
    log.write('warn', `no receipt was written to ${receipt}: no tag was set`);
    return;
  }
  // Read again: another run may have kept its record there meanwhile.
  const repeatOf = await recordThere(what);
  const receiptText = api.formatReceipt(api.createReceipt(report, { guards, repeatOf }));
  await file.write(secrets.redactResult(receiptText));
  if (repeatOf === undefined) return;
  log.write('info', `this was a repeat: ${receipt} keeps what the tags were before the first run`);
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
