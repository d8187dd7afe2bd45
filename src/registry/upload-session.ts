import type { Op } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { parseUploadRange } from '../http/headers.js';
import type { HttpResponse, RequestBody } from '../http/message.js';
import { appendQuery, joinLocation, sameOrigin } from '../http/url.js';
import { algorithmOf, type Digest } from '../spec/digest.js';
import { scopeOf, type RepositoryContext } from './manifests.js';
import { pullScope } from './scopes.js';
import { LARGEST_CHUNK_BYTES } from './upload-ways.js';

/** A finalising request may be answered only after the registry has stored a huge blob. */
const ANSWER_MS = 15 * 60_000;
const CANCEL_MS = 5_000;
const OCTETS = 'application/octet-stream';

/**
 * An open upload (spec end-4a to end-6). Its location is opaque, changes with every answer and is used byte for byte as
 * it came; on another origin it gets no credentials.
 */
export class UploadSession {
  readonly #context: RepositoryContext;
  #location: string;
  /** OCI-Chunk-Min-Length, where the registry named one. */
  readonly chunkMinimum: number;

  constructor(context: RepositoryContext, location: string, chunkMinimum: number) {
    this.#context = context;
    this.#location = location;
    this.chunkMinimum = chunkMinimum;
  }

  /** PUT with the whole body, or with an empty one after PATCHes (spec end-6). Resolves when the registry has the blob. */
  async finish(digest: Digest, body: RequestBody, replayable: boolean, op: Op): Promise<void> {
    const target = appendQuery(this.#location, `digest=${digest}`);
    const response = await this.#send('PUT', target, body, {}, replayable, op);
    if ([200, 201, 202, 204].includes(response.status)) return response.discard();
    throw await this.#context.client.failure(response, 'PUT', op);
  }

  /**
   * PATCH of the bytes from `start` on; with `range` false the Content-Range is left out, as for one streamed PATCH
   * (spec end-5: `<start>-<end>`, no unit, no total). The answer's Range is not believed either way: ECR's never moves,
   * Quay's is off by one, distribution 2.8 answers 202 to a gap; the digest that closes the upload decides.
   */
  async append(start: number, body: RequestBody, range: boolean, op: Op): Promise<void> {
    const headers = range ? { 'content-range': `${start}-${start + body.length - 1}` } : {};
    const response = await this.#send('PATCH', this.#location, body, headers, false, op);
    if (![200, 201, 202, 204].includes(response.status)) {
      throw await this.#context.client.failure(response, 'PATCH', op);
    }
    this.#move(response);
    await response.discard();
  }

  /**
   * How many bytes the registry says it has (spec end-13), or undefined where it does not say. `0-0` may mean none or
   * one, and confirms nothing.
   */
  async confirmedOffset(op: Op): Promise<number | undefined> {
    const response = await this.#send('GET', this.#location, undefined, {}, true, op);
    const range = response.headers.get('range');
    if (response.status === 204 || response.status === 200 || response.status === 202) this.#move(response);
    else return response.discard().then(() => undefined);
    await response.discard();
    return range === undefined || /0-0$/.test(range) ? undefined : parseUploadRange(range);
  }

  /** Best effort, with a short limit of its own: the registry forgets the session by itself in the end. */
  async cancel(): Promise<void> {
    const op = { signal: AbortSignal.timeout(CANCEL_MS) };
    try {
      const response = await this.#send('DELETE', this.#location, undefined, {}, false, op);
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
    replayable: boolean,
    op: Op,
  ): Promise<HttpResponse> {
    return this.#context.client.send({
      method,
      target,
      scopes: [scopeOf(this.#context)],
      headers,
      body,
      retry: method === 'GET',
      replayable,
      answerTimeoutMs: body === undefined ? undefined : ANSWER_MS,
      signal: op.signal,
    });
  }

  #move(response: HttpResponse): void {
    const location = response.headers.get('location');
    if (location !== undefined) this.#location = uploadLocation(response, location);
  }
}

/** What a POST led to: the blob was mounted, or an upload is open. */
export type UploadStart =
  { readonly mounted: true } | { readonly mounted: false; readonly session: UploadSession };

/**
 * POST that opens an upload, or mounts the blob from another repository of the registry (spec end-4a, end-11).
 * A refused mount's session (202) is used; a mount that the registry answers with an error is asked again as a plain
 * upload with the narrower scope.
 */
export async function startUpload(
  context: RepositoryContext,
  digest: Digest,
  mountFrom: string | undefined,
  op: Op,
): Promise<UploadStart> {
  const query =
    mountFrom !== undefined
      ? `?mount=${digest}&from=${mountFrom}`
      : algorithmOf(digest) === 'sha256'
        ? ''
        : `?digest-algorithm=${algorithmOf(digest)}`;
  const response = await context.client.send({
    method: 'POST',
    target: `/v2/${context.repository}/blobs/uploads/${query}`,
    scopes: [scopeOf(context), ...(mountFrom === undefined ? [] : [pullScope(mountFrom)])],
    body: { length: 0, type: OCTETS, open: () => Buffer.alloc(0) },
    signal: op.signal,
  });
  if (response.status === 201 && mountFrom !== undefined) {
    await response.discard();
    return { mounted: true };
  }
  if (response.status === 202) return { mounted: false, session: await openedSession(context, response) };
  if (mountFrom !== undefined && response.status >= 400 && response.status < 500 && response.status !== 429) {
    await response.discard();
    return startUpload(context, digest, undefined, op);
  }
  throw await context.client.failure(response, 'POST', op);
}

async function openedSession(context: RepositoryContext, response: HttpResponse): Promise<UploadSession> {
  const location = response.headers.get('location');
  const minimum = response.headers.get('oci-chunk-min-length');
  await response.discard();
  if (location === undefined) {
    throw new RegferryError(
      'E_REFUSED',
      `POST ${context.client.registry}/v2/${context.repository}/blobs/uploads/ answered 202 without a Location, so there is nowhere to upload to`,
      { side: context.client.side, status: 202 },
    );
  }
  const bytes = minimum !== undefined && /^\d{1,12}$/.test(minimum) ? Number(minimum) : 0;
  return new UploadSession(
    context,
    uploadLocation(response, location),
    bytes > LARGEST_CHUNK_BYTES ? Infinity : bytes,
  );
}

/**
 * The absolute upload URL. A registry on https behind a proxy that forgot X-Forwarded-Proto names itself with http:
 * that is put right, never followed in the clear (distribution#970).
 */
function uploadLocation(response: HttpResponse, location: string): string {
  const url = joinLocation(response.url, location);
  if (response.url.startsWith('https:') && url.startsWith('http:')) {
    const secure = `https:${url.slice('http:'.length)}`;
    if (sameOrigin(secure, response.url)) return secure;
    throw new RegferryError(
      'E_REFUSED',
      'the registry sent an upload from https to http on another host; refused',
    );
  }
  return url;
}
