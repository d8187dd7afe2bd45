import { isRegferryError } from '../errors.js';
import { parseNextLink } from '../http/headers.js';
import type { HttpResponse } from '../http/message.js';
import { sameOrigin, splitUrl } from '../http/url.js';
import { tagsPath } from './endpoints.js';
import { handedLocation } from './location.js';

/** Tags asked for a page: ECR refuses more, Quay gives 100 whatever is asked (ggcr#1091). */
export const PAGE = 1000;

/**
 * Where the next page of tags is, undefined behind the last. A Link to the list itself is followed as it is spelled. One
 * that leads elsewhere, as behind a proxy that does not rewrite its prefix or host, is not: the list is asked where it was
 * asked before, for what comes after the last tag; a mark of the registry's own (`next_page=…`) is kept.
 */
export function nextPage(
  repository: string,
  response: HttpResponse,
  last: string | undefined,
): string | undefined {
  const link = parseNextLink(response.headers.all('link'));
  if (link === undefined) return undefined;
  const [list = ''] = tagsPath(repository, PAGE).split('?', 1);
  const url = resolved(response, link);
  const [path = '', query] = url === undefined ? [] : splitUrl(url).path.split('?', 2);
  if (url !== undefined && path === list && sameOrigin(url, response.url)) return url;
  const isOpaque = path.endsWith(list) && !new URLSearchParams(query).has('last') && query !== undefined;
  if (isOpaque) return `${list}?${query}`;
  return last === undefined ? undefined : `${list}?n=${PAGE}&last=${encodeURIComponent(last)}`;
}

function resolved(response: HttpResponse, link: string): string | undefined {
  try {
    return handedLocation(response, link);
  } catch (error) {
    if (isRegferryError(error)) return undefined;
    throw error;
  }
}
