import { listedTag, unknownRepository, unknownTag } from '../content/unknown-tag.js';
import { detailsOf, RegferryError } from '../errors.js';
import { Repository } from '../registry/repository.js';
import type { OpenedImage } from '../place/address.js';

/**
 * An error at the source of a call; where it is that a registry does not have the tag that was asked for, with the tags that
 * it has, or that there is no such repository. That costs one request, which is made for nothing else.
 */
export async function withNearTags(
  error: RegferryError,
  { store, key, isAssumed = false }: Pick<OpenedImage, 'store' | 'key' | 'isAssumed'>,
  signal: AbortSignal,
): Promise<RegferryError> {
  const isTag = error.code === 'E_NOT_FOUND' && error.hint?.code === 'list-tags' && 'tag' in key;
  if (!isTag || error.side === 'target' || !(store instanceof Repository)) return error;
  const place = store.toString();
  const found = await store.firstTags({ signal });
  if (found === undefined) return error;
  const details = { ...detailsOf(error), cause: error.cause ?? error };
  if (found.kind === 'no-repository') return unknownRepository(place, details);
  const isListed = found.tags.includes(key.tag);
  if (isListed) return listedTag(error, place, key.tag);
  const unknown = unknownTag(place, key.tag, found, details);
  if (!isAssumed) return unknown;
  return new RegferryError(unknown.code, `no tag was given, and there is ${unknown.message}`, {
    ...detailsOf(unknown),
    cause: details.cause,
  });
}
