import { Refusal } from './refusal.js';

/** One page of a list of names. */
export interface Page {
  readonly names: readonly string[];
  /** The query of the next page; undefined for the last one. */
  readonly next: URLSearchParams | undefined;
}

/**
 * The names that `?n=` and `?last=` ask for: in the order of their characters, from behind `last`. Throws a 400 for a bad `n`.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export function pageOf(all: readonly string[], query: URLSearchParams, pageSize: number): Page {
  const limit = pageLimit(query.get('n'), pageSize);
  const last = query.get('last');
  const rest = all.filter((name) => last === null || name > last).sort();
  const names = rest.slice(0, limit);
  const end = names.at(-1);
  if (end === undefined || rest.length === names.length) return { names, next: undefined };
  return { names, next: new URLSearchParams({ n: String(limit), last: end }) };
}

/** How many entries a page may have: what `?n=` says, as far as the registry allows. Throws a 400 for anything but digits. */
export function pageLimit(n: string | null, pageSize: number): number {
  if (n === null) return pageSize;
  if (!/^\d{1,9}$/.test(n)) {
    throw new Refusal(400, 'PAGINATION_NUMBER_INVALID', 'n is a whole number, from 0');
  }
  return Math.min(Number(n), pageSize);
}

/** The header that leads to the next page of a path. https://www.rfc-editor.org/rfc/rfc8288 */
export function linkTo(path: string, next: URLSearchParams): Record<string, string> {
  return { Link: `<${path}?${next.toString()}>; rel="next"` };
}
