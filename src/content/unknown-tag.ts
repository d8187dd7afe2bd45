import { RegferryError, detailsOf, isRegferryError, type ErrorDetails } from '../errors.js';
import { nearTags } from '../spec/near-tags.js';
import { printable } from '../spec/printable.js';

/** What there is in a place that lacks a tag. */
export interface KnownTags {
  readonly tags: readonly string[];
  /** Images that no tag leads to, as they can be asked for: `@sha256:…`. */
  readonly others?: readonly string[] | undefined;
  /** True where there are more than these. @default false */
  readonly isPart?: boolean | undefined;
}

/** Most names that a message lists. */
const LISTED = 5;

/**
 * The error for a tag that a place does not have (E_NOT_FOUND), with those of its tags that are nearest to it, in words and
 * in the hint, where it is known which there are. `place` is how it is called in messages and as an argument.
 */
export function unknownTag(
  place: string,
  tag: string,
  known: KnownTags | undefined,
  details: ErrorDetails = {},
): RegferryError {
  const near = known && nearTags(tag, known.tags);
  const has = known === undefined || near === undefined ? '' : `; ${whatItHas(near, known)}`;
  return new RegferryError('E_NOT_FOUND', `no tag "${printable(tag, 160)}" in ${place}${has}`, {
    ...details,
    hint: { code: 'list-tags', repository: place, ...(near && { near }) },
  });
}

/** That a tag is not there, of one that the place lists all the same: as it was answered, since "no such tag" is not true. */
export function listedTag(error: RegferryError, place: string, tag: string): RegferryError {
  if (error.hint?.code !== 'list-tags') return error;
  const why = isRegferryError(error.cause) ? error.cause.message : error.message;
  const message = `${why}, though ${place} lists the tag "${printable(tag, 160)}"`;
  return new RegferryError(error.code, message, { ...detailsOf(error), cause: error, hint: undefined });
}

/** The error for a repository that is not there (E_NOT_FOUND). */
export function unknownRepository(place: string, details: ErrorDetails = {}): RegferryError {
  const message = `there is no repository ${place}, or it may not be seen with this login`;
  return new RegferryError('E_NOT_FOUND', message, { ...details, hint: undefined });
}

function whatItHas(near: readonly string[], { tags, others = [], isPart = false }: KnownTags): string {
  if (tags.length + others.length === 0) return 'it has no tags';
  const shown = [...near, ...others].slice(0, LISTED);
  const rest = tags.length + others.length - shown.length;
  const more = isPart ? ' and more' : rest > 0 ? ` and ${rest} more` : '';
  return `it has ${shown.join(', ')}${more}`;
}
