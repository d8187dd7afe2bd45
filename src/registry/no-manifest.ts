import type { Op } from '../content/store.js';
import { RegferryError, detailsOf } from '../errors.js';
import { whyNoManifest } from '../spec/manifest-type.js';
import type { RepositoryContext } from './context.js';
import { unread, type Document } from './document.js';

/**
 * The error for a manifest's GET that was answered with something else, with the URL, the status, the Content-Type and the
 * page's title or the first words: E_NOT_A_REGISTRY where nothing there speaks the registry protocol, else E_MANIFEST.
 */
export async function noManifest(
  context: RepositoryContext,
  document: Document,
  op: Op,
): Promise<RegferryError> {
  const failure = await context.client.failure(unread(document), 'GET', op);
  if (failure.code === 'E_NOT_A_REGISTRY') return failure;
  const message = `${failure.message}; that is no manifest: ${whyNoManifest(document.bytes)}`;
  return new RegferryError('E_MANIFEST', message, {
    ...detailsOf(failure),
    retryable: false,
    cause: failure,
  });
}
