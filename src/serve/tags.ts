import type { RouteContext } from './context.js';
import { linkTo, pageOf } from './pages.js';
import type { RepositoryStorage } from './storage.js';

/**
 * `GET /v2/<name>/tags/list[?n=&last=]`: the tags in order, and a Link where there are more.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export async function listTags(context: RouteContext, repository: RepositoryStorage): Promise<void> {
  const { exchange, registry, name } = context;
  const { names: tags, next } = pageOf(await repository.tags(), exchange.query, registry.pageSize);
  const link = next === undefined ? {} : linkTo(`/v2/${name}/tags/list`, next);
  const body = Buffer.from(`${JSON.stringify({ name, tags })}\n`);
  exchange.send(200, { 'Content-Type': 'application/json', ...link }, body);
}
