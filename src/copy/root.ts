import { readVerified } from '../content/verify.js';
import { RegferryError } from '../errors.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import {
  attestedBy,
  formatPlatform,
  isAttestation,
  matchesPlatform,
  platformOfConfig,
  selectPlatform,
  type Platform,
} from '../spec/platform.js';
import type { CopyJob } from './job.js';
import { listedImages, readPart } from './listed-images.js';
import { refetching } from './refetching.js';
import { resuming } from './resuming.js';
import type { Node, Walk } from './walk.js';

/** What reading at the source takes. */
export type SourceJob = Pick<CopyJob, 'source' | 'resume' | 'signal' | 'emit'>;

/**
 * Narrows a root to one platform: out of an index, and the indexes in it, its manifest for that platform; a lone manifest if
 * its config says so. Throws E_NO_SUCH_PLATFORM with the list of those that there are, and E_USAGE with a list where
 * several manifests are for it.
 */
export async function narrowToPlatform(
  root: Node,
  platform: Platform,
  walk: Walk,
  job: SourceJob,
): Promise<Node> {
  if (root.view.kind === 'index') return narrowIndex(root, platform, walk, job, 0);
  const have = await configPlatform(root, job);
  if (have !== undefined && matchesPlatform(platform, have)) return root;
  const found = have === undefined ? 'one that names no platform' : formatPlatform(have);
  throw new RegferryError(
    'E_NO_SUCH_PLATFORM',
    `${job.source.toString()} has no ${formatPlatform(platform)}: it is a single manifest, ${found}`,
    { side: 'source' },
  );
}

async function narrowIndex(
  index: Node,
  platform: Platform,
  walk: Walk,
  job: SourceJob,
  depth: number,
): Promise<Node> {
  const listed = await listedImages(index, walk, depth);
  const { entry, index: parent, depth: at } = selectPlatform(listed, platform);
  const chosen = await readPart(walk, entry, parent, at);
  if (chosen === undefined) {
    const message = `${job.source.toString()}: what is listed for ${formatPlatform(platform)}, ${entry.digest}, is no manifest`;
    throw new RegferryError('E_NO_SUCH_PLATFORM', message, { side: 'source', digest: entry.digest });
  }
  // Listed as something else than it is.
  if (chosen.view.kind === 'index') return narrowIndex(chosen, platform, walk, job, at);
  const attestations = listed.filter((one) => isAttestation(one) && attestedBy(one) === entry.digest).length;
  if (attestations > 0) {
    const [some, them] = attestations === 1 ? ['attestation', 'it'] : ['attestations', 'them'];
    const message = `${attestations} ${some} of ${formatPlatform(platform)} ${attestations === 1 ? 'is' : 'are'} not copied: one platform was asked for; copy the whole index to keep ${them}`;
    job.emit({ type: 'note', message });
  }
  return chosen;
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
