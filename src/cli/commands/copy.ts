import { command, type Command } from '../command.js';
import {
  copyingCall,
  copyingFailure,
  copyingOptions,
  type CopyingValues,
  runCopying,
  runPlanning,
} from '../copying.js';
import { guardOptions, guardsOf, type GuardValues } from '../guard-options.js';
import { flag } from '../option.js';
import { platformOption } from '../options.js';
import { planOutOf, planOutOption } from '../plan-option.js';

interface CopyValues extends CopyingValues, GuardValues {
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
    ['regferry copy --no-clobber app:1 registry.example.com/app', 'copy, but overwrite no other image'],
    [
      'echo "$TOKEN" | regferry copy --to-username ci --to-password-stdin oci:build registry.example.com/app:1',
      'push an OCI layout with a token',
    ],
  ],
  options: {
    platform: platformOption('copy one platform out of an index, without its attestations'),
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
      await runPlanning(call, api, () => api.plan(source, targets, own), planOut);
    } else {
      await runCopying(call, values, own, { work: (all) => api.copy(source, targets, all) });
    }
  },
});
