import type { Manifest, ManifestKey, Op, ResolveOptions } from '../content/store.js';
import { isRegferryError } from '../errors.js';
import { codingsOf } from '../http/content-encoding.js';
import type { HttpResponse } from '../http/message.js';
import { isRetryableStatus } from '../http/retry.js';
import { sameOrigin } from '../http/url.js';
import type { Descriptor } from '../spec/descriptor.js';
import { algorithmOf, digestOf } from '../spec/digest.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { MANIFEST_ACCEPT, cleanMediaType } from '../spec/media-types.js';
import { absentManifest } from './absence.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { getDocument, type Document } from './document.js';
import { manifestPath } from './endpoints.js';
import { digestHeader, receivedManifest } from './received-manifest.js';
import { isWebPage } from '../http/web-page.js';

function manifestCall(context: RepositoryContext, method: 'GET' | 'HEAD', key: ManifestKey, op: Op) {
  return {
    method,
    target: manifestPath(context.repository, key),
    scopes: [scopeOf(context)],
    headers: { accept: MANIFEST_ACCEPT },
    signal: op.signal,
  } as const;
}

/**
 * HEAD of a manifest (spec end-3), and GET where that says too little: where HEAD is not known (405, 501) or tells no digest
 * (early ECR) or no type, and where the certainty that is asked for takes more than HEAD's word. Undefined for what is
 * absent, unless that has to be proved (E_NOT_FOUND). Throws E_UNAUTHORIZED, E_DENIED, E_NOT_A_REGISTRY and what the
 * transport throws.
 */
export async function resolveManifest(
  context: RepositoryContext,
  key: ManifestKey,
  options: ResolveOptions,
): Promise<Descriptor | undefined> {
  const { certainty = 'likely' } = options;
  const response = await sendHead(context, key, options);
  const status = response?.status ?? 401;
  if (response !== undefined) {
    await response.discard();
    const found = descriptorOf(response, key);
    if (found !== undefined) return found;
    if (isRetryableStatus(status)) throw await context.client.failure(response, 'HEAD', options);
    if (status === 404 && (await isBelieved(context, response, options))) return undefined;
  }
  if (certainty === 'hint' && status >= 400 && !lacksHead(status)) return undefined;
  return byGet(context, key, options);
}

function descriptorOf(response: HttpResponse, key: ManifestKey): Descriptor | undefined {
  if (response.status !== 200 || isWebPage(response)) return undefined;
  // Whoever asks by digest knows the digest, whatever the header says.
  const digest = 'digest' in key ? key.digest : digestHeader(response);
  const mediaType = cleanMediaType(response.headers.get('content-type'));
  if (digest === undefined || mediaType === undefined) return undefined;
  return { mediaType, digest, size: lengthHeader(response) };
}

/** The answer to HEAD. Undefined for a registry's 401 that logging in does not change. */
async function sendHead(
  context: RepositoryContext,
  key: ManifestKey,
  op: Op,
): Promise<HttpResponse | undefined> {
  try {
    return await context.client.send(manifestCall(context, 'HEAD', key, op));
  } catch (error) {
    // A token service that refuses a login, which is the cause then, would be asked the same again.
    const isAsked = isRegferryError(error) && error.code === 'E_UNAUTHORIZED' && error.cause === undefined;
    if (!isAsked) throw error;
    return undefined;
  }
}

async function byGet(
  context: RepositoryContext,
  key: ManifestKey,
  options: ResolveOptions,
): Promise<Descriptor | undefined> {
  try {
    return (await fetchManifest(context, key, options)).descriptor;
  } catch (error) {
    const isAbsent = isRegferryError(error) && error.code === 'E_NOT_FOUND';
    if (isAbsent && options.certainty !== 'proved') return undefined;
    throw error;
  }
}

function lacksHead(status: number): boolean {
  return status === 405 || status === 501;
}

/**
 * Whether a 404 to HEAD is taken for "absent". A storage that a registry led to, or a proxy in front of it, may answer so to
 * every HEAD; a registry says who it is.
 */
async function isBelieved(
  { client }: RepositoryContext,
  response: HttpResponse,
  { certainty = 'likely', signal }: ResolveOptions,
): Promise<boolean> {
  if (certainty !== 'likely') return certainty === 'hint';
  const spoke = response.headers.get('docker-distribution-api-version') !== undefined;
  return spoke && sameOrigin(response.url, await client.origin({ signal }));
}

/**
 * GET of a manifest, hashed here. A body that is not what was asked for by digest, or not what the answer's own
 * Docker-Content-Digest promises, is E_DIGEST_MISMATCH, another size than the descriptor's E_SIZE_MISMATCH, each after
 * asking once more; a body over 4 MiB is E_LIMIT, schema 1 E_SCHEMA1, and one that is no manifest E_MANIFEST or
 * E_NOT_A_REGISTRY. What an index names by a type that we do not know may be anything, and keeps that type then. A
 * Content-Encoding that nobody asked for is undone, unless the bytes are the promised ones as they are.
 */
export async function fetchManifest(context: RepositoryContext, key: ManifestKey, op: Op): Promise<Manifest> {
  const call = manifestCall(context, 'GET', key, op);
  const isPromised = ({ response, bytes }: Document): boolean => {
    const digest = 'digest' in key ? key.digest : digestHeader(response);
    return digest !== undefined && digestOf(bytes, algorithmOf(digest)) === digest;
  };
  const read = async (): Promise<Manifest> =>
    receivedManifest(context, key, await getDocument(context, call, MANIFEST_BYTES, isPromised), op);
  try {
    return await read();
  } catch (error) {
    if (isRegferryError(error) && error.code === 'E_NOT_FOUND') throw absentManifest(context, key, error);
    if (!isRegferryError(error) || !/^E_(?:DIGEST|SIZE)_MISMATCH$/.test(error.code)) throw error;
    return read();
  }
}

function lengthHeader(response: HttpResponse): number {
  // Of a body that would come in a coding, that is another length.
  if (codingsOf(response.headers).length > 0) return -1;
  const value = response.headers.get('content-length');
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
