import type { Op } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';
import { hasBlob } from './blobs.js';
import type { RepositoryContext } from './context.js';

/**
 * Whether a blob that the registry says to have mounted is there. A mount from the repository itself (`own`) proves
 * nothing, nor does any mount at a host that has made one up: one that takes every mount and checks no manifest would be
 * left with holes.
 */
export async function isProved(
  context: RepositoryContext,
  descriptor: Descriptor,
  own: boolean,
  op: Op,
): Promise<boolean> {
  if (!own && !context.client.uploads.doubtsMounts) return true;
  return hasBlob(context, descriptor, op);
}
