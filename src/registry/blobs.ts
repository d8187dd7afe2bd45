import { Readable } from 'node:stream';

import type { OpenOptions, Op } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { parseContentRange } from '../http/headers.js';
import type { HttpResponse } from '../http/message.js';
import type { Descriptor } from '../spec/descriptor.js';
import { scopeOf, type RepositoryContext } from './manifests.js';

function blobPath(context: RepositoryContext, descriptor: Descriptor): string {
  return `/v2/${context.repository}/blobs/${descriptor.digest}`;
}

/**
 * HEAD of a blob (spec end-2). True only for a 200 whose Content-Length, where there is one, is the descriptor's size.
 * A 403 or 405 counts as "unknown, so upload it" (Artifactory answers 403 for absent blobs).
 */
export async function hasBlob(context: RepositoryContext, descriptor: Descriptor, op: Op): Promise<boolean> {
  const response = await context.client.send({
    method: 'HEAD',
    target: blobPath(context, descriptor),
    scopes: [scopeOf(context)],
    signal: op.signal,
  });
  await response.discard();
  if (response.status === 200) {
    const length = response.headers.get('content-length');
    return length === undefined || Number(length) === descriptor.size;
  }
  if (response.status === 404 || response.status === 403 || response.status === 405) return false;
  throw await context.client.failure(response, 'HEAD', op);
}

/**
 * GET of a blob's bytes from `offset` (spec end-2, RFC 9110 §14). A server that ignores Range is read from the start and
 * the first bytes are dropped. A Content-Length that contradicts the descriptor is E_SIZE_MISMATCH before a byte is read;
 * another range than the one asked for is E_REFUSED.
 */
export async function openBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  options: OpenOptions,
): Promise<Readable> {
  const offset = options.offset ?? 0;
  const what = `GET ${describe(context, descriptor)}`;
  const response = await context.client.send({
    method: 'GET',
    target: blobPath(context, descriptor),
    scopes: [scopeOf(context)],
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    signal: options.signal,
  });
  if (response.status === 206 && offset > 0) {
    await checkRange(response, descriptor, offset, what);
    return response.stream;
  }
  if (response.status !== 200) throw await context.client.failure(response, 'GET', options);
  const length = response.headers.get('content-length');
  if (length !== undefined && Number(length) !== descriptor.size) {
    await response.discard();
    throw new RegferryError(
      'E_SIZE_MISMATCH',
      `${what}: expected ${descriptor.size} bytes, the registry announces ${Number(length)}`,
      { side: context.client.side, digest: descriptor.digest },
    );
  }
  return offset === 0 ? response.stream : withoutFirst(response.stream, offset);
}

async function checkRange(
  response: HttpResponse,
  descriptor: Descriptor,
  offset: number,
  what: string,
): Promise<void> {
  const range = parseContentRange(response.headers.get('content-range'));
  const fits =
    range?.start === offset &&
    range.end === descriptor.size - 1 &&
    (range.total === undefined || range.total === descriptor.size);
  if (fits) return;
  await response.discard();
  throw new RegferryError(
    'E_REFUSED',
    `${what}: asked for bytes from ${offset} on, the registry answered another range`,
    { digest: descriptor.digest, status: 206 },
  );
}

function withoutFirst(stream: Readable, count: number): Readable {
  const rest = Readable.from(dropFirst(stream, count), { objectMode: false });
  rest.once('close', () => stream.destroy());
  return rest;
}

async function* dropFirst(stream: AsyncIterable<Uint8Array>, count: number): AsyncGenerator<Uint8Array> {
  let left = count;
  for await (const piece of stream) {
    if (piece.length <= left) {
      left -= piece.length;
      continue;
    }
    yield left === 0 ? piece : piece.subarray(left);
    left = 0;
  }
}

function describe(context: RepositoryContext, descriptor: Descriptor): string {
  return `${context.client.registry}/v2/${context.repository}/blobs/${descriptor.digest}`;
}
