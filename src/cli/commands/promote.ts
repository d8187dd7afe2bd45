import type { PromoteOptions } from '../../api/promote.js';
import type { Api } from '../api.js';
import { type Call, command, type Command } from '../command.js';
import { copyingCall, copyingFailure, copyingOptions, runCopying, runPlanning } from '../copying.js';
import { guardOptions, guardsOf, type GuardValues } from '../guard-options.js';
import { flag, list, text, type Values } from '../option.js';
import { planOutOf, planOutOption } from '../plan-option.js';
import { checkReceiptOptions, overwriteReceiptOption, receiptOption, recording } from '../record.js';
import { tagSummary } from '../summary.js';
import { type UndoValues, undoing } from '../undoing.js';
import { usageError } from '../usage-error.js';

interface PromoteValues extends UndoValues, GuardValues {
  to: readonly string[];
  'plan-out': string;
}

/** `regferry promote`: points tags at an image that is in a registry already. */
export const promoteCommand: Command = command<PromoteValues>({
  name: 'promote',
  summary: 'point tags at an image that is in a registry already',
  description: [
    "Sets tags on exactly the image that SOURCE is, without pulling it: in SOURCE's own repository, or with --to in others, where what is missing is copied first. All content is everywhere before the first tag moves, and none moves if anything failed until then. Each tag is looked at once more just before it is written, and read back after.",
    'Guards say what has to hold, or nothing is written and the exit code is 8. A tag that cannot be looked at is never taken for absent.',
    '--undo puts the tags of a receipt back where they were, if they are still what the receipt says. It says of each what it did, and --dry-run what it would do. A tag that was absent before is left; --delete-new-tags deletes it by its name, where the registry can.',
    'A receipt that is there already is kept: if it is of the same promotion, this is a repeat, and what the tags were before the first run stays in it; else the exit code is 2, unless --overwrite-receipt is given.',
    'In GitHub Actions the outputs digest, changed and previous and the summary of the job are filled in. Prints one line a tag: registry/repository:tag@sha256:…',
  ],
  arguments: { usage: '<source> <tag...>', missing: [], most: Infinity },
  examples: [
    ['regferry promote r.example.com/app:20230930.161912z prod', 'what was tested is prod now'],
    [
      'regferry promote --to prod.example.net/app --receipt receipt.json r.example.com/app:20230930.161912z prod v1.4',
      'two tags in another registry, with a record of what moved',
    ],
    [
      'regferry promote --expect "$TESTED" --if-target "$PROD" r.example.com/app:20230930.161912z prod',
      'only this image, and only in place of that one',
    ],
    ['regferry promote --undo receipt.json', 'back to what was there before'],
  ],
  options: {
    to: list('Command', 'REPOSITORY', 'repositories', 'set the tags in this repository; may be repeated'),
    ...guardOptions,
    'dry-run': flag('Command', 'tell what would be done, and write nothing'),
    'plan-out': planOutOption,
    receipt: receiptOption,
    'overwrite-receipt': overwriteReceiptOption,
    undo: text(
      'Command',
      'RECEIPT',
      'the file of a receipt',
      'put the tags of this receipt back where they were',
    ),
    'delete-new-tags': flag('Command', 'with --undo: delete the tags that were absent before, by name'),
    ...copyingOptions,
  },
  twoSided: true,
  whenInterrupted: 'each tag is what it was or what it was to become; the same command again does the rest',
  failureDocument: copyingFailure,
  async run(call, values) {
    if (values['dry-run'] === true && values.receipt !== undefined) {
      throw usageError('--receipt records what was done, and --dry-run does nothing', 'promote');
    }
    if (values.undo !== undefined) await undoing(call, values, values.undo);
    else await promote(call, values);
  },
});

async function promote(call: Call, values: Values<PromoteValues>): Promise<void> {
  const [source, ...tags] = call.args;
  if (source === undefined) throw usageError('promote needs the source and at least one tag', 'promote');
  if (tags.length === 0) throw usageError('promote needs at least one tag, after the source', 'promote');
  const planOut = planOutOf(values, 'promote');
  checkReceiptOptions(values, 'promote');
  if (values['delete-new-tags'] === true) {
    throw usageError('--delete-new-tags is about what --undo does: give that, with a receipt', 'promote');
  }
  const { api, options } = await copyingCall(call, values);
  const guards = guardsOf(values);
  const own: PromoteOptions = { ...options, to: values.to, guards };
  if (values['dry-run'] === true) {
    await runPlanning(call, api, () => api.planPromotion(source, tags, own), { planOut });
    return;
  }
  const overwrite = values['overwrite-receipt'];
  const what = { api, title: 'regferry promote', receipt: values.receipt, overwrite, guards };
  await recording(call, what, async (record, repeatOf) => {
    const work = (all: PromoteOptions): ReturnType<Api['promote']> =>
      api.promote(source, tags, { ...all, repeatOf });
    await runCopying(call, values, own, { work, summary: tagSummary, record });
  });
}
