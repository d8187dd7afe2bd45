import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { listen } from '../../../src/serve/server.js';
import type { ListeningServer } from '../../../src/serve/server.js';
import { bodyOver, chosen, rule, usedUp, withFaults } from '../../support/faults.js';
import type { Handler, Rule } from '../../support/faults.js';
import { answer, before, hang, redirect, registryError, rewrite } from '../../support/faults/answers.js';
import {
  corruptRequest,
  corruptResponse,
  truncateResponse,
  wrongLength,
} from '../../support/faults/bodies.js';
import {
  cutRequest,
  cutResponse,
  dropReply,
  stallRequest,
  stallResponse,
} from '../../support/faults/cuts.js';
import { changeHeaders, lieAboutDigest, omitHeaders, setHeaders } from '../../support/faults/headers.js';
import { delay, delayAnswer, throttleRequest, throttleResponse } from '../../support/faults/pace.js';
import { blob } from '../../support/fixtures.js';
import { RawClient } from './raw.js';

const content = blob(300_000, 1);

/** What the handler behind the faults has seen. */
let received: { path: string; body: Buffer; complete: boolean }[];
let rules: Rule[];
let server: ListeningServer;
const clients: RawClient[] = [];

const handler: Handler = (request, response) => {
  const entry = { path: request.url ?? '', body: Buffer.alloc(0), complete: false };
  received.push(entry);
  request.on('data', (chunk: Buffer) => {
    entry.body = Buffer.concat([entry.body, chunk]);
  });
  request.on('error', () => undefined);
  request.on('end', () => {
    entry.complete = true;
    response.writeHead(200, { 'Content-Length': content.length, 'Docker-Content-Digest': 'sha256:right' });
    if (request.method === 'HEAD') response.end();
    else for (let at = 0; at <= content.length; at += 100_000) sendPiece(at);
  });
  const sendPiece = (at: number): void => {
    if (at < content.length) response.write(content.subarray(at, at + 100_000));
    else response.end();
  };
};

beforeEach(async () => {
  received = [];
  rules = [];
  server = await listen(withFaults(handler, rules));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await server.close();
});

const client = (): RawClient => {
  const made = new RawClient(server.url);
  clients.push(made);
  return made;
};
const get = (path = '/'): Promise<Response> => fetch(`${server.url}${path}`);
const post = (body: Buffer): Promise<Response> =>
  fetch(server.url, { method: 'POST', body: new Uint8Array(body) });
const bodyOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
const settle = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a rule', () => {
  const statuses = async (...paths: readonly string[]): Promise<number[]> => {
    const all: number[] = [];
    for (const path of paths) all.push((await get(path)).status);
    return all;
  };

  it.each([
    [{}, [503, 503, 503, 503]],
    [{ nth: 2 }, [200, 503, 200, 200]],
    [{ times: 2 }, [503, 503, 200, 200]],
    [{ nth: 2, times: 2 }, [200, 503, 503, 200]],
  ])('with %j hits those', async (match, expected) => {
    const failing = rule(match, answer(503));
    rules.push(failing);
    expect(await statuses('/', '/', '/', '/')).toEqual(expected);
    expect(failing.hits).toBe(expected.filter((status) => status === 503).length);
    expect(failing.seen).toBe(4);
  });

  it('counts only what it matches', async () => {
    const failing = rule({ path: /^\/b\?x=1$/, method: ['GET', 'HEAD'], nth: 2 }, answer(503));
    rules.push(failing);
    await fetch(`${server.url}/b?x=1`, { method: 'POST' });
    expect(await statuses('/a', '/b?x=1', '/b', '/b?x=1', '/b?x=1')).toEqual([200, 200, 200, 503, 200]);
  });

  it('applies together with others, the first outermost', async () => {
    const [outer, inner] = [
      rule({}, setHeaders({ 'x-who': 'outer' })),
      rule({}, setHeaders({ 'x-who': 'inner' })),
    ];
    rules.push(outer, inner);
    const response = await get();
    expect(response.headers.get('x-who')).toBe('outer');
    expect([outer.hits, inner.hits]).toEqual([1, 1]);
  });

  it('behind one that answers does not see the request', async () => {
    const behind = rule({}, answer(500));
    rules.push(rule({ nth: 1 }, answer(503)), behind);
    expect(await statuses('/', '/')).toEqual([503, 500]);
    expect(behind.seen).toBe(1);
  });

  it('can layer several faults', async () => {
    rules.push(rule({}, omitHeaders('content-length'), truncateResponse({ to: 10 })));
    const response = await get();
    expect(response.headers.get('content-length')).toBeNull();
    expect((await bodyOf(response)).equals(content.subarray(0, 10))).toBe(true);
  });

  it('can choose its fault anew each time', async () => {
    const turns = [answer(500), undefined, answer(503)];
    rules.push(
      rule(
        {},
        chosen(() => turns.shift()),
      ),
    );
    expect(await statuses('/', '/', '/')).toEqual([500, 200, 503]);
  });

  it('can wait until a URL was used up', async () => {
    rules.push(rule({ when: usedUp(1) }, answer(403)));
    expect(await statuses('/a', '/b', '/a', '/b')).toEqual([200, 200, 403, 403]);
  });

  it('can be about bodies over a size', async () => {
    rules.push(rule({ when: bodyOver(10) }, answer(413)));
    expect((await post(Buffer.alloc(10))).status).toBe(200);
    expect((await post(Buffer.alloc(11))).status).toBe(413);
  });
});

describe('an answer in place of the registry', () => {
  it('comes with status, headers and body once the request was read', async () => {
    rules.push(rule({}, answer(429, { headers: { 'Retry-After': '7' }, body: '<html>' })));
    const response = await post(content);
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '7']);
    expect(await response.text()).toBe('<html>');
    expect(received).toEqual([]);
  });

  it('can come before the request was read', async () => {
    rules.push(rule({}, answer(413, { body: 'too large', early: true })));
    const early = client().send('POST', '/', Buffer.alloc(10), 1_000_000);
    expect((await early.bodyOf(9)).toString()).toBe('too large');
    expect(early.status).toBe(413);
    early.socket.end();
    await early.ended;
  });

  it('can be an error of the specification', async () => {
    rules.push(rule({}, registryError(400, 'TAG_INVALID', 'immutable')));
    const response = await get();
    expect(await response.json()).toEqual({ errors: [{ code: 'TAG_INVALID', message: 'immutable' }] });
  });

  it('can lead elsewhere', async () => {
    rules.push(
      rule(
        {},
        redirect(({ url = '' }) => `//cdn.example${url}?sig=%2B~1`),
      ),
    );
    const raw = client().send('GET', '/x');
    await raw.bodyOf(0);
    expect(raw.status).toBe(307);
    expect(raw.head).toContain('location: //cdn.example/x?sig=%2b~1\r\n');
  });

  it('can fail to come at all', async () => {
    rules.push(rule({ path: /hang/ }, hang()));
    const hanging = client().send('POST', '/hang', content);
    expect((await get()).status).toBe(200);
    await settle(20);
    expect([hanging.head, hanging.socket.closed]).toEqual(['', false]);
  });

  it('can be made of what the registry answers', async () => {
    rules.push(
      rule(
        {},
        rewrite((original) => ({ ...original, status: 206, body: original.body.subarray(0, 5) })),
      ),
    );
    const response = await get();
    expect([response.status, response.headers.get('content-length')]).toEqual([206, '5']);
    expect((await bodyOf(response)).equals(content.subarray(0, 5))).toBe(true);
    expect(response.headers.get('docker-content-digest')).toBe('sha256:right');
  });

  it('can wait for what the test does first', async () => {
    rules.push(
      rule(
        {},
        before(async (request) => {
          await settle(1);
          request.url = '/changed';
        }),
      ),
    );
    expect((await get()).status).toBe(200);
    expect(received.map(({ path }) => path)).toEqual(['/changed']);
  });
});

describe.each(['fin', 'rst'] as const)('a cut by %s', (by) => {
  it.each([0, 1, 150_000, content.length - 1, content.length])(
    'of the answer leaves %i bytes of its body',
    async (after) => {
      const cutting = rule({}, cutResponse({ after, by }));
      rules.push(cutting);
      const raw = client().send('GET', '/');
      expect(await raw.ended).toBe(by);
      expect(raw.status).toBe(200);
      expect(raw.head).toContain(`content-length: ${content.length}\r\n`);
      expect(raw.body.equals(content.subarray(0, after))).toBe(true);
      expect(cutting.hits).toBe(1);
    },
  );

  it.each([1, 70_000, content.length - 1])('of the request leaves the registry %i bytes', async (after) => {
    rules.push(rule({}, cutRequest({ after, by })));
    const raw = client().send('POST', '/', content);
    expect(await raw.ended).toBe(by);
    expect(raw.head).toBe('');
    expect(received.map(({ complete }) => complete)).toEqual([false]);
    expect(received[0]?.body.equals(content.subarray(0, after))).toBe(true);
  });

  it('of the request before its first byte hides it from the registry', async () => {
    rules.push(rule({}, cutRequest({ after: 0, by })));
    const raw = client().send('POST', '/', content);
    expect(await raw.ended).toBe(by);
    expect(received).toEqual([]);
  });

  it('in place of the answer lets the registry do all of its work', async () => {
    rules.push(rule({}, dropReply(by)));
    const raw = client().send('POST', '/', content);
    expect(await raw.ended).toBe(by);
    expect(raw.head).toBe('');
    expect(received.map(({ complete }) => complete)).toEqual([true]);
  });

  it('leaves the next connection alone', async () => {
    rules.push(rule({ nth: 1 }, cutResponse({ after: 10, by })));
    await client().send('GET', '/').ended;
    expect((await bodyOf(await get())).equals(content)).toBe(true);
  });
});

describe('a stall', () => {
  it.each([0, 150_000])('of the answer leaves %i bytes of its body and an open connection', async (after) => {
    rules.push(rule({ nth: 1 }, stallResponse({ after })));
    const raw = client().send('GET', '/');
    await raw.bodyOf(after);
    await settle(20);
    expect(raw.body.equals(content.subarray(0, after))).toBe(true);
    expect([raw.status, raw.socket.closed]).toEqual([200, false]);
  });

  it('of the request stops the client from sending on', async () => {
    rules.push(rule({ nth: 1 }, stallRequest({ after: 1_000 })));
    const large = Buffer.alloc(32 * 1024 * 1024);
    const raw = client().send('POST', '/', large);
    await vi.waitFor(() => expect(received[0]?.body.length).toBe(1_000), { interval: 1 });
    await settle(20);
    expect(received[0]?.body.length).toBe(1_000);
    expect(raw.socket.writableLength).toBeGreaterThan(0);
    expect(raw.socket.closed).toBe(false);
  });
});

describe('a spoiled body', () => {
  it.each([0, 150_000, content.length - 1])('is wrong at byte %i of the answer alone', async (at) => {
    rules.push(rule({}, corruptResponse({ at })));
    const body = await bodyOf(await get());
    expect(body.length).toBe(content.length);
    expect(differences(body)).toEqual([at]);
  });

  it('is wrong at one byte of the request alone', async () => {
    rules.push(rule({}, corruptRequest({ at: 70_000 })));
    await post(content);
    expect(differences(received[0]?.body ?? Buffer.alloc(0))).toEqual([70_000]);
  });

  it('is short, and framed as if it had to be', async () => {
    rules.push(rule({}, truncateResponse({ to: 150_000 })));
    const response = await get();
    expect(response.headers.get('content-length')).toBe('150000');
    expect((await bodyOf(response)).equals(content.subarray(0, 150_000))).toBe(true);
  });

  it('is declared longer than it is', async () => {
    rules.push(
      rule(
        {},
        wrongLength((length) => length + 1),
      ),
    );
    const raw = client().send('GET', '/');
    expect(await raw.ended).toBe('fin');
    expect(raw.head).toContain(`content-length: ${content.length + 1}\r\n`);
    expect(raw.body.equals(content)).toBe(true);
  });

  it('is declared shorter than it is', async () => {
    rules.push(
      rule(
        {},
        wrongLength((length) => length - 1),
      ),
    );
    const raw = client().send('GET', '/');
    expect(await raw.ended).toBe('fin');
    expect(raw.head).toContain(`content-length: ${content.length - 1}\r\n`);
    expect(raw.body.equals(content)).toBe(true);
  });

  const differences = (body: Buffer): number[] =>
    [...body.keys()].filter((at) => body[at] !== content[at]).slice(0, 10);
});

describe('headers', () => {
  it('can be set, left out and changed', async () => {
    rules.push(
      rule({ path: /lie/ }, lieAboutDigest('sha256:wrong')),
      rule({ path: /omit/ }, omitHeaders('docker-content-digest')),
      rule(
        { path: /change/ },
        changeHeaders((headers, { url }) => ({ ...headers, 'x-url': url })),
      ),
    );
    expect((await get('/lie')).headers.get('docker-content-digest')).toBe('sha256:wrong');
    expect((await get('/omit')).headers.get('docker-content-digest')).toBeNull();
    const changed = await get('/change');
    expect(changed.headers.get('x-url')).toBe('/change');
    expect(changed.headers.get('docker-content-digest')).toBe('sha256:right');
    expect((await bodyOf(changed)).equals(content)).toBe(true);
  });

  it('of an answer to HEAD can be changed too', async () => {
    rules.push(rule({}, lieAboutDigest('sha256:wrong')));
    const response = await fetch(server.url, { method: 'HEAD' });
    expect(response.headers.get('docker-content-digest')).toBe('sha256:wrong');
    expect(response.headers.get('content-length')).toBe(String(content.length));
  });
});

describe('pace', () => {
  const timed = async (task: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await task();
    return performance.now() - start;
  };

  it.each([
    ['delayed', delay(60)],
    ['answered late', delayAnswer(60)],
    ['answered slowly', throttleResponse({ bytes: 30_000, everyMs: 6 })],
    ['read slowly', throttleRequest({ bytes: 30_000, everyMs: 6 })],
  ])('lets a request be %s, and keeps every byte', async (_, fault) => {
    rules.push(rule({}, fault));
    let response: Buffer | undefined;
    const ms = await timed(async () => {
      response = await bodyOf(await post(content));
    });
    expect(ms).toBeGreaterThan(50);
    expect(response?.equals(content)).toBe(true);
    expect(received[0]?.body.equals(content)).toBe(true);
  });

  it('holds a client back that sends faster than it is read', async () => {
    rules.push(rule({}, throttleRequest({ bytes: 1_000, everyMs: 5 })));
    const raw = client().send('POST', '/', Buffer.alloc(32 * 1024 * 1024));
    await expect.poll(() => received.length).toBe(1);
    await settle(50);
    expect(received[0]?.body.length).toBeLessThan(1_000_000);
    expect(raw.socket.writableLength).toBeGreaterThan(0);
  });
});

it('keeps a connection for the next request after a fault that ends well', async () => {
  rules.push(rule({ nth: 1 }, corruptRequest({ at: 0 }), corruptResponse({ at: 0 })));
  const raw = client().send('POST', '/', content);
  await raw.bodyOf(content.length);
  raw.send('GET', '/again');
  await raw.bodyOf(content.length * 2);
  expect(received.map(({ complete }) => complete)).toEqual([true, true]);
});
