import { afterEach, describe, expect, it } from 'vitest';

import { imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';
import type { TestRegistry } from '../../support/registry.js';
import { errorCodes } from './answer.js';

let registry: TestRegistry;
afterEach(() => registry.close());

async function withTags(tags: readonly string[], pageSize?: number): Promise<void> {
  registry = await startRegistry({ pageSize });
  for (const tag of tags) await seed(registry.store('team/app'), imageManifest(), tag);
}

async function list(query = ''): Promise<{ tags: string[]; link: string | null }> {
  const answer = await fetch(`${registry.url}/v2/team/app/tags/list${query}`);
  const body = (await answer.json()) as { name: string; tags: string[] };
  expect(body.name).toBe('team/app');
  return { tags: body.tags, link: answer.headers.get('link') };
}

describe('tags', () => {
  it('are listed in order, all of them, without a Link', async () => {
    await withTags(['v2', 'latest', 'V1', 'v10']);
    expect(await list()).toEqual({ tags: ['V1', 'latest', 'v10', 'v2'], link: null });
  });

  it('are listed after one that need not exist', async () => {
    await withTags(['a', 'b', 'd']);
    expect((await list('?last=c')).tags).toEqual(['d']);
    expect((await list('?last=d')).tags).toEqual([]);
  });

  it('come in pages that a Link leads through', async () => {
    await withTags(['a', 'b', 'c', 'd', 'e']);
    const pages: string[][] = [];
    let query: string | undefined = '?n=2';
    while (query !== undefined) {
      const { tags, link } = await list(query);
      pages.push(tags);
      query = link === null ? undefined : /^<\/v2\/team\/app\/tags\/list(.*)>; rel="next"$/.exec(link)?.[1];
    }
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it('have no Link behind a last page that is full', async () => {
    await withTags(['a', 'b']);
    expect(await list('?n=2')).toEqual({ tags: ['a', 'b'], link: null });
  });

  it('come in pages of a size that the registry limits', async () => {
    await withTags(['a', 'b', 'c'], 2);
    expect((await list()).tags).toEqual(['a', 'b']);
    expect((await list('?n=100')).tags).toEqual(['a', 'b']);
  });

  it('are none for n=0', async () => {
    await withTags(['a']);
    expect(await list('?n=0')).toEqual({ tags: [], link: null });
  });

  it.each(['-1', 'x', '1.5', ''])('are refused for n=%s', async (n) => {
    await withTags(['a']);
    const answer = await fetch(`${registry.url}/v2/team/app/tags/list?n=${n}`);
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['PAGINATION_NUMBER_INVALID']]);
  });
});
