import type { Manifest, ManifestKey, Op } from '../content/store.js';
import { wrongSizeNamed } from '../content/verify.js';
import { RegferryError, type ErrorCode } from '../errors.js';
import { codingsInWords, codingsOf } from '../http/content-encoding.js';
import type { HttpResponse } from '../http/message.js';
import { algorithmOf, digestOf, isDigest, type Digest } from '../spec/digest.js';
import { detectMediaType, typeOf } from '../spec/manifest-type.js';
import { schema1Refusal } from '../spec/schema1.js';
import type { RepositoryContext } from './context.js';
import { isMarkup, type Document } from './document.js';
import { manifestPath } from './endpoints.js';
import { noManifest } from './no-manifest.js';

/**
 * The manifest that came for a key. Hash and size come before anything that the document says: a wrong byte in it is a wrong
 * byte, not bad JSON. Throws as fetchManifest says, and retries nothing.
 */
export async function receivedManifest(
  context: RepositoryContext,
  key: ManifestKey,
  document: Document,
  op: Op,
): Promise<Manifest> {
  const { response, bytes } = document;
  const contentType = response.headers.get('content-type');
  const named = 'digest' in key ? key.mediaType : undefined;
  const detected = typeOrNothing(bytes, named, contentType);
  if (detected === undefined && isMarkup(document)) throw await noManifest(context, document, op);
  const schema1 = schema1Refusal(detected ?? named ?? '', urlOf(context, key));
  if (schema1 !== undefined) throw schema1;
  const digest = verified(context, key, document);
  const mediaType = typeOf(bytes, named, contentType);
  if (mediaType === undefined) throw await noManifest(context, document, op);
  const descriptor = { mediaType, digest, size: bytes.length };
  return isCalled(contentType, mediaType) ? { descriptor, bytes } : { descriptor, bytes, label: contentType };
}

/** The digest of a manifest that is what was asked for, or what the answer promises. */
function verified(context: RepositoryContext, key: ManifestKey, { response, bytes }: Document): Digest {
  const expected = 'digest' in key ? key.digest : digestHeader(response);
  const { size = -1 } = 'digest' in key ? key : {};
  const mismatch = (code: ErrorCode, why: string): RegferryError => {
    const { side } = context.client;
    const codings = codingsOf(response.headers);
    const coded = codings.length === 0 ? '' : `; it came with ${codingsInWords(codings)}`;
    return new RegferryError(code, `GET ${urlOf(context, key)}: ${why}${coded}`, { side, digest: expected });
  };
  const digest = digestOf(bytes, expected === undefined ? 'sha256' : algorithmOf(expected));
  if (size >= 0 && size !== bytes.length) {
    const why = digest === expected ? `; ${wrongSizeNamed(bytes.length, size)}` : '';
    throw mismatch('E_SIZE_MISMATCH', `expected ${size} bytes, got ${bytes.length}${why}`);
  }
  if (expected === undefined || digest === expected) return digest;
  const why = `expected ${expected}, got ${digest} (${bytes.length} bytes)`;
  throw mismatch('E_DIGEST_MISMATCH', `${why}; the registry sent another manifest than it promised`);
}

function urlOf({ client, repository }: RepositoryContext, key: ManifestKey): string {
  return client.registry + manifestPath(repository, key);
}

/** Schema 1 hashes its payload, not its bytes, so it has to be recognised before the digest is compared. */
function typeOrNothing(bytes: Buffer, ...labels: readonly (string | undefined)[]): string | undefined {
  try {
    return detectMediaType(bytes, ...labels);
  } catch {
    return undefined;
  }
}

/** True where a Content-Type names this type, with whatever parameters, or where there is none. */
function isCalled(contentType: string | undefined, mediaType: string): boolean {
  return contentType === undefined || baseType(contentType) === baseType(mediaType);
}

function baseType(type: string): string {
  return type.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Docker-Content-Digest, where it is one that can be verified; early ECR leaves it out and some send nonsense. */
export function digestHeader(response: HttpResponse): Digest | undefined {
  const value = response.headers.get('docker-content-digest');
  return value !== undefined && isDigest(value) ? value : undefined;
}
