import type { CopyOptions } from '../../api/options.js';
import type { RegferryEvent } from '../../copy/events.js';
import type { CopyPlan, CopyReport } from '../../copy/report.js';
import type { Api } from '../api.js';
import { type Call, command, type Command } from '../command.js';
import { reportOf } from '../failure.js';
import { copyDocument, emptyCopyDocument, jsonText, planDocument } from '../json.js';
import { flag, type Values } from '../option.js';
import {
  type ConnectionOptions,
  connectionOptions,
  type OutputOptions,
  outputOptions,
  platformOption,
  type TransferOptions,
  transferOptions,
} from '../options.js';
import { progressStyle, startProgress } from '../progress/progress.js';
import { requestOptions } from '../request-options.js';
import { type Prefixed, type SideValues, sourceOptions, targetOptions } from '../side-options.js';
import { readSides } from '../sides.js';
import { planText, targetLine, targetSummary } from '../summary.js';

interface CopyValues
  extends Prefixed<'from-' | 'to-', SideValues>, ConnectionOptions, TransferOptions, OutputOptions {
  platform: string;
  'include-foreign': boolean;
  'dry-run': boolean;
}

/** `regferry copy`: an image or a whole index, to one or more places. */
export const copyCommand: Command = command<CopyValues>({
  name: 'copy',
  summary: 'copy an image or a whole index',
  description: [
    'Copies an image, or an index with all of its platforms, without changing a byte: the digest at each target is the digest at the source. Only what is missing there is moved; the tag is written last and read back.',
    'Images are [registry/]repository[:tag][@digest], or oci:FOLDER[:tag] for an OCI layout. A target without a tag takes that of the source. A target with a digest (app:prod@sha256:…) is written only if the source has that digest.',
    'Prints one line a target: registry/repository:tag@sha256:…',
  ],
  arguments: {
    usage: '<source> <target...>',
    missing: ['the source and at least one target', 'at least one target, after the source'],
    most: Infinity,
  },
  examples: [
    [
      'regferry copy alpine:3.20 registry.example.com/mirror/alpine',
      'mirror an image with all of its platforms',
    ],
    ['regferry copy r.example.com/app:20230930 r.example.com/app:prod', 'set a tag: no blob moves'],
    ['regferry copy --dry-run --json app:1 registry.example.com/app', 'what would be copied, as JSON'],
    [
      'echo "$TOKEN" | regferry copy --to-username ci --to-password-stdin oci:build registry.example.com/app:1',
      'push an OCI layout with a token',
    ],
  ],
  options: {
    platform: platformOption('copy one platform out of an index, without its attestations'),
    'include-foreign': flag('Command', 'copy the blobs of foreign (non-distributable) layers too'),
    'dry-run': flag('Command', 'tell what would be done, and write nothing'),
    ...sourceOptions,
    ...targetOptions,
    ...connectionOptions,
    ...transferOptions,
    ...outputOptions,
  },
  twoSided: true,
  whenInterrupted: 'each tag is what it was or what it was to become; the same command again does the rest',
  failureDocument([source], failure) {
    const carried = reportOf(failure.thrown);
    if (carried === undefined) return emptyCopyDocument(source, failure);
    if (carried.kind === 'plan') return planDocument(carried.report, failure);
    return copyDocument(carried.report, failure);
  },
  async run(call, values) {
    const { source, target } = await readSides(call);
    const api = await call.loadApi();
    const options = {
      ...requestOptions(call, values, api),
      source,
      target,
      concurrency: values.concurrency,
      chunkSize: values['chunk-size'],
      platform: values.platform,
      includeForeign: values['include-foreign'],
    };
    if (values['dry-run'] === true) await runPlan(call, api, options);
    else await runCopy(call, api, options, values);
  },
});

async function runCopy(
  call: Call,
  api: Api,
  options: CopyOptions,
  values: Values<CopyValues>,
): Promise<void> {
  const { area, log, io, colour, settings } = call;
  const style = progressStyle({
    wanted: values.progress ?? 'auto',
    quiet: settings.quiet,
    logFormat: settings['log-format'],
    isTerminal: io.stderr.isTTY === true,
    env: io.env,
  });
  const progress = startProgress(style, { area, log, clock: io.clock, colour });
  const onEvent = (event: RegferryEvent): void => {
    options.onEvent?.(event);
    progress.record(event);
  };
  const [source = '', ...targets] = call.args;
  let report: CopyReport;
  try {
    report = await api.copy(source, targets, { ...options, onEvent });
  } catch (error) {
    progress.stop();
    const carried = reportOf(error);
    // A reader that is gone must not hide that the copy failed.
    if (carried?.kind === 'copy' && !settings.json)
      await tellCopy(call, carried.report).catch(() => undefined);
    throw error;
  }
  progress.stop();
  if (settings.json) await call.stdout.line(jsonText(copyDocument(report)));
  else await tellCopy(call, report);
}

/** Results on stdout, and what it took on stderr: for the targets that have the image now. */
async function tellCopy(call: Call, report: CopyReport): Promise<void> {
  for (const target of report.targets) {
    // Where the source failed, a target may have no error of its own and still not have the image.
    if (target.error !== undefined || (!report.ok && target.verified === undefined)) continue;
    await call.stdout.line(targetLine(target));
    call.log.write('info', targetSummary(target, report), {
      event: 'target',
      reference: target.reference,
      digest: target.digest,
      changed: target.changed,
      blobsCopied: target.blobs.copied,
      bytesCopied: target.bytes.copied,
      durationMs: report.durationMs,
    });
  }
}

async function runPlan(call: Call, api: Api, options: CopyOptions): Promise<void> {
  const [source = '', ...targets] = call.args;
  let plan: CopyPlan;
  try {
    plan = await api.plan(source, targets, options);
  } catch (error) {
    const carried = reportOf(error);
    if (carried?.kind === 'plan' && !call.settings.json) {
      await tellPlan(call, carried.report).catch(() => undefined);
    }
    throw error;
  }
  if (call.settings.json) await call.stdout.line(jsonText(planDocument(plan)));
  else await tellPlan(call, plan);
}

async function tellPlan(call: Call, plan: CopyPlan): Promise<void> {
  await call.stdout.write(
    planText(plan)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
