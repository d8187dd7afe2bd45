import type { ManifestKey } from '../content/store.js';
import { unknownRepository, unknownTag } from '../content/unknown-tag.js';
import { RegferryError, detailsOf, isRegferryError } from '../errors.js';
import { nameOf, type RepositoryContext } from './context.js';

/**
 * A registry's 404 to a manifest in plain words: there is no such tag, digest or repository. The registry's own words are
 * in the cause.
 */
export function absentManifest(
  context: RepositoryContext,
  key: ManifestKey,
  error: RegferryError,
): RegferryError {
  if (error.registryCodes.includes('NAME_UNKNOWN')) return noRepository(context, error);
  const place = nameOf(context);
  const details = { ...detailsOf(error), cause: error };
  if ('tag' in key) return unknownTag(place, key.tag, undefined, details);
  const { digest } = key;
  return new RegferryError('E_NOT_FOUND', `no manifest ${digest} in ${place}`, { ...details, digest });
}

/** The error for a repository that the registry does not know, made of what it answered. */
export function noRepository(context: RepositoryContext, error: RegferryError): RegferryError {
  return unknownRepository(nameOf(context), { ...detailsOf(error), cause: error });
}

/** True for a 404 to a list of tags by which the registry says that it has no such repository; Harbor calls it NOT_FOUND. */
export function isAbsentList(error: unknown): error is RegferryError {
  if (!isRegferryError(error) || error.code !== 'E_NOT_FOUND') return false;
  return error.registryCodes.some((code) => code === 'NAME_UNKNOWN' || code === 'NOT_FOUND');
}
