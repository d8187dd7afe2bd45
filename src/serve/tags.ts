import type { RouteContext } from './context.js';
import { Refusal } from './refusal.js';
import type { RepositoryStorage } from './storage.js';

/**
 * `GET /v2/<name>/tags/list[?n=&last=]`: the tags in order, and a Link where there are more.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export async function listTags(context: RouteContext, repository: RepositoryStorage): Promise<void> {
  const { exchange, registry, name } = context;
  const limit = pageLimit(exchange.query.get('n'), registry.pageSize);
  const last = exchange.query.get('last');
  const all = [...(await repository.tags())].sort();
  const rest = last === null ? all : all.filter((tag) => tag > last);
  const tags = rest.slice(0, limit);
  const end = tags.at(-1);
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (end !== undefined && rest.length > tags.length) {
    const next = new URLSearchParams({ n: String(limit), last: end });
    headers['Link'] = `</v2/${name}/tags/list?${next.toString()}>; rel="next"`;
  }
  exchange.send(200, headers, Buffer.from(`${JSON.stringify({ name, tags })}\n`));
}

function pageLimit(n: string | null, pageSize: number): number {
  if (n === null) return pageSize;
  if (!/^\d{1,9}$/.test(n)) {
    throw new Refusal(400, 'PAGINATION_NUMBER_INVALID', 'n is a whole number, from 0');
  }
  return Math.min(Number(n), pageSize);
}
