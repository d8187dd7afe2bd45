import { unknownRepository, unknownTag } from '../content/unknown-tag.js';
import { RegferryError, detailsOf, isRegferryError } from '../errors.js';
import { Repository } from '../registry/repository.js';
import type { OpenedSource } from './images.js';

/**
 * An error at the source of a call; where it is that a registry does not have the tag that was asked for, with the tags that
 * it has, or that there is no such repository. That costs one request, which is made for nothing else.
 */
export async function withNearTags(
  error: RegferryError,
  { store, key }: Pick<OpenedSource, 'store' | 'key'>,
  signal: AbortSignal,
): Promise<RegferryError> {
  const isTag = error.code === 'E_NOT_FOUND' && error.hint?.code === 'list-tags' && 'tag' in key;
  if (!isTag || error.side === 'target' || !(store instanceof Repository)) return error;
  const place = store.toString();
  const found = await store.firstTags({ signal });
  if (found === undefined) return error;
  const details = { ...detailsOf(error), cause: error.cause ?? error };
  if (found.kind === 'no-repository') return unknownRepository(place, details);
  if (!found.tags.includes(key.tag)) return unknownTag(place, key.tag, found, details);
  const why = isRegferryError(error.cause) ? error.cause.message : error.message;
  const message = `${place} lists the tag "${key.tag}", but does not have it: ${why}`;
  return new RegferryError('E_NOT_FOUND', message, { ...details, hint: undefined });
}
