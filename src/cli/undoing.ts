import type { Api } from './api.js';
import type { Call } from './command.js';
import { copyingCall, type CopyingValues, runCopying } from './copying.js';
import type { Values } from './option.js';
import { checkReceiptOptions, type ReceiptValues, recording } from './record.js';
import { undoneText, undoPlanText, untouchedLines } from './undo-summary.js';
import { usageError } from './usage-error.js';
import { readTextFile } from './whole-file.js';

/** The values of the options that an undo knows. */
export interface UndoValues extends CopyingValues, ReceiptValues {
  'dry-run': boolean;
  undo: string;
  'delete-new-tags': boolean;
}

/** What is said about what to promote, which an undo takes from its receipt. */
const promotionOnly = ['to', 'expect', 'if-target', 'no-clobber', 'require-platform', 'plan-out'];

/** `promote --undo`: puts the tags of a receipt back, and says of each what became of it. */
export async function undoing(call: Call, values: Values<UndoValues>, file: string): Promise<void> {
  const given = promotionOnly.map((name) => call.given.get(name));
  const other = call.args.length > 0 ? 'a source' : given.find((one) => one?.origin === 'command line')?.name;
  if (other !== undefined) {
    throw usageError(`--undo takes what to do from the receipt: leave out ${other}`, 'promote');
  }
  checkReceiptOptions(values, 'promote');
  const { 'dry-run': dryRun, 'delete-new-tags': deleteNewTags } = values;
  const content = await readTextFile(file);
  const { api, options } = await copyingCall(call, values);
  const receipt = api.parseReceipt(content);
  const what = {
    api,
    title: 'regferry promote --undo',
    receipt: values.receipt,
    overwrite: values['overwrite-receipt'],
    guards: { unmovedSince: 'receipt' },
  } as const;
  await recording(call, what, async (record, repeatOf) => {
    const work = (all: typeof options): ReturnType<Api['undo']> =>
      api.undo(receipt, { ...all, dryRun, deleteNewTags, repeatOf });
    const told = { summary: undoneText, rest: untouchedLines, plan: undoPlanText };
    // A dry run is no work of the job, and has nothing to be recorded.
    await runCopying(call, values, options, { work, ...told, ...(dryRun === true ? {} : { record }) });
  });
}
