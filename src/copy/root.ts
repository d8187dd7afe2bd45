import type { ContentSource } from '../content/store.js';
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
import type { CopyEvent } from './events.js';
import type { Node, Walk } from './walk.js';

/**
 * Narrows a root to one platform: out of an index its manifest for that platform, a lone manifest if its config says so.
 * Throws E_NO_SUCH_PLATFORM with the list of those that there are.
 */
export async function narrowToPlatform(
  root: Node,
  platform: Platform,
  source: ContentSource,
  walk: Walk,
  signal: AbortSignal,
  emit: (event: CopyEvent) => void,
): Promise<Node> {
  if (root.view.kind === 'index') {
    const attestations = root.children.filter(isAttestation).length;
    const chosen = await walk.child(selectPlatform(root.children, platform), 1);
    if (attestations > 0) {
      emit({
        type: 'note',
        message: `${attestations} attestation manifest${attestations === 1 ? ' is' : 's are'} not copied with --platform; copy the whole index to keep them`,
      });
    }
    return chosen;
  }
  const have = await configPlatform(root, source, signal);
  if (have !== undefined && matchesPlatform(platform, have)) return root;
  const found = have === undefined ? 'one that names no platform' : formatPlatform(have);
  throw new RegferryError(
    'E_NO_SUCH_PLATFORM',
    `${source.toString()} has no ${formatPlatform(platform)}: it is a single manifest, ${found}`,
    { side: 'source' },
  );
}

async function configPlatform(
  root: Node,
  source: ContentSource,
  signal: AbortSignal,
): Promise<Platform | undefined> {
  if (root.view.kind !== 'image') return undefined;
  const { config } = root.view;
  return platformOfConfig(await readVerified(await source.open(config, { signal }), config, MANIFEST_BYTES));
}
