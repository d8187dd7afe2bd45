import type { Op } from '../content/store.js';
import { responseError } from '../http/response-error.js';
import { isAbsentList } from './absence.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { isMarkup, readDocument } from './document.js';
import { tagsPath } from './endpoints.js';
import { NEAR_TAGS_MS, TAG_LIMITS } from './limits.js';
import { PAGE } from './next-page.js';
import { parsePage } from './tags.js';

/** What the first page of a list of tags says. */
export type FirstTags =
  | {
      readonly kind: 'tags';
      readonly tags: readonly string[];
      /** True where the list goes on. */
      readonly isPart: boolean;
    }
  /** The registry does not know the repository. */
  | { readonly kind: 'no-repository' };

/**
 * The first page of a repository's tags, by one request that is sent once, with the token that is there, and waited for no
 * longer than some seconds. Undefined where that gives none. Never rejects.
 */
export async function firstTags(
  context: RepositoryContext,
  { signal }: Op,
  timeoutMs: number = NEAR_TAGS_MS,
): Promise<FirstTags | undefined> {
  const late = AbortSignal.timeout(timeoutMs);
  const ended = signal === undefined ? late : AbortSignal.any([signal, late]);
  try {
    return await ask(context, ended);
  } catch {
    // It was asked for the sake of a message alone.
    return undefined;
  }
}

async function ask(context: RepositoryContext, signal: AbortSignal): Promise<FirstTags | undefined> {
  const response = await context.client.send({
    method: 'GET',
    target: tagsPath(context.repository, PAGE),
    scopes: [scopeOf(context)],
    login: false,
    retry: false,
    signal,
  });
  if (response.status !== 200) {
    const isAbsent = isAbsentList(await responseError(response, { action: 'GET' }));
    return isAbsent ? { kind: 'no-repository' } : undefined;
  }
  const document = await readDocument(response, 'GET', TAG_LIMITS.pageBytes);
  if (isMarkup(document)) return undefined;
  const { tags, next } = await parsePage(context, document, signal);
  return { kind: 'tags', tags: [...new Set(tags)], isPart: next !== undefined };
}
