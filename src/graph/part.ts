import { detailsOf, isRegferryError, RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { attestedBy, formatPlatform, isAttestation } from '../spec/platform.js';
import type { Node } from './manifest-reader.js';

/** Errors that say of which part of an index they are. */
const placed = new WeakSet<Error>();

/** What an entry of an index is called in messages: `linux/arm64`, `attestation of linux/arm64`, or its place in the list. */
export function partName(entry: Descriptor, index: Node): string {
  if (!isAttestation(entry)) {
    if (entry.platform !== undefined) return formatPlatform(entry.platform);
    return `manifests[${index.children.findIndex(({ digest }) => digest === entry.digest)}]`;
  }
  const subject = attestedBy(entry);
  const image = index.children.find(({ digest }) => digest === subject);
  if (image?.platform === undefined)
    return subject === undefined ? 'attestation' : `attestation of ${subject}`;
  return `attestation of ${formatPlatform(image.platform)}`;
}

/** What went wrong with a part of an index, with the names of both in front: once, where indexes are nested. */
export function ofPart(error: unknown, entry: Descriptor, index: Node): unknown {
  if (!isRegferryError(error) || error.code === 'E_ABORTED' || placed.has(error)) return error;
  const { digest } = index.manifest.descriptor;
  const message = `${partName(entry, index)} in the index ${digest}: ${error.message}`;
  const named = new RegferryError(error.code, message, { ...detailsOf(error), cause: error });
  placed.add(named);
  return named;
}
