import type { ManifestKey } from '../content/store.js';
import { algorithmOf, parseDigest } from '../spec/digest.js';
import { parseRepositoryPath, parseTag } from '../spec/reference.js';

/**
 * The paths of the registry API, from `/v2/` on. They are spelled here and nowhere else, and each part passes its grammar
 * once more before it becomes one, wherever it came from: in a path `../` is another repository, `?` a query, `#` an end.
 * Everything here throws E_REFERENCE (E_ALGORITHM for the digest of an unknown algorithm) for a part that is not valid.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */

/** A manifest, by tag or digest (end-3, end-7). */
export function manifestPath(repository: string, key: ManifestKey): string {
  return `${repositoryPath(repository)}/manifests/${'tag' in key ? parseTag(key.tag) : parseDigest(key.digest)}`;
}

/** A blob (end-2). */
export function blobPath(repository: string, digest: string): string {
  return `${repositoryPath(repository)}/blobs/${parseDigest(digest)}`;
}

/** Where an upload for a blob of this digest is opened (end-4a); sha256 needs no word of its own. */
export function uploadsPath(repository: string, digest: string): string {
  const algorithm = algorithmOf(parseDigest(digest));
  return `${repositoryPath(repository)}/blobs/uploads/${algorithm === 'sha256' ? '' : `?digest-algorithm=${algorithm}`}`;
}

/** Where a blob is mounted from another repository, or an upload opened for it (end-11). */
export function mountPath(repository: string, digest: string, from: string): string {
  const query = `?mount=${parseDigest(digest)}&from=${parseRepositoryPath(from)}`;
  return `${repositoryPath(repository)}/blobs/uploads/${query}`;
}

/** The first page of the tags, of so many each (end-8b). */
export function tagsPath(repository: string, count: number): string {
  return `${repositoryPath(repository)}/tags/list?n=${count}`;
}

/** The part of a query that names a digest: for the end of an upload, and for a tagged manifest. */
export function digestQuery(digest: string): string {
  return `digest=${parseDigest(digest)}`;
}

function repositoryPath(repository: string): string {
  return `/v2/${parseRepositoryPath(repository)}`;
}
