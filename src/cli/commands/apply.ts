import { command, type Command } from '../command.js';
import { copyingCall, copyingFailure, copyingOptions, type CopyingValues, runCopying } from '../copying.js';
import {
  checkReceiptOptions,
  overwriteReceiptOption,
  receiptOption,
  type ReceiptValues,
  recording,
} from '../record.js';
import { tagSummary } from '../summary.js';
import { readTextFile } from '../whole-file.js';

interface ApplyValues extends CopyingValues, ReceiptValues {}

/** `regferry apply`: what a plan says, if nothing has moved since. */
export const applyCommand: Command = command<ApplyValues>({
  name: 'apply',
  summary: 'do what a plan says, if nothing has moved since',
  description: [
    'Does what regferry promote or copy --dry-run --plan-out has planned, if the source is still the digest that it was then and each tag is still what it was. Else nothing is written, and the exit code is 8. A tag that is already what the plan makes of it will do, so that an apply that was cut short can be run again.',
    'A plan names images and tags and holds no secrets; logins are taken from where this command is run. How a blob gets there may differ from what was planned.',
    'Prints one line a target: registry/repository:tag@sha256:…',
  ],
  arguments: { usage: '<plan>', missing: ['the file of the plan'], most: 1 },
  examples: [
    ['regferry promote --dry-run --plan-out plan.json r.example.com/app:1234 prod', 'plan it, look at it'],
    ['regferry apply --receipt receipt.json plan.json', 'do it, and keep a record'],
  ],
  options: { receipt: receiptOption, 'overwrite-receipt': overwriteReceiptOption, ...copyingOptions },
  twoSided: true,
  whenInterrupted: 'each tag is what it was or what it was to become; the same command again does the rest',
  // What was to be copied is in the plan, not among the arguments.
  failureDocument: (args, failure) => copyingFailure(args.slice(1), failure),
  async run(call, values) {
    checkReceiptOptions(values, 'apply');
    const [file = ''] = call.args;
    const text = await readTextFile(file);
    const { api, options } = await copyingCall(call, values);
    const plan = api.parsePlan(text);
    const guards = { expect: plan.source.digest, unmovedSince: 'plan' } as const;
    const overwrite = values['overwrite-receipt'];
    const what = { api, title: 'regferry apply', receipt: values.receipt, overwrite, guards };
    await recording(call, what, async (record, repeatOf) => {
      const work = (all: typeof options) => api.apply(plan, { ...all, repeatOf });
      await runCopying(call, values, options, { work, summary: tagSummary, record });
    });
  },
});
