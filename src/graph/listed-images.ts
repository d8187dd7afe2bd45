import type { Descriptor } from '../spec/descriptor.js';
import { isIndexType } from '../spec/media-types.js';
import { knownType } from '../spec/manifest-type.js';
import type { Platform } from '../spec/platform.js';
import { ofPart } from './part.js';
import type { Node, ManifestReader } from './manifest-reader.js';

/** An entry of an index, or of an index in it, that is no index itself. */
export interface ListedImage {
  readonly digest: string;
  /** Its own, or that of the index that it is listed in. */
  readonly platform: Platform | undefined;
  readonly annotations: Descriptor['annotations'];
  readonly entry: Descriptor;
  readonly index: Node;
  /** 1 for an entry of the root. */
  readonly depth: number;
}

/**
 * What an index lists, with what the indexes list that it lists, in order; attestations too. Everything that asks for
 * platforms looks here, so that one question gets one answer. Nothing is read but indexes, and entries of which nothing
 * tells what they are. Throws what reading them throws.
 */
export async function listedImages(
  index: Node,
  reader: ManifestReader,
  depth = 0,
  inherited?: Platform,
): Promise<readonly ListedImage[]> {
  const found: ListedImage[] = [];
  for (const entry of index.children) {
    const { digest, annotations, platform = inherited } = entry;
    const nested = mayBeIndex(entry) ? await readPart(reader, entry, index, depth + 1) : undefined;
    if (nested?.view.kind === 'index')
      found.push(...(await listedImages(nested, reader, depth + 1, platform)));
    else found.push({ digest, platform, annotations, entry, index, depth: depth + 1 });
  }
  return found;
}

/** Reads an entry of an index; undefined where it is a blob. What goes wrong names the part. */
export async function readPart(
  reader: ManifestReader,
  entry: Descriptor,
  index: Node,
  depth: number,
): Promise<Node | undefined> {
  try {
    return await reader.entry(entry, depth);
  } catch (error) {
    throw ofPart(error, entry, index);
  }
}

function mayBeIndex({ mediaType, platform }: Descriptor): boolean {
  const type = knownType(mediaType);
  return type === undefined ? platform === undefined : isIndexType(type);
}
