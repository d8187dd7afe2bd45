import type { CopyTagsOptions } from '../../api/options.js';
import { type Call, command, type Command } from '../command.js';
import {
  copyingCall,
  copyingFailure,
  copyingOptions,
  type CopyingValues,
  runCopying,
  runPlanning,
} from '../copying.js';
import { guardOptions, guardsOf, type GuardValues } from '../guard-options.js';
import { flag, type Values } from '../option.js';
import { platformOption } from '../options.js';
import { planOutOf, planOutOption } from '../plan-option.js';
import { copiedTagLine, tagsPlanText, tagsSummary } from '../summary.js';
import { tagsOf, tagsOptions, type TagsValues } from '../tags-options.js';

interface CopyValues extends CopyingValues, GuardValues, TagsValues {
  platform: string;
  'include-foreign': boolean;
  'dry-run': boolean;
  'plan-out': string;
}

/** `regferry copy`: an image or a whole index, to one or more places. */
export const copyCommand: Command = command<CopyValues>({
  name: 'copy',
  summary: 'copy an image or a whole index',
  description: [
    'Copies an image, or an index with all of its platforms, without changing a byte: the digest at each target is the digest at the source. Only what is missing there is moved; the tag is written last and read back.',
    'Images are [registry/]repository[:tag][@digest], or oci:FOLDER[:tag] for an OCI layout. A target without a tag takes that of the source. A target with a digest (app:prod@sha256:…) is written only if the source has that digest.',
    'With --all-tags the source and the targets are repositories (or oci:FOLDER), and every tag of the source is copied, many at a time; --tags and --exclude-tags choose among them by patterns for whole tags: *, ?, [a-z], [!a-z]. A tag that is there already costs one request a side; one that fails does not stop the others (exit code 9). Tags that only the target has are left alone.',
    'Prints one line a target, or a tag: registry/repository:tag@sha256:…',
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
    ['regferry copy --no-clobber app:1 registry.example.com/app', 'copy, but overwrite no other image'],
    [
      "regferry copy --all-tags --tags '3.*' --exclude-tags '*-rc*' alpine registry.example.com/mirror/alpine",
      'mirror tags of a repository',
    ],
    [
      'echo "$TOKEN" | regferry copy --to-username ci --to-password-stdin oci:build registry.example.com/app:1',
      'push an OCI layout with a token',
    ],
  ],
  options: {
    ...tagsOptions,
    platform: platformOption(
      'copy one platform out of an index, without its attestations',
      'all platforms are copied',
    ),
    'include-foreign': flag('Command', 'copy the blobs of foreign (non-distributable) layers too'),
    ...guardOptions,
    'dry-run': flag('Command', 'tell what would be done, and write nothing'),
    'plan-out': planOutOption,
    ...copyingOptions,
  },
  twoSided: true,
  whenInterrupted: 'each tag is what it was or what it was to become; the same command again does the rest',
  failureDocument: copyingFailure,
  async run(call, values) {
    const tags = tagsOf(call, values, 'copy');
    if (tags === undefined) await copyImage(call, values);
    else await copyTags(call, values, tags);
  },
});

async function copyImage(call: Call, values: Values<CopyValues>): Promise<void> {
  const planOut = planOutOf(values, 'copy');
  const { api, options } = await copyingCall(call, values);
  const [source = '', ...targets] = call.args;
  const own = {
    ...options,
    platform: values.platform,
    includeForeign: values['include-foreign'],
    guards: guardsOf(values),
  };
  if (values['dry-run'] === true) {
    await runPlanning(call, api, () => api.plan(source, targets, own), { planOut });
  } else {
    await runCopying(call, values, own, { work: (all) => api.copy(source, targets, all) });
  }
}

async function copyTags(
  call: Call,
  values: Values<CopyValues>,
  tags: Pick<CopyTagsOptions, 'tags' | 'excludeTags'>,
): Promise<void> {
  const { api, options } = await copyingCall(call, values);
  const [source = '', ...targets] = call.args;
  const { ifTarget, noClobber } = guardsOf(values);
  const includeForeign = values['include-foreign'];
  const own: CopyTagsOptions = { ...options, ...tags, includeForeign, guards: { ifTarget, noClobber } };
  if (values['dry-run'] === true) {
    await runPlanning(call, api, () => api.planTags(source, targets, own), { text: tagsPlanText });
  } else {
    await runCopying(call, values, own, {
      work: (all) => api.copyTags(source, targets, all),
      summary: copiedTagLine,
      overall: tagsSummary,
    });
  }
}
