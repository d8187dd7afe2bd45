import type { Manifest, Op } from '../content/store.js';
import { RegferryError, detailsOf, isRegferryError, type ErrorCode } from '../errors.js';
import type { HttpResponse } from '../http/message.js';
import { isRetryableStatus } from '../http/retry.js';
import { algorithmOf, isDigest } from '../spec/digest.js';
import { blobsOf, viewManifest } from '../spec/manifest.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { digestQuery, manifestPath } from './endpoints.js';
import { digestHeader } from './received-manifest.js';
import { settleRefusal } from './immutable-tag.js';
import { isWebPage } from '../http/web-page.js';

/** What registries say to bytes that are another manifest than was promised, or none. */
const CHANGED: readonly string[] = ['DIGEST_INVALID', 'MANIFEST_INVALID'];

/**
 * PUT of a manifest under a tag or its digest (spec end-7), exactly these bytes under exactly their media type.
 * An answer that names another digest, twice, is E_READ_BACK: the registry rewrites manifests; once may be a byte that changed on the way, which has to be put right at once, since the tag has it now. A refusal to write what the name
 * stands for already is a success; one to overwrite something else is E_IMMUTABLE_TAG.
 */
export async function putManifest(
  context: RepositoryContext,
  manifest: Manifest,
  name: string,
  op: Op,
): Promise<void> {
  try {
    await putOnce(context, manifest, name, op);
  } catch (error) {
    if (!mayHaveChanged(error)) throw error;
    await putOnce(context, manifest, name, op);
  }
}

/** What we sent was checked by us, so the registry may have got something else than that. */
function mayHaveChanged(error: unknown): boolean {
  if (!isRegferryError(error)) return false;
  return error.code === 'E_READ_BACK' || error.registryCodes.some((code) => CHANGED.includes(code));
}

async function putOnce(context: RepositoryContext, manifest: Manifest, name: string, op: Op): Promise<void> {
  const { client, repository } = context;
  const { bytes, descriptor } = manifest;
  // A tagged manifest is known by its sha256, unless the registry understands which digest it is to have (zot, olareg).
  const wanted = algorithmOf(descriptor.digest) === 'sha256' ? '' : `?${digestQuery(descriptor.digest)}`;
  const target = manifestPath(repository, isDigest(name) ? { digest: name } : { tag: name }) + wanted;
  const send = (retry: boolean): Promise<HttpResponse> =>
    client.send({
      method: 'PUT',
      target,
      scopes: [scopeOf(context)],
      body: { length: bytes.length, type: descriptor.mediaType, open: () => bytes },
      retry,
      signal: op.signal,
    });
  const response = hasUrls(manifest) ? await sendUrls(context, manifest, send, op) : await send(true);
  if (![200, 201, 202].includes(response.status) || isWebPage(response)) {
    const error = explained(await client.failure(response, 'PUT', op), manifest);
    return settleRefusal(context, descriptor, name, error, op);
  }
  const answered = digestHeader(response);
  await response.discard();
  if (answered === undefined || answered === descriptor.digest) return;
  if (algorithmOf(answered) !== algorithmOf(descriptor.digest)) return;
  throw new RegferryError(
    'E_READ_BACK',
    `PUT ${client.registry}${target}: the registry stored ${answered} instead of ${descriptor.digest}: it rewrites manifests, and ${name} is now the one that it made`,
    { side: client.side, digest: descriptor.digest },
  );
}

/** Some refusals read like something else than what they are. */
function explained(error: RegferryError, manifest: Manifest): RegferryError {
  if (refusesUrls(error, manifest)) {
    const hint =
      'the registry does not accept layers with urls; allow them there (distribution: validation.manifests.urls.allow)';
    return reworded(error, 'E_UNSUPPORTED', hint);
  }
  if (error.status === 413) return reworded(error, 'E_LIMIT', 'the registry takes no manifest of this size');
  return error;
}

/**
 * A manifest with urls that is answered 500 is sent once more at once: where it is the urls that are refused, the answer
 * stays the same however often and late it is sent. Everything else is repeated as usual.
 */
async function sendUrls(
  { client }: RepositoryContext,
  manifest: Manifest,
  send: (retry: boolean) => Promise<HttpResponse>,
  op: Op,
): Promise<HttpResponse> {
  for (let refusals = 1; ; refusals += 1) {
    const response = await sendOnce(send);
    if (response === undefined) break;
    if (!isRetryableStatus(response.status)) return response;
    const error = explained(await client.failure(response, 'PUT', op), manifest);
    if (error.retryable) break;
    if (refusals === 2 || saysUrls(error)) throw error;
  }
  return send(true);
}

/** The answer; undefined where none came, and another try may get one. */
async function sendOnce(send: (retry: boolean) => Promise<HttpResponse>): Promise<HttpResponse | undefined> {
  try {
    return await send(false);
  } catch (error) {
    if (isRegferryError(error) && error.retryable) return undefined;
    throw error;
  }
}

/**
 * distribution refuses the urls of foreign layers unless its configuration allows their hosts, and says so with 500 and
 * UNKNOWN; the words "invalid URL on layer" stand in its log alone in 2.8 (distribution#2795).
 */
function refusesUrls(error: RegferryError, manifest: Manifest): boolean {
  return (
    hasUrls(manifest) &&
    (saysUrls(error) || (error.status === 500 && error.registryCodes.includes('UNKNOWN')))
  );
}

function saysUrls({ message }: RegferryError): boolean {
  return message.includes('invalid URL on layer');
}

function hasUrls({ bytes, descriptor }: Manifest): boolean {
  if (!bytes.includes('"urls"')) return false;
  return blobsOf(viewManifest(bytes, descriptor.mediaType)).some(({ urls = [] }) => urls.length > 0);
}

function reworded(error: RegferryError, code: ErrorCode, hint: string): RegferryError {
  return new RegferryError(code, `${error.message}; ${hint}`, {
    ...detailsOf(error),
    // What the registry says to miss besides is a foreign blob, or too large: bringing it again would not help.
    registryCodes: [],
    retryable: false,
    cause: error,
  });
}
