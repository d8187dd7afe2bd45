import type { Digest } from '../spec/digest.js';
import type { RouteContext } from './context.js';
import { parseRange } from './range.js';
import { Refusal } from './refusal.js';
import type { RepositoryStorage } from './storage.js';

/**
 * `GET` and `HEAD /v2/<name>/blobs/<digest>`, with one Range.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs
 */
export async function getBlob(
  context: RouteContext,
  repository: RepositoryStorage,
  digest: Digest,
): Promise<void> {
  const { exchange } = context;
  const size = await repository.blobSize(digest);
  if (size === undefined) throw unknownBlob(digest);
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
    ETag: `"${digest}"`,
  };
  const range = exchange.method === 'GET' ? parseRange(exchange.header('range'), size) : undefined;
  if (range === 'unsatisfiable') {
    const message = `the blob has ${size} bytes, and none of them was asked for`;
    throw new Refusal(416, 'RANGE_INVALID', message, { headers: { 'Content-Range': `bytes */${size}` } });
  }
  if (range === undefined) {
    await exchange.stream(200, headers, size, () => repository.openBlob(digest, { start: 0, end: size }));
    return;
  }
  const contentRange = `bytes ${range.start}-${range.end - 1}/${size}`;
  await exchange.stream(206, { ...headers, 'Content-Range': contentRange }, range.end - range.start, () =>
    repository.openBlob(digest, range),
  );
}

/** `DELETE /v2/<name>/blobs/<digest>`: from this repository alone. */
export async function deleteBlob(
  context: RouteContext,
  repository: RepositoryStorage,
  digest: Digest,
): Promise<void> {
  if (!(await repository.deleteBlob(digest))) throw unknownBlob(digest);
  context.exchange.send(202);
}

function unknownBlob(digest: Digest): Refusal {
  return new Refusal(404, 'BLOB_UNKNOWN', 'this repository does not have the blob', { detail: { digest } });
}
