import { RegferryError } from '../errors.js';
import {
  attestedBy,
  formatPlatform,
  isAttestation,
  matchesPlatform,
  platformOfConfig,
  selectPlatform,
  type Platform,
} from '../spec/platform.js';
import { listedImages, readPart } from './listed-images.js';
import type { ManifestReader, Node } from './manifest-reader.js';

/** What is there for one platform. */
export interface ForPlatform {
  readonly node: Node;
  /** How many attestations of it the index lists, which are none of it. */
  readonly attestations: number;
}

/**
 * Narrows a root to one platform: out of an index, and the indexes in it, its manifest for that platform; a lone manifest if
 * its config says so. Throws E_NO_SUCH_PLATFORM with the list of those that there are, and E_USAGE with a list where
 * several manifests are for it.
 */
export async function narrowToPlatform(
  root: Node,
  platform: Platform,
  reader: ManifestReader,
): Promise<ForPlatform> {
  if (root.view.kind === 'index') return narrowIndex(root, platform, reader, 0);
  const have = await configPlatform(root, reader);
  if (have !== undefined && matchesPlatform(platform, have)) return { node: root, attestations: 0 };
  const found = have === undefined ? 'one that names no platform' : formatPlatform(have);
  throw new RegferryError(
    'E_NO_SUCH_PLATFORM',
    `${reader.source.toString()} has no ${formatPlatform(platform)}: it is a single manifest, ${found}`,
    { side: 'source' },
  );
}

async function narrowIndex(
  index: Node,
  platform: Platform,
  reader: ManifestReader,
  depth: number,
): Promise<ForPlatform> {
  const listed = await listedImages(index, reader, depth);
  const { entry, index: parent, depth: at } = selectPlatform(listed, platform);
  const chosen = await readPart(reader, entry, parent, at);
  if (chosen === undefined) {
    const message = `${reader.source.toString()}: what is listed for ${formatPlatform(platform)}, ${entry.digest}, is no manifest`;
    throw new RegferryError('E_NO_SUCH_PLATFORM', message, { side: 'source', digest: entry.digest });
  }
  // Listed as something else than it is.
  if (chosen.view.kind === 'index') return narrowIndex(chosen, platform, reader, at);
  const attestations = listed.filter((one) => isAttestation(one) && attestedBy(one) === entry.digest).length;
  return { node: chosen, attestations };
}

/** The platforms that an image is for: those that its index lists, or that its config names; attestations are for none. */
export async function platformsOf(root: Node, reader: ManifestReader): Promise<readonly Platform[]> {
  if (root.view.kind !== 'index') {
    const platform = await configPlatform(root, reader);
    return platform === undefined ? [] : [platform];
  }
  const images = (await listedImages(root, reader)).filter((image) => !isAttestation(image));
  return images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
}

/** The platform that a lone image's config names; undefined for artifacts and configs that name none. */
async function configPlatform(root: Node, reader: ManifestReader): Promise<Platform | undefined> {
  if (root.view.kind !== 'image') return undefined;
  return platformOfConfig(await reader.blob(root.view.config));
}
