import { afterEach, describe, expect, it } from 'vitest';

import { listTags } from '../../../src/registry/tags.js';
import { imageManifest } from '../../support/fixtures.js';
import { rule } from '../../support/faults.js';
import { answer } from '../../support/faults/answers.js';
import { cutResponse } from '../../support/faults/cuts.js';
import { closeEverything, failureOf, openRegistry, openRepository, openServer } from './open-repository.js';

afterEach(closeEverything);

const { root } = imageManifest({ layers: [] });

async function all(tags: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const tag of tags) list.push(tag);
  return list;
}

/** A server that answers with these pages in turn: a body, and the Link to the next. */
async function paging(...pages: readonly (readonly [unknown, string?])[]) {
  const rest = [...pages];
  const server = await openServer((_request, response) => {
    const [body, link] = rest.shift() ?? [{ errors: [] }];
    response.writeHead(200, {
      'content-type': 'application/json',
      ...(link === undefined ? {} : { link }),
    });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  return { ...server, tags: () => openRepository(server.origin).repository.tags() };
}

describe('the tags of a repository', () => {
  it('come page after page', async () => {
    const registry = await openRegistry({ pageSize: 3 });
    const names = Array.from({ length: 8 }, (_, at) => `v${at}`);
    for (const name of names) await registry.store('app').tag(root, name);
    expect(await all(openRepository(registry.url).repository.tags())).toEqual(names);
    expect(registry.log.map(({ url }) => url)).toEqual([
      '/v2/app/tags/list?n=1000',
      '/v2/app/tags/list?n=3&last=v2',
      '/v2/app/tags/list?n=3&last=v5',
    ]);
  });

  it('are not asked for further than they are wanted', async () => {
    const registry = await openRegistry({ pageSize: 1 });
    for (const name of ['a', 'b', 'c']) await registry.store('app').tag(root, name);
    for await (const tag of openRepository(registry.url).repository.tags()) {
      expect(tag).toBe('a');
      break;
    }
    expect(registry.log).toHaveLength(1);
  });

  it.each([
    '</v2/app/tags/list?last=a>; rel="next"',
    '<list?last=a>; rel=next',
    '<?last=a>; rel="prev next"',
    '</v2/app/tags/list?last=z>; rel="prev", </v2/app/tags/list?last=a>; title="a, b"; rel="next"',
  ])('follow the link %s', async (link) => {
    const { tags, asked } = await paging([{ tags: ['a'] }, link], [{ tags: ['b'] }]);
    expect(await all(tags())).toEqual(['a', 'b']);
    expect(asked[1]).toBe('GET /v2/app/tags/list?last=a');
  });

  it('follow an absolute link on the same origin', async () => {
    const pages: [unknown, string?][] = [];
    const { tags, origin, asked } = await paging(...pages);
    expect(await all(tags())).toEqual([]);
    const server = await openServer((request, response) => {
      const isFirst = request.url?.includes('n=1000') === true;
      const link = `<${server.origin}/v2/app/tags/list?last=a>; rel="next"`;
      response.writeHead(200, isFirst ? { link } : {}).end(JSON.stringify({ tags: [isFirst ? 'a' : 'b'] }));
    });
    expect(await all(openRepository(server.origin).repository.tags())).toEqual(['a', 'b']);
    expect(server.asked[1]).toBe('GET /v2/app/tags/list?last=a');
    expect([origin, asked.length]).toEqual([origin, 1]);
  });

  it.each([
    ['a prefix that a proxy has taken off', '</registry/v2/app/tags/list?n=2&last=b>; rel="next"'],
    ['another host', '<https://inside.example/v2/app/tags/list?n=2&last=b>; rel="next"'],
    ['another scheme', '<ftp://127.0.0.1/v2/app/tags/list?last=b>; rel="next"'],
    ['another page', '</page/2>; rel="next"'],
    ['another repository', '</v2/other/tags/list?last=b>; rel="next"'],
  ])('are asked for by the last one where the link leads to %s', async (_where, link) => {
    const { tags, asked } = await paging([{ tags: ['a', 'b'] }, link], [{ tags: ['c'] }]);
    expect(await all(tags())).toEqual(['a', 'b', 'c']);
    expect(asked[1]).toBe('GET /v2/app/tags/list?n=1000&last=b');
  });

  it("keep a registry's own mark of the page under a foreign prefix", async () => {
    const link = '<https://inside.example/x/v2/app/tags/list?next_page=gAAA%3D>; rel="next"';
    const { tags, asked } = await paging([{ tags: ['a'] }, link], [{ tags: ['b'] }]);
    expect(await all(tags())).toEqual(['a', 'b']);
    expect(asked[1]).toBe('GET /v2/app/tags/list?next_page=gAAA%3D');
  });

  it('end with a page that brings no new one, and it is said', async () => {
    let page = 0;
    const server = await openServer((_request, response) => {
      page += 1;
      response.writeHead(200, { link: `<?last=b&page=${page}>; rel="next"` });
      response.end(JSON.stringify({ tags: ['a', 'b'] }));
    });
    const said: string[] = [];
    const { repository } = openRepository(server.origin);
    const list = await all(repository.tags({ onLeftOut: ({ message }) => said.push(message) }));
    expect([list, page]).toEqual([['a', 'b'], 2]);
    expect(said).toEqual([expect.stringMatching(/app: what is behind a page that has no new tag/)]);
  });

  it('come once each', async () => {
    const { tags } = await paging(
      [{ tags: ['a', 'b', 'a'] }, '<?last=b>; rel="next"'],
      [{ tags: ['b', 'c'] }],
    );
    expect(await all(tags())).toEqual(['a', 'b', 'c']);
  });

  it.each([{ name: 'app', tags: null }, { name: 'app' }, { tags: [] }])('are none in %j', async (body) => {
    const { tags } = await paging([body]);
    expect(await all(tags())).toEqual([]);
  });

  it('that no tag can be called are left out and said', async () => {
    const bad = ['', '-a', 'a/b', 'a b', '\u001b[2J', 'x'.repeat(129), 1, null, { tag: 'a' }];
    const { tags } = await paging([{ tags: [...bad, 'good', '_also.good-1'] }]);
    expect(await all(tags())).toEqual(['good', '_also.good-1']);
    const said: string[] = [];
    const listed = await paging([
      { tags: ['a/b', 'good', '\u001b[2J', ...Array.from({ length: 20 }, (_, at) => at)] },
    ]);
    const { repository } = openRepository(listed.origin);
    await all(repository.tags({ onLeftOut: ({ message }) => said.push(message) }));
    expect(said).toEqual([
      expect.stringMatching(/\/app: "a\/b", ".*\[2J", "0", .* and 12 more, which no tag can be called$/),
    ]);
    expect(said[0]).not.toContain('\u001b');
  });

  it.each(['not json', '[1, 2', '{"tags": "a"}', '{"tags": {"a": 1}}'])('are not in %s', async (body) => {
    const { tags } = await paging([body]);
    expect((await failureOf(all(tags()))).code).toBe('E_REFUSED');
  });

  it('are not in a page for people', async () => {
    const page = answer(200, { headers: { 'content-type': 'text/html' }, body: '<title>Hi</title>' });
    const registry = await openRegistry({ rules: [rule({}, page)] });
    const error = await failureOf(all(openRepository(registry.url).repository.tags()));
    expect(error.code).toBe('E_NOT_A_REGISTRY');
  });

  it('of a repository that is not there are E_NOT_FOUND', async () => {
    const registry = await openRegistry();
    const error = await failureOf(all(openRepository(registry.url).repository.tags()));
    expect(error).toMatchObject({ code: 'E_NOT_FOUND', registryCodes: ['NAME_UNKNOWN'] });
  });

  it('are asked for again where a page breaks off', async () => {
    const registry = await openRegistry({ rules: [rule({ nth: 1 }, cutResponse({ after: 5, by: 'fin' }))] });
    await registry.store('app').tag(root, 'a');
    expect(await all(openRepository(registry.url).repository.tags())).toEqual(['a']);
    expect(registry.log).toHaveLength(2);
  });

  it.each([
    ['pages', { pages: 2, tags: 100, pageBytes: 1000 }],
    ['tags', { pages: 100, tags: 5, pageBytes: 1000 }],
    ['bytes', { pages: 100, tags: 100, pageBytes: 20 }],
  ])('are limited in %s', async (what, limits) => {
    let page = 0;
    const server = await openServer((_request, response) => {
      page += 1;
      const tags = [`a${page}`, `b${page}`, `c${page}`];
      response.writeHead(200, { link: `<?page=${page}>; rel="next"` }).end(JSON.stringify({ tags }));
    });
    const { client } = openRepository(server.origin);
    const repeats = { retries: 0, backoff: () => Promise.resolve() };
    const context = { client, repository: 'app', access: 'pull', repeats } as const;
    const error = await failureOf(all(listTags(context, {}, limits)));
    expect(error.code).toBe('E_LIMIT');
    expect(error.message).toContain(what);
    expect(page).toBeLessThanOrEqual(2);
  });

  it('are read up to 32 MiB a page', async () => {
    const server = await openServer((_request, response) => {
      response.writeHead(200, { 'content-length': 32 * 1024 * 1024 + 1 }).write('{');
    });
    const error = await failureOf(all(openRepository(server.origin).repository.tags()));
    expect(error.code).toBe('E_LIMIT');
  });
});
