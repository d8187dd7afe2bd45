import { JoinedBytes } from '../content/joined-bytes.js';
import { isRegferryError } from '../errors.js';
import { algorithmOf, digestOf, isDigest } from '../spec/digest.js';
import type { Digest } from '../spec/digest.js';
import { viewManifest, blobsOf } from '../spec/manifest.js';
import type { ManifestView } from '../spec/manifest.js';
import { detectMediaType, knownType } from '../spec/manifest-type.js';
import { cleanMediaType, isForeignLayerType } from '../spec/media-types.js';
import { isTag } from '../spec/reference.js';
import type { RouteContext } from './context.js';
import { digestParameter } from './parameters.js';
import { Refusal } from './refusal.js';
import type { RepositoryStorage } from './storage.js';

/**
 * `GET` and `HEAD /v2/<name>/manifests/<tag or digest>`: exactly the bytes and the Content-Type that were pushed. The
 * Accept header changes nothing.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
 */
export async function getManifest(
  context: RouteContext,
  repository: RepositoryStorage,
  reference: string,
): Promise<void> {
  const { exchange } = context;
  const key = manifestKey(reference);
  const manifest = key === undefined ? undefined : await repository.manifest(key);
  if (manifest === undefined) throw unknownManifest(reference);
  const { digest, mediaType } = manifest.descriptor;
  const headers = { 'Content-Type': mediaType, 'Docker-Content-Digest': digest, ETag: `"${digest}"` };
  if (exchange.header('if-none-match') === `"${digest}"`) exchange.send(304, headers);
  else exchange.send(200, headers, manifest.bytes);
}

/** Bytes of a manifest that are not counted while it comes; few real ones have more. */
const freeBody = 64 * 1024;

/** Most tags that one push by digest may set. */
const mostTags = 100;

/**
 * `PUT /v2/<name>/manifests/<tag or digest>`. What the manifest names must be there already, its subject excepted.
 * `?digest=` gives a tagged manifest a digest of another algorithm; `?tag=`, as often as needed, sets tags with a push by
 * digest, which OCI-Tag confirms.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export async function putManifest(context: RouteContext, reference: string): Promise<void> {
  const { exchange } = context;
  const key = manifestKey(reference);
  if (key === undefined) {
    const code = reference.includes(':') ? 'DIGEST_INVALID' : 'TAG_INVALID';
    throw new Refusal(400, code, 'a manifest is named by a tag, or by a sha256 or sha512 digest');
  }
  const wanted = 'digest' in key ? key.digest : wantedDigest(exchange.query);
  const tags = 'tag' in key ? [key.tag] : wantedTags(exchange.query);
  await withBody(context, (bytes) => take(context, { wanted, tags, byDigest: 'digest' in key }, bytes));
}

interface Wanted {
  /** The digest that the bytes must have. */
  readonly wanted: Digest | undefined;
  readonly tags: readonly string[];
  readonly byDigest: boolean;
}

async function take(context: RouteContext, { wanted, tags, byDigest }: Wanted, bytes: Buffer): Promise<void> {
  const { exchange, registry } = context;
  const digest = digestOf(bytes, wanted === undefined ? 'sha256' : algorithmOf(wanted));
  if (wanted !== undefined && digest !== wanted) {
    throw new Refusal(400, 'DIGEST_INVALID', 'the bytes that arrived have another digest', {
      detail: { digest },
    });
  }
  const { mediaType, view } = examine(bytes, exchange.header('content-type'));
  const existing = await registry.storage.repository(context.name);
  if (!registry.sparse) await checkNamed(existing, view);
  const repository = existing ?? (await registry.storage.create(context.name));
  const manifest = { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  await repository.putManifest(manifest, tags);
  const subject = view.kind === 'opaque' ? undefined : view.subject?.digest;
  exchange.send(201, {
    Location: `/v2/${context.name}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ...(subject !== undefined && { 'OCI-Subject': subject }),
    ...(byDigest && tags.length > 0 && { 'OCI-Tag': tags }),
  });
}

/** `DELETE /v2/<name>/manifests/<tag or digest>`: the tag alone, or the manifest with all of its tags. */
export async function deleteManifest(
  context: RouteContext,
  repository: RepositoryStorage,
  reference: string,
): Promise<void> {
  const key = manifestKey(reference);
  if (key === undefined) throw unknownManifest(reference);
  const deleted =
    'tag' in key ? await repository.deleteTag(key.tag) : await repository.deleteManifest(key.digest);
  if (!deleted) throw unknownManifest(reference);
  context.exchange.send(202);
}

function manifestKey(reference: string): { readonly tag: string } | { readonly digest: Digest } | undefined {
  if (isDigest(reference)) return { digest: reference };
  return isTag(reference) ? { tag: reference } : undefined;
}

function wantedDigest(query: URLSearchParams): Digest | undefined {
  return query.has('digest') ? digestParameter(query.get('digest')) : undefined;
}

function wantedTags(query: URLSearchParams): readonly string[] {
  const given = query.getAll('tag');
  if (given.length > mostTags) {
    throw new Refusal(414, 'TAG_INVALID', `one push can set at most ${mostTags} tags`);
  }
  const wrong = given.find((tag) => !isTag(tag));
  if (wrong === undefined) return [...new Set(given)];
  throw new Refusal(400, 'TAG_INVALID', 'a tag has letters, digits, . _ and -, and at most 128 of them', {
    detail: { tag: wrong },
  });
}

/**
 * Reads the manifest, and counts it as long as the task with it runs: all that are under way may take so much memory. Small
 * ones always pass, so that whoever sends large ones slowly is in nobody's way. Throws a 503 where there is no room.
 */
async function withBody(context: RouteContext, task: (bytes: Buffer) => Promise<void>): Promise<void> {
  const { exchange, registry } = context;
  const { bodies, manifestBytes: limit } = registry;
  const tooLarge = new Refusal(413, 'SIZE_INVALID', `a manifest has at most ${limit} bytes`);
  if ((exchange.contentLength ?? 0) > limit) throw tooLarge;
  const bytes = new JoinedBytes();
  let counted = 0;
  try {
    for await (const chunk of exchange.body()) {
      if (bytes.length + chunk.length > limit) throw tooLarge;
      const more = Math.max(0, bytes.length + chunk.length - freeBody) - counted;
      bodies.take(more);
      counted += more;
      bytes.append(chunk);
    }
    await task(bytes.toBuffer());
  } finally {
    bodies.give(counted);
  }
}

/** The type to keep, which is the one that was sent where it says anything, and what the manifest names. */
function examine(bytes: Buffer, contentType: string | undefined): { mediaType: string; view: ManifestView } {
  try {
    const detected = detectMediaType(bytes, contentType);
    const declared = knownType(contentType);
    if (detected !== undefined && declared !== undefined && detected !== declared) {
      const message = `the request's Content-Type is ${declared}, but the document is ${detected}`;
      throw new Refusal(400, 'MANIFEST_INVALID', message);
    }
    const sent = cleanMediaType(contentType) === undefined ? undefined : contentType;
    const mediaType = sent ?? detected;
    if (mediaType === undefined) {
      throw new Refusal(400, 'MANIFEST_INVALID', 'neither the request nor the document says what it is');
    }
    return { mediaType, view: viewManifest(bytes, detected ?? mediaType) };
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    throw new Refusal(400, 'MANIFEST_INVALID', error.message);
  }
}

async function checkNamed(repository: RepositoryStorage | undefined, view: ManifestView): Promise<void> {
  // What an index lists may be either, whatever it is listed as.
  for (const { digest, mediaType, size } of view.kind === 'index' ? view.manifests : []) {
    if (isForeignLayerType(mediaType)) continue;
    if ((await repository?.manifest({ digest })) !== undefined) continue;
    const kind = knownType(mediaType) === undefined ? 'manifest or blob' : 'manifest';
    if ((await repository?.blobSize(digest, size)) === undefined) throw unknownPart(kind, digest);
  }
  for (const { digest, mediaType, size } of view.kind === 'index' ? [] : blobsOf(view)) {
    if (isForeignLayerType(mediaType)) continue;
    if ((await repository?.blobSize(digest, size)) === undefined) throw unknownPart('blob', digest);
  }
}

/** 400 as distribution has it, not the 404 of other registries. */
function unknownPart(kind: string, digest: Digest): Refusal {
  const message = `the manifest names a ${kind} that this repository does not have`;
  return new Refusal(400, 'MANIFEST_BLOB_UNKNOWN', message, { detail: { digest } });
}

function unknownManifest(reference: string): Refusal {
  const message = 'this repository does not have the manifest';
  return new Refusal(404, 'MANIFEST_UNKNOWN', message, { detail: { reference } });
}
