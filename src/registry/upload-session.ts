import type { Op } from '../content/store.js';
import { RegferryError, isRegferryError, throwIfAborted } from '../errors.js';
import { parseUploadRange } from '../http/headers.js';
import { UPLOAD_ANSWER_TIMEOUT_MS } from '../http/limits.js';
import type { HttpHeaders, HttpResponse, RequestBody } from '../http/message.js';
import { appendQuery } from '../http/url.js';
import { algorithmOf, type Digest } from '../spec/digest.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { digestQuery, mountPath, uploadsPath } from './endpoints.js';
import { LARGEST_CHUNK_BYTES, LEAST_MAXIMUM_BYTES } from './limits.js';
import { digestHeader } from './received-manifest.js';
import { handedLocation } from './location.js';
import { pullScope } from './scopes.js';
import { isWebPage } from '../http/web-page.js';

/** How long a cancellation may take. */
const CANCEL_MS = 5_000;
/** How long an interrupted copy waits for the answer that says what there is to cancel. */
const GRACE_MS = 2_500;
const OCTETS = 'application/octet-stream';

/**
 * An open upload (spec end-4a to end-6). Its location is opaque, changes with every answer and is used byte for byte as
 * it came; on another origin it gets no credentials.
 */
export class UploadSession {
  readonly #context: RepositoryContext;
  #location: string;
  readonly chunks: ChunkBounds;

  constructor(context: RepositoryContext, location: string, chunks: ChunkBounds) {
    this.#context = context;
    this.#location = location;
    this.chunks = chunks;
  }

  /**
   * PUT with the whole body, with an empty one after PATCHes, or with the last chunk, which then starts at `start`
   * (spec end-6). Resolves when the registry has the blob; an answer that names another one is E_READ_BACK. The whole body goes without Content-Range, since some servers
   * would then apply their rules for chunks (openai/tart#179).
   */
  async finish(digest: Digest, body: RequestBody, start: number | undefined, op: Op): Promise<void> {
    const target = appendQuery(this.#location, digestQuery(digest));
    const response = await this.#send('PUT', target, body, contentRange(start, body), op);
    if (isDone(response)) {
      await response.discard();
      if (!namesAnother(response, digest)) return;
      const { registry, side } = this.#context.client;
      const text = `PUT to an upload at ${registry}/${this.#context.repository}: the registry stored ${digestHeader(response)} instead of ${digest}`;
      throw new RegferryError('E_READ_BACK', text, { side, digest });
    }
    throw await this.#context.client.failure(response, 'PUT', op);
  }

  /**
   * PATCH of the bytes from `start` on; with `range` false the Content-Range is left out, as for one streamed PATCH
   * (spec end-5: `<start>-<end>`, no unit, no total). The answer's Range is not believed either way: ECR's never moves,
   * Quay's is off by one, distribution 2.8 answers 202 to a gap; the digest that closes the upload decides.
   */
  async append(start: number, body: RequestBody, range: boolean, op: Op): Promise<void> {
    const headers = contentRange(range ? start : undefined, body);
    const response = await this.#send('PATCH', this.#location, body, headers, op);
    if (!isDone(response)) throw await this.#context.client.failure(response, 'PATCH', op);
    this.#move(response);
    await response.discard();
  }

  /**
   * How many bytes the registry says it has (spec end-13), or undefined where it does not say. `0-0` may mean none or
   * one, and confirms nothing.
   */
  async confirmedOffset(op: Op): Promise<number | undefined> {
    const response = await this.#send('GET', this.#location, undefined, {}, op);
    const range = response.headers.get('range');
    await response.discard();
    if (!isDone(response)) return undefined;
    this.#move(response);
    return range === undefined || /0-0$/.test(range.trim()) ? undefined : parseUploadRange(range);
  }

  /** Best effort, with a short limit of its own: the registry forgets the session by itself in the end. */
  async cancel(): Promise<void> {
    const op = { signal: AbortSignal.timeout(CANCEL_MS) };
    try {
      const response = await this.#send('DELETE', this.#location, undefined, {}, op);
      await response.discard();
    } catch {
      // Registries often refuse this, and the copy has its own error to report.
    }
  }

  async #send(
    method: 'GET' | 'PUT' | 'PATCH' | 'DELETE',
    target: string,
    body: RequestBody | undefined,
    headers: Record<string, string>,
    op: Op,
  ): Promise<HttpResponse> {
    return this.#context.client.send({
      method,
      target,
      place: this.#context.place,
      scopes: [scopeOf(this.#context)],
      headers,
      body,
      // A body that was refused for its moment is for this session still: it has taken none of it.
      retry: method === 'GET' || (method !== 'DELETE' && 'refused'),
      // Tokens seldom allow it, and a cancellation is not worth a new one.
      login: method !== 'DELETE',
      // The closing request may be answered only after the registry has stored a huge blob.
      answerTimeoutMs: body && (this.#context.answerTimeoutMs ?? UPLOAD_ANSWER_TIMEOUT_MS),
      // The answer to a PATCH has the Location by which the upload can be cancelled.
      graceMs: method === 'PATCH' ? GRACE_MS : undefined,
      signal: op.signal,
    });
  }

  #move(response: HttpResponse): void {
    const location = response.headers.get('location');
    if (location !== undefined) this.#location = handedLocation(response, location);
  }
}

/** What a registry said about the size of chunks, in bytes: OCI-Chunk-Min-Length and, at Cloudflare's, OCI-Chunk-Max-Length. */
export interface ChunkBounds {
  readonly minimum: number;
  readonly maximum: number;
}

function contentRange(start: number | undefined, body: RequestBody): Record<string, string> {
  return start === undefined ? {} : { 'content-range': `${start}-${start + body.length - 1}` };
}

/** ECR answers a PATCH with 201, Pulp with 204, old registries a PUT with 200, 202 or 204. */
function isDone(response: HttpResponse): boolean {
  return [200, 201, 202, 204].includes(response.status) && !isWebPage(response);
}

/** True for an answer that names another digest, by the same algorithm, than what was asked for. */
function namesAnother(response: HttpResponse, digest: Digest): boolean {
  const answered = digestHeader(response);
  return answered !== undefined && answered !== digest && algorithmOf(answered) === algorithmOf(digest);
}

/** What a POST led to: the blob was mounted, or an upload is open. */
export type UploadStart =
  { readonly mounted: true } | { readonly mounted: false; readonly session: UploadSession };

/**
 * POST that opens an upload, or mounts the blob from another repository of the registry (spec end-4a, end-11).
 * A refused mount's session (202) is used; a mount that the registry or its token service refuses is asked again as a
 * plain upload with the narrower scope.
 */
export async function startUpload(
  context: RepositoryContext,
  digest: Digest,
  mountFrom: string | undefined,
  op: Op,
): Promise<UploadStart> {
  const mounting = mountFrom === undefined ? undefined : await tryMount(context, digest, mountFrom, op);
  if (mounting !== undefined) return mounting;
  const response = await post(context, uploadsPath(context.repository, digest), undefined, op);
  if (response.status === 202) return await opened(context, response, op);
  throw await context.client.failure(response, 'POST', op);
}

/**
 * Undefined where mounting is refused: 401, 403, 404 and 405 were seen, and a token service that refuses the scope. A mount
 * from the repository itself is a shortcut alone: whatever is wrong with it, the plain upload is tried.
 */
async function tryMount(
  context: RepositoryContext,
  digest: Digest,
  mountFrom: string,
  op: Op,
): Promise<UploadStart | undefined> {
  try {
    const response = await post(context, mountPath(context.repository, digest, mountFrom), mountFrom, op);
    if (response.status === 202) return await opened(context, response, op);
    if (response.status !== 201) throw await context.client.failure(response, 'POST', op);
    await response.discard();
    // Whatever was mounted, it is not what was asked for: the bytes go up.
    return namesAnother(response, digest) ? undefined : { mounted: true };
  } catch (error) {
    if (!isRegferryError(error) || op.signal?.aborted === true) throw error;
    const own = mountFrom === context.repository;
    const tooOften = error.status === 429;
    if (own && !tooOften) context.client.uploads.refusedOwnMount();
    // A longer pause than is allowed would be asked for without the mount, too.
    if (own ? !tooOften || error.retryable : isMountRefusal(error)) return undefined;
    throw error;
  }
}

function isMountRefusal({ code, status }: RegferryError): boolean {
  // a 401 that names no way to log in has no status of its own any more
  if (code === 'E_UNAUTHORIZED') return true;
  return status !== undefined && status >= 400 && status < 500 && status !== 429;
}

function post(
  context: RepositoryContext,
  target: string,
  mountFrom: string | undefined,
  op: Op,
): Promise<HttpResponse> {
  const own = mountFrom === context.repository;
  return context.client.send({
    method: 'POST',
    target,
    place: context.place,
    scopes: [scopeOf(context), ...(mountFrom === undefined || own ? [] : [pullScope(mountFrom)])],
    body: { length: 0, type: OCTETS, open: () => Buffer.alloc(0) },
    retry: !own,
    // What is interrupted here would leave an upload behind that nobody knows the name of.
    graceMs: GRACE_MS,
    signal: op.signal,
  });
}

/** The upload that a POST has opened; cancelled at once where it was interrupted meanwhile. */
async function opened(context: RepositoryContext, response: HttpResponse, op: Op): Promise<UploadStart> {
  const session = await openedSession(context, response);
  if (op.signal?.aborted === true) await session.cancel();
  throwIfAborted(op.signal);
  return { mounted: false, session };
}

async function openedSession(context: RepositoryContext, response: HttpResponse): Promise<UploadSession> {
  const location = response.headers.get('location');
  await response.discard();
  if (location === undefined) {
    throw new RegferryError(
      'E_REFUSED',
      `POST ${context.client.registry}, open an upload in ${context.repository}: it answered 202 without a Location, so there is nowhere to upload to`,
      { side: context.client.side, status: 202 },
    );
  }
  const minimum = bytesHeader(response.headers, 'oci-chunk-min-length') ?? 0;
  const maximum = bytesHeader(response.headers, 'oci-chunk-max-length') ?? 0;
  return new UploadSession(context, handedLocation(response, location), {
    minimum: minimum > LARGEST_CHUNK_BYTES ? Infinity : minimum,
    maximum: maximum < LEAST_MAXIMUM_BYTES ? Infinity : maximum,
  });
}

function bytesHeader(headers: HttpHeaders, name: string): number | undefined {
  const value = headers.get(name)?.trim() ?? '';
  return /^\d{1,12}$/.test(value) ? Number(value) : undefined;
}
