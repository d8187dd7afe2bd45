import type { Manifest, ManifestKey, Op } from '../content/store.js';
import { RegferryError, isRegferryError } from '../errors.js';
import type { HttpResponse } from '../http/message.js';
import type { Descriptor } from '../spec/descriptor.js';
import { algorithmOf, digestOf, isDigest, type Digest } from '../spec/digest.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { detectMediaType } from '../spec/manifest.js';
import { MANIFEST_ACCEPT, cleanMediaType } from '../spec/media-types.js';
import { schema1Refusal } from '../spec/schema1.js';
import type { RegistryClient } from './client.js';
import { pullScope, pushScope } from './scopes.js';
import type { Scope } from '../auth/authorizer.js';

/** A repository of a registry, and what calls on it ask permission for. */
export interface RepositoryContext {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly access: 'pull' | 'push';
}

/** The scope that every call on this repository asks for. */
export function scopeOf(context: RepositoryContext): Scope {
  return context.access === 'push' ? pushScope(context.repository) : pullScope(context.repository);
}

function keyName(key: ManifestKey): string {
  return 'tag' in key ? key.tag : key.digest;
}

function manifestCall(context: RepositoryContext, method: 'GET' | 'HEAD', key: ManifestKey, op: Op) {
  return {
    method,
    target: `/v2/${context.repository}/manifests/${keyName(key)}`,
    scopes: [scopeOf(context)],
    headers: { accept: MANIFEST_ACCEPT },
    signal: op.signal,
  } as const;
}

/**
 * HEAD of a manifest (spec end-3). Undefined after a 404. Falls back to a GET where HEAD is refused (405, 501) or tells
 * no digest (early ECR). Throws E_UNAUTHORIZED, E_DENIED and what the transport throws.
 */
export async function resolveManifest(
  context: RepositoryContext,
  key: ManifestKey,
  op: Op,
): Promise<Descriptor | undefined> {
  const call = manifestCall(context, 'HEAD', key, op);
  const response = await context.client.send(call);
  await response.discard();
  if (response.status === 404) return undefined;
  if (response.status === 200) {
    const digest = digestHeader(response) ?? ('digest' in key ? key.digest : undefined);
    const mediaType = cleanMediaType(response.headers.get('content-type'));
    if (digest !== undefined && mediaType !== undefined) {
      return { mediaType, digest, size: lengthHeader(response) };
    }
  } else if (response.status !== 405 && response.status !== 501) {
    throw await context.client.failure(response, 'HEAD', op);
  }
  try {
    return (await fetchManifest(context, key, op)).descriptor;
  } catch (error) {
    if (isRegferryError(error) && error.code === 'E_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * GET of a manifest, hashed here. A body that is not what was asked for by digest, or not what the answer's own
 * Docker-Content-Digest promises, is E_DIGEST_MISMATCH; another size than the descriptor's E_SIZE_MISMATCH; a body over
 * 4 MiB E_LIMIT; schema 1 E_SCHEMA1.
 */
export async function fetchManifest(context: RepositoryContext, key: ManifestKey, op: Op): Promise<Manifest> {
  const response = await context.client.send(manifestCall(context, 'GET', key, op));
  const what = describe(context, key);
  if (response.status !== 200) throw await context.client.failure(response, 'GET', op);
  const contentType = response.headers.get('content-type');
  if (contentType?.toLowerCase().startsWith('text/html') === true) {
    throw await context.client.failure(response, 'GET', op);
  }
  const bytes = await response.bytes(MANIFEST_BYTES);
  const promised = 'digest' in key ? key.digest : digestHeader(response);
  const declared = 'digest' in key ? key.mediaType : undefined;
  const mediaType = declared ?? detectMediaType(bytes, contentType);
  const schema1 = schema1Refusal(mediaType, what);
  if (schema1 !== undefined) throw schema1;
  if ('digest' in key) checkSize(bytes, key.size, what, key.digest, context);
  const digest = digestOf(bytes, promised === undefined ? 'sha256' : algorithmOf(promised));
  if (promised !== undefined && digest !== promised) {
    throw new RegferryError(
      'E_DIGEST_MISMATCH',
      `GET ${what}: expected ${promised}, got ${digest} (${bytes.length} bytes); the registry sent another manifest than it promised`,
      { side: context.client.side, digest: promised },
    );
  }
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

function checkSize(
  bytes: Buffer,
  size: number | undefined,
  what: string,
  digest: Digest,
  context: RepositoryContext,
): void {
  if (size === undefined || size < 0 || size === bytes.length) return;
  throw new RegferryError('E_SIZE_MISMATCH', `GET ${what}: expected ${size} bytes, got ${bytes.length}`, {
    side: context.client.side,
    digest,
  });
}

/**
 * PUT of a manifest under a tag or its digest (spec end-7), exactly these bytes under exactly their media type.
 * An answer that names another digest is E_READ_BACK: the registry rewrote the manifest.
 */
export async function putManifest(
  context: RepositoryContext,
  manifest: Manifest,
  name: string,
  op: Op,
): Promise<void> {
  const { bytes, descriptor } = manifest;
  // A tagged manifest is known by its sha256, unless the registry understands which digest it is to have (zot, olareg).
  const wanted = algorithmOf(descriptor.digest) === 'sha256' ? '' : `?digest=${descriptor.digest}`;
  const response = await context.client.send({
    method: 'PUT',
    target: `/v2/${context.repository}/manifests/${name}${wanted}`,
    scopes: [scopeOf(context)],
    body: { length: bytes.length, type: descriptor.mediaType, open: () => bytes },
    signal: op.signal,
  });
  const what = `PUT ${context.client.registry}/v2/${context.repository}/manifests/${name}`;
  if (response.status !== 201 && response.status !== 200 && response.status !== 202) {
    throw await context.client.failure(response, 'PUT', op);
  }
  const answered = digestHeader(response);
  await response.discard();
  if (answered === undefined) return;
  if (algorithmOf(answered) === algorithmOf(descriptor.digest) && answered !== descriptor.digest) {
    throw new RegferryError(
      'E_READ_BACK',
      `${what}: the registry stored ${answered} instead of ${descriptor.digest}; it rewrites manifests`,
      { side: context.client.side, digest: descriptor.digest },
    );
  }
}

function describe(context: RepositoryContext, key: ManifestKey): string {
  return `${context.client.registry}/v2/${context.repository}/manifests/${keyName(key)}`;
}

/** Docker-Content-Digest, where it is one that can be verified; early ECR leaves it out and some send nonsense. */
function digestHeader(response: HttpResponse): Digest | undefined {
  const value = response.headers.get('docker-content-digest');
  return value !== undefined && isDigest(value) ? value : undefined;
}

function lengthHeader(response: HttpResponse): number {
  const value = response.headers.get('content-length');
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
