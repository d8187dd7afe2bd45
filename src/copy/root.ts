import { readVerified } from '../content/verify.js';
import { RegferryError } from '../errors.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import {
  formatPlatform,
  isAttestation,
  matchesPlatform,
  platformOfConfig,
  selectPlatform,
  type Platform,
} from '../spec/platform.js';
import type { CopyJob } from './job.js';
import { refetching } from './refetching.js';
import { resuming } from './resuming.js';
import type { Node, Walk } from './walk.js';

/** What reading at the source takes. */
export type SourceJob = Pick<CopyJob, 'source' | 'resume' | 'signal' | 'emit'>;

/**
 * Narrows a root to one platform: out of an index its manifest for that platform, a lone manifest if its config says so.
 * Throws E_NO_SUCH_PLATFORM with the list of those that there are.
 */
export async function narrowToPlatform(
  root: Node,
  platform: Platform,
  walk: Walk,
  job: SourceJob,
): Promise<Node> {
  if (root.view.kind === 'index') {
    const attestations = root.children.filter(isAttestation).length;
    const chosen = await walk.child(selectPlatform(root.children, platform), 1);
    if (attestations > 0) {
      job.emit({
        type: 'note',
        message: `${attestations} attestation manifest${attestations === 1 ? ' is' : 's are'} not copied: one platform was asked for; copy the whole index to keep them`,
      });
    }
    return chosen;
  }
  const have = await configPlatform(root, job);
  if (have !== undefined && matchesPlatform(platform, have)) return root;
  const found = have === undefined ? 'one that names no platform' : formatPlatform(have);
  throw new RegferryError(
    'E_NO_SUCH_PLATFORM',
    `${job.source.toString()} has no ${formatPlatform(platform)}: it is a single manifest, ${found}`,
    { side: 'source' },
  );
}

/** The platform that a lone image's config names; undefined for artifacts and configs that name none. */
export async function configPlatform(root: Node, job: SourceJob): Promise<Platform | undefined> {
  if (root.view.kind !== 'image') return undefined;
  const { config } = root.view;
  const { source, resume, signal } = job;
  const open = resuming((options) => source.open(config, options), config, resume);
  const read = async (): Promise<Buffer> => readVerified(await open({ signal }), config, MANIFEST_BYTES);
  return platformOfConfig(await refetching(read, signal));
}
