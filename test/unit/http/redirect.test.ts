import type { IncomingHttpHeaders, RequestListener } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import type { HttpRequest, HttpResponse, Method } from '../../../src/http/message.js';
import { receivedHeaders } from '../../../src/http/received-headers.js';
import { followRedirects } from '../../../src/http/redirect.js';
import { bodyOf, closeAll, listen, openTransport, type LocalServer } from './local-server.js';

afterEach(closeAll);

interface Seen {
  readonly url: string | undefined;
  readonly method: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/** A server that notes what it is asked and then answers. */
async function noting(handler: RequestListener): Promise<LocalServer & { seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = await listen((request, response) => {
    seen.push({ url: request.url, method: request.method, headers: request.headers });
    handler(request, response);
  });
  return { ...server, seen };
}

const secret = { authorization: 'Bearer canary', cookie: 'canary=1', range: 'bytes=5-', accept: 'a/b' };

describe('a redirect to another origin', () => {
  it.each([301, 302, 303, 307, 308])('%i is followed without the credentials, with Range', async (status) => {
    const storage = await noting((_request, response) => response.end('bytes'));
    const registry = await noting((_request, response) => {
      response.writeHead(status, { location: `${storage.origin}/blob?X-Sig=a%2Fb+c` }).end('moved');
    });
    const response = await openTransport().send({
      method: 'GET',
      url: `${registry.origin}/v2/a/blobs/x`,
      headers: secret,
    });
    expect((await response.bytes(100)).toString()).toBe('bytes');
    expect(response.url).toBe(`${storage.origin}/blob?X-Sig=a%2Fb+c`);
    expect(registry.seen[0]?.headers).toMatchObject(secret);
    expect(storage.seen).toHaveLength(1);
    const [hop] = storage.seen;
    expect(hop?.url).toBe('/blob?X-Sig=a%2Fb+c');
    expect(hop?.headers).toMatchObject({
      range: 'bytes=5-',
      accept: 'a/b',
      'accept-encoding': 'identity',
      'user-agent': 'regferry/test',
    });
    expect(hop?.headers).not.toHaveProperty('authorization');
    expect(hop?.headers).not.toHaveProperty('cookie');
  });

  it('does not get the credentials back on its way home', async () => {
    const registry = await noting((request, response) => {
      if (request.url === '/home') response.end('ok');
      else response.writeHead(307, { location: `${storage.origin}/` }).end();
    });
    const storage: LocalServer = await listen((_request, response) => {
      response.writeHead(307, { location: `${registry.origin}/home` }).end();
    });
    await openTransport().send({ method: 'GET', url: `${registry.origin}/start`, headers: secret });
    expect(registry.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer canary', undefined]);
  });
});

describe('a redirect within the origin', () => {
  it('keeps the credentials and understands a relative Location', async () => {
    const registry = await noting((request, response) => {
      if (request.url === '/v2/a/blobs/y?z') response.end('ok');
      else response.writeHead(302, { location: 'y?z' }).end();
    });
    const response = await openTransport().send({
      method: 'HEAD',
      url: `${registry.origin}/v2/a/blobs/x`,
      headers: secret,
    });
    expect(response.status).toBe(200);
    expect(registry.seen.map(({ method, headers }) => [method, headers.authorization])).toEqual([
      ['HEAD', 'Bearer canary'],
      ['HEAD', 'Bearer canary'],
    ]);
  });

  it('is told hop by hop', async () => {
    const registry = await listen((request, response) => {
      if (request.url === '/b') response.end();
      else response.writeHead(307, { location: '/b' }).end();
    });
    const transport = openTransport();
    await transport.send({ method: 'GET', url: `${registry.origin}/a` });
    expect(transport.events).toMatchObject([
      { url: `${registry.origin}/a`, status: 307 },
      { url: `${registry.origin}/b`, status: 200 },
    ]);
  });
});

describe('what is not followed', () => {
  it.each([
    ['POST', 301],
    ['PUT', 302],
    ['PATCH', 303],
    ['GET', 304],
    ['GET', 300],
    ['GET', 305],
    ['HEAD', 306],
  ] as const)('%s %i is returned as it is', async (method, status) => {
    const server = await listen((_request, response) => response.writeHead(status, { location: '/x' }).end());
    const response = await openTransport().send({ method, url: server.origin });
    expect(response.status).toBe(status);
  });

  it('a redirect without a Location is returned as it is', async () => {
    const server = await listen((_request, response) => response.writeHead(307).end());
    expect((await openTransport().send({ method: 'GET', url: server.origin })).status).toBe(307);
  });

  it.each([
    ['/loop', 'circle'],
    ['http://r/\u0000', 'no URL'],
    ['ftp://r/', 'scheme|URL'],
  ])('a redirect to %j is refused', async (location, words) => {
    const response = (url: string): HttpResponse => stub(url, 307, { location });
    const request: HttpRequest = { method: 'GET', url: 'http://r/loop' };
    const following = followRedirects(request, ({ url }) => Promise.resolve(response(url)));
    await expect(following).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringMatching(words) as string,
    });
  });

  it('a longer circle is refused', async () => {
    const server = await noting((request, response) => {
      response.writeHead(302, { location: request.url === '/a' ? '/b' : '/a' }).end();
    });
    await expect(openTransport().send({ method: 'GET', url: `${server.origin}/a` })).rejects.toMatchObject({
      code: 'E_REFUSED',
    });
    expect(server.seen).toHaveLength(2);
  });

  it('the sixth redirect is refused, the fifth is not', async () => {
    const server = await noting((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('ok');
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    const transport = openTransport();
    expect((await transport.send({ method: 'GET', url: `${server.origin}/5` })).status).toBe(200);
    await expect(transport.send({ method: 'GET', url: `${server.origin}/6` })).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('number 6') as string,
    });
  });

  it('https never becomes http, http may become https', async () => {
    const visited: string[] = [];
    const to = (location: string) => (request: HttpRequest) => {
      visited.push(request.url);
      return Promise.resolve(
        visited.length === 1 ? stub(request.url, 307, { location }) : stub(request.url, 200),
      );
    };
    await expect(
      followRedirects({ method: 'GET', url: 'https://r/' }, to('http://r/x')),
    ).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('leaves https') as string,
    });
    expect(visited).toEqual(['https://r/']);
    visited.length = 0;
    expect((await followRedirects({ method: 'GET', url: 'http://r/' }, to('https://r/x'))).status).toBe(200);
  });
});

describe('an expired redirect', () => {
  it.each([400, 401, 403])('(%i from the storage host) is asked for once more', async (status) => {
    let signed = 0;
    const storage = await listen((request, response) => {
      response.writeHead(request.url === '/blob?sig=2' ? 200 : status).end('x');
    });
    const registry = await noting((_request, response) => {
      signed += 1;
      response.writeHead(307, { location: `${storage.origin}/blob?sig=${signed}` }).end();
    });
    const response = await openTransport().send({
      method: 'GET',
      url: `${registry.origin}/v2/x`,
      headers: secret,
    });
    expect(response.status).toBe(200);
    expect(registry.seen.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer canary',
      'Bearer canary',
    ]);
  });

  it('is given up when the second one is refused, too', async () => {
    const storage = await noting((_request, response) => response.writeHead(403).end('expired'));
    const registry = await listen((_request, response) => {
      response.writeHead(307, { location: `${storage.origin}/` }).end();
    });
    const response = await openTransport().send({ method: 'GET', url: registry.origin });
    expect(response.status).toBe(403);
    expect(storage.seen).toHaveLength(2);
  });

  it('is none when the registry itself refuses', async () => {
    const registry = await noting((request, response) => {
      if (request.url === '/b') response.writeHead(401).end();
      else response.writeHead(307, { location: '/b' }).end();
    });
    expect((await openTransport().send({ method: 'GET', url: `${registry.origin}/a` })).status).toBe(401);
    expect(registry.seen).toHaveLength(2);
  });
});

describe('a request with a body', () => {
  it.each([
    ['PUT', 307],
    ['PATCH', 308],
    ['POST', 307],
  ] as const)('%s %i is sent again from the start, without credentials elsewhere', async (method, status) => {
    const bodies: string[] = [];
    const elsewhere = await noting((request, response) => {
      void bodyOf(request).then((body) => {
        bodies.push(body);
        response.writeHead(201).end();
      });
    });
    const registry = await listen((request, response) => {
      void bodyOf(request).then((body) => {
        bodies.push(body);
        response.writeHead(status, { location: `${elsewhere.origin}/upload` }).end();
      });
    });
    let opened = 0;
    const response = await openTransport().send({
      method: method satisfies Method,
      url: registry.origin,
      headers: { authorization: 'Basic canary' },
      body: {
        length: 5,
        type: 'application/octet-stream',
        open: async function* () {
          opened += 1;
          yield await Promise.resolve(Buffer.from('he'));
          yield Buffer.from('llo');
        },
      },
    });
    expect(response.status).toBe(201);
    expect(bodies).toEqual(['hello', 'hello']);
    expect(opened).toBe(2);
    expect(elsewhere.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(elsewhere.seen[0]?.headers['content-length']).toBe('5');
  });
});

function stub(url: string, status: number, headers: Record<string, string> = {}): HttpResponse {
  const unread = (): never => {
    throw new Error('nobody reads this body');
  };
  return {
    url,
    status,
    headers: receivedHeaders(headers),
    get stream(): never {
      return unread();
    },
    bytes: unread,
    discard: () => Promise.resolve(),
  };
}
