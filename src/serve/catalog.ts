import type { RegistryState } from './context.js';
import type { Exchange } from './exchange.js';
import { linkTo, pageOf } from './pages.js';

/**
 * `GET /v2/_catalog[?n=&last=]`: the repositories in order, and a Link where there are more. The specification reserves it
 * for what distribution has made of it. https://distribution.github.io/distribution/spec/api/#listing-repositories
 */
export async function listRepositories(registry: RegistryState, exchange: Exchange): Promise<void> {
  const names: string[] = [];
  for await (const name of registry.storage.names()) names.push(name);
  const { names: repositories, next } = pageOf(names, exchange.query, registry.pageSize);
  const link = next === undefined ? {} : linkTo('/v2/_catalog', next);
  const body = Buffer.from(`${JSON.stringify({ repositories })}\n`);
  exchange.send(200, { 'Content-Type': 'application/json', ...link }, body);
}
