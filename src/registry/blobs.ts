import { Readable } from 'node:stream';

import type { OpenOptions, Op } from '../content/store.js';
import { BlobVerifier, verifiedBytes } from '../content/verify.js';
import { RegferryError, isRegferryError } from '../errors.js';
import { codingsInWords, codingsOf } from '../http/content-encoding.js';
import { parseContentRange } from '../http/headers.js';
import type { HttpResponse } from '../http/message.js';
import { isRetryableStatus } from '../http/retry.js';
import type { Descriptor } from '../spec/descriptor.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { blobPath } from './endpoints.js';
import { isWebPage } from '../http/web-page.js';

/**
 * HEAD of a blob (spec end-2). True only for a 200 whose Content-Length, where there is one, is the descriptor's size.
 * With `retry` false it is asked once only. What is neither that nor asks to wait counts as "unknown, so upload it"
 * (Artifactory answers 403 for absent blobs, a storage whose links are signed for GET 400 or 403): the upload is then
 * refused where HEAD was right. But for a 401 of the registry itself, which a login was tried for.
 */
export async function hasBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  op: Op,
  retry = true,
): Promise<boolean> {
  const response = await context.client.send({
    method: 'HEAD',
    target: blobPath(context.repository, descriptor.digest),
    scopes: [scopeOf(context)],
    place: context.place,
    retry,
    signal: op.signal,
  });
  await response.discard();
  if (response.status === 200) {
    const length = response.headers.get('content-length');
    if (length !== undefined && codingsOf(response.headers).length === 0)
      return Number(length) === descriptor.size;
    if (!isWebPage(response)) return true;
  }
  const { status } = response;
  if (status !== 200 && !isRetryableStatus(status)) return false;
  throw await context.client.failure(response, 'HEAD', op);
}

/**
 * GET of a blob's bytes from `offset` (spec end-2, RFC 9110 §14). Where a server ignores Range, answers another range or
 * knows none, the blob is read from the start and the first bytes are dropped. A Content-Length that contradicts the
 * descriptor is E_SIZE_MISMATCH before a byte is read.
 */
export async function openBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  options: OpenOptions,
): Promise<Readable> {
  const offset = options.offset ?? 0;
  if (offset === 0)
    return openWhole(context, descriptor, await getBlob(context, descriptor, 0, options), options);
  if (offset === descriptor.size) return Readable.from([], { objectMode: false });
  const response = await getBlob(context, descriptor, offset, options);
  const isPlain = codingsOf(response.headers).length === 0;
  if (response.status === 206 && isPlain && isRest(response, descriptor, offset)) return response.stream;
  if (response.status !== 206 && response.status !== 416) {
    return withoutFirst(await openWhole(context, descriptor, response, options), offset);
  }
  await response.discard();
  const whole = await getBlob(context, descriptor, 0, options);
  return withoutFirst(await openWhole(context, descriptor, whole, options), offset);
}

function getBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  offset: number,
  op: Op,
): Promise<HttpResponse> {
  return context.client.send({
    method: 'GET',
    target: blobPath(context.repository, descriptor.digest),
    scopes: [scopeOf(context)],
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    signal: op.signal,
  });
}

async function openWhole(
  context: RepositoryContext,
  descriptor: Descriptor,
  response: HttpResponse,
  op: Op,
): Promise<Readable> {
  if (response.status !== 200) throw await context.client.failure(response, 'GET', op);
  const codings = codingsOf(response.headers);
  if (codings.length > 0) return checked(response.stream, descriptor, codings);
  const length = response.headers.get('content-length');
  if (length === undefined || Number(length) === descriptor.size) return response.stream;
  // Only here: a blob may well be a page, and then its hash is right.
  if (isWebPage(response)) throw await context.client.failure(response, 'GET', op);
  await response.discard();
  throw new RegferryError(
    'E_SIZE_MISMATCH',
    `GET ${context.client.registry}${blobPath(context.repository, descriptor.digest)}: expected ${descriptor.size} bytes, the registry announces ${Number(length)}; if others can read it, the manifest that names its size is at fault and has to be built again`,
    { side: context.client.side, digest: descriptor.digest },
  );
}

/** True for one range that starts where it was asked to and goes to the end of this very blob; false for several (multipart/byteranges). */
function isRest(response: HttpResponse, descriptor: Descriptor, offset: number): boolean {
  const range = parseContentRange(response.headers.get('content-range'));
  return (
    range?.start === offset &&
    range.end === descriptor.size - 1 &&
    (range.total === undefined || range.total === descriptor.size)
  );
}

/**
 * Bytes that came in a coding which nobody asked for, as they are: storages put the type of a layer there. Where they are
 * not the blob, the error has to name the coding, so they are hashed here as well.
 */
function checked(stream: Readable, descriptor: Descriptor, codings: readonly string[]): Readable {
  const { digest } = descriptor;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield* verifiedBytes(stream, new BlobVerifier(descriptor));
    } catch (error) {
      if (!isRegferryError(error) || !/^E_(?:DIGEST|SIZE)_MISMATCH$/.test(error.code)) throw error;
      const text = `${error.message}; it came with ${codingsInWords(codings)}`;
      throw new RegferryError(error.code, text, { digest, cause: error });
    }
  }
  const readable = Readable.from(pieces(), { objectMode: false });
  readable.once('close', () => stream.destroy());
  return readable;
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
