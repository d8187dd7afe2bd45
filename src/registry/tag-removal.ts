import type { Op } from '../content/store.js';
import { RegferryError, detailsOf } from '../errors.js';
import type { RepositoryContext } from './context.js';
import { manifestPath } from './endpoints.js';
import { deleteScope } from './scopes.js';
import { isWebPage } from '../http/web-page.js';

/** What registries answer that cannot delete a tag alone: distribution 2.8 takes it for a bad digest, others do not allow it. */
const CANNOT: readonly number[] = [400, 405, 415, 501];

/**
 * DELETE of a tag by its name (spec end-9), never of what it names: that would take every tag of the digest with it. A tag
 * that is not there is no failure. Throws E_UNSUPPORTED where the registry deletes no tags, E_UNAUTHORIZED and E_DENIED for
 * a login that may not.
 */
export async function deleteTag(context: RepositoryContext, tag: string, op: Op): Promise<void> {
  const { client, repository } = context;
  const response = await client.send({
    method: 'DELETE',
    target: manifestPath(repository, { tag }),
    scopes: [deleteScope(repository)],
    signal: op.signal,
  });
  const { status } = response;
  if ([200, 202, 204, 404].includes(status) && !isWebPage(response)) {
    await response.discard();
    return;
  }
  const error = await client.failure(response, 'DELETE', op);
  if (!CANNOT.includes(status) || error.code === 'E_NOT_A_REGISTRY') throw error;
  const message = `${client.registry} cannot delete a tag by its name: ${error.message}`;
  throw new RegferryError('E_UNSUPPORTED', message, { ...detailsOf(error), cause: error });
}
