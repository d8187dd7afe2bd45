import type { Op } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { parseNextLink } from '../http/headers.js';
import { sameOrigin } from '../http/url.js';
import { printable } from '../spec/printable.js';
import { isTag } from '../spec/reference.js';
import { scopeOf, type RepositoryContext } from './context.js';
import { getDocument } from './document.js';
import { tagsPath } from './endpoints.js';
import { TAG_LIMITS, type TagLimits } from './limits.js';
import { handedLocation } from './location.js';

/** Tags asked for a page: ECR refuses more, Quay gives 100 whatever is asked (ggcr#1091). */
const PAGE = 1000;
/**
 * The repository's tags, each once (spec end-8), page after page by the Link header, on the registry's own origin alone.
 * Throws E_NOT_FOUND, E_LIMIT (over 10,000 pages, a million tags or 32 MiB a page), E_REFUSED (a page that is no tag list, a link that leads in a
 * circle or elsewhere).
 */
export async function* listTags(
  context: RepositoryContext,
  op: Op,
  limits: TagLimits = TAG_LIMITS,
): AsyncGenerator<string> {
  const seen = new Set<string>();
  const pages = new Set<string>();
  let target: string | undefined = tagsPath(context.repository, PAGE);
  while (target !== undefined) {
    if (pages.has(target)) throw failure(context, 'E_REFUSED', 'its pages lead in a circle');
    if (pages.size >= limits.pages) {
      throw failure(context, 'E_LIMIT', `it has more than ${limits.pages} pages`);
    }
    pages.add(target);
    const page: Page = await readPage(context, target, limits, op);
    for (const tag of page.tags) {
      if (seen.has(tag)) continue;
      if (seen.size >= limits.tags) {
        throw failure(context, 'E_LIMIT', `it has more than ${limits.tags} tags`);
      }
      seen.add(tag);
      yield tag;
    }
    target = page.next;
  }
}

interface Page {
  readonly tags: readonly string[];
  readonly next: string | undefined;
}

async function readPage(
  context: RepositoryContext,
  target: string,
  limits: TagLimits,
  op: Op,
): Promise<Page> {
  const call = { method: 'GET', target, scopes: [scopeOf(context)], signal: op.signal } as const;
  const { response, bytes } = await getDocument(context, call, limits.pageBytes);
  const tags = parseTags(context, bytes.toString('utf8'));
  const link = parseNextLink(response.headers.all('link'));
  if (link === undefined) return { tags, next: undefined };
  const next = handedLocation(response, link);
  if (!sameOrigin(next, response.url)) {
    throw failure(context, 'E_REFUSED', 'its next page is on another host');
  }
  return { tags, next };
}

function parseTags(context: RepositoryContext, text: string): readonly string[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw failure(context, 'E_REFUSED', `the answer is not JSON: ${printable(text, 80)}`);
  }
  const tags: unknown =
    typeof body === 'object' && body !== null && Object.hasOwn(body, 'tags')
      ? Reflect.get(body, 'tags')
      : undefined;
  if (tags === undefined || tags === null) return [];
  if (!Array.isArray(tags)) throw failure(context, 'E_REFUSED', 'the answer is no tag list');
  return tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag));
}

function failure(context: RepositoryContext, code: 'E_REFUSED' | 'E_LIMIT', why: string): RegferryError {
  return new RegferryError(code, `list tags of ${context.client.registry}/${context.repository}: ${why}`, {
    side: context.client.side,
  });
}
