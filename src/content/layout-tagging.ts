import type { Descriptor } from '../spec/descriptor.js';
import type { LayoutFiles } from './layout-files.js';
import type { LayoutIndex } from './layout-index.js';

/**
 * The index with a tag moved to a descriptor; itself if the tag is there already. What had the tag and is named by nothing
 * else there stays in the list without a tag, so that an undo finds it and no other tool collects it; where its manifest is
 * gone there is nothing to keep.
 */
export async function withTag(
  index: LayoutIndex,
  files: LayoutFiles,
  descriptor: Descriptor,
  tag: string,
): Promise<LayoutIndex> {
  const tagged = index.tag(descriptor, tag);
  if (tagged === index) return index;
  // Tagged again, it needs no entry of its own.
  let next = tagged.dropBare(descriptor.digest);
  for (const digest of index.digestsOf(tag)) {
    if ((await files.blobSize(digest).catch(() => undefined)) === undefined) next = next.dropUntagged(digest);
  }
  return next;
}
