import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';

import { afterEach, describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { bodyOf, closeAll, headOf, listen, listenRaw, openTransport } from './local-server.js';

afterEach(closeAll);

describe('a request', () => {
  it('is sent exactly as the URL is spelled', async () => {
    const seen: (string | undefined)[] = [];
    const server = await listen((request, response) => {
      seen.push(request.url);
      response.end();
    });
    const path = '/v2/a%2Fb/../x//y?_state=a+b%20~==&c=%zz';
    const response = await openTransport().send({ method: 'GET', url: `${server.origin}${path}` });
    expect(seen).toEqual([path]);
    expect(response.url).toBe(`${server.origin}${path}`);
  });

  it('names its program and asks for the bytes as they are stored', async () => {
    const server = await listen((request, response) => response.end(JSON.stringify(request.headers)));
    const transport = openTransport();
    const get = await transport.send({ method: 'GET', url: server.origin, headers: { accept: 'a/b' } });
    const headers: unknown = JSON.parse((await get.bytes(10_000)).toString());
    expect(headers).toMatchObject({
      'user-agent': 'regferry/test',
      'accept-encoding': 'identity',
      accept: 'a/b',
    });
    expect(headers).not.toHaveProperty('authorization');
  });

  it.each(['POST', 'PUT', 'PATCH'] as const)('says that a %s without a body is empty', async (method) => {
    const server = await listen((request, response) => response.end(request.headers['content-length']));
    const response = await openTransport().send({ method, url: server.origin });
    expect((await response.bytes(100)).toString()).toBe('0');
  });

  it('sends a body with its type and length', async () => {
    const server = await listen((request, response) => {
      void bodyOf(request).then((body) => {
        const { 'content-length': length, 'content-type': type, 'transfer-encoding': te } = request.headers;
        response.end(JSON.stringify({ body, length, type, te }));
      });
    });
    const bytes = Buffer.from('{"manifest":true}');
    const response = await openTransport().send({
      method: 'PUT',
      url: server.origin,
      body: { length: bytes.length, type: 'application/json', open: () => bytes },
    });
    const seen: unknown = JSON.parse((await response.bytes(1000)).toString());
    expect(seen).toEqual({ body: bytes.toString(), length: '17', type: 'application/json' });
  });

  it('refuses a URL that is none without asking anybody', async () => {
    const transport = openTransport();
    await expect(transport.send({ method: 'GET', url: 'ftp://r/' })).rejects.toMatchObject({
      code: 'E_REFUSED',
    });
    expect(transport.events).toEqual([]);
  });
});

describe('connections', () => {
  it('are kept: twenty requests one after the other take one', async () => {
    const server = await listen((_request, response) => response.end('x'));
    const transport = openTransport();
    for (let i = 0; i < 10; i += 1) {
      await (await transport.send({ method: 'GET', url: server.origin })).bytes(10);
      await (await transport.send({ method: 'HEAD', url: server.origin })).discard();
    }
    expect(server.connections()).toBe(1);
  });

  it('are opened as needed: requests at the same time do not queue', async () => {
    let waiting = 0;
    let release = (): void => undefined;
    const all = new Promise<void>((resolve) => (release = resolve));
    const server = await listen((_request, response) => {
      waiting += 1;
      if (waiting === 8) release();
      void all.then(() => response.end());
    });
    const transport = openTransport();
    const eight = Array.from({ length: 8 }, () => transport.send({ method: 'GET', url: server.origin }));
    expect((await Promise.all(eight)).map(({ status }) => status)).toEqual(Array(8).fill(200));
  });

  it('survive a server that closes each one after its answer', async () => {
    const server = await listenRaw((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    });
    const transport = openTransport({ retries: 0 });
    for (let i = 0; i < 5; i += 1) {
      const response = await transport.send({ method: 'GET', url: server.origin });
      expect((await response.bytes(10)).toString()).toBe('ok');
    }
  });

  it('are gone after close, with whatever was under way', async () => {
    let ended = 0;
    const server = await listen((request, response) => {
      request.socket.once('close', () => (ended += 1));
      if (request.url === '/quick') response.end();
    });
    const transport = openTransport();
    await transport.send({ method: 'GET', url: `${server.origin}/quick` });
    const hanging = transport.send({ method: 'GET', url: `${server.origin}/hanging` });
    hanging.catch(() => undefined);
    await expect.poll(() => server.connections()).toBeGreaterThan(0);
    await transport.close();
    await expect(hanging).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect.poll(() => ended).toBeGreaterThan(0);
    await expect(transport.send({ method: 'GET', url: server.origin })).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
  });

  it('are gone after close, also those that are still on their way', async () => {
    let closed = false;
    const server = await listenRaw((socket) => void socket.once('close', () => (closed = true)).resume());
    const transport = openTransport();
    const connecting = transport.send({ method: 'GET', url: `https://127.0.0.1:${server.port}/` });
    connecting.catch(() => undefined);
    await expect.poll(() => server.connections()).toBe(1);
    await transport.close();
    await expect(connecting).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect.poll(() => closed).toBe(true);
  });

  it('leave neither a socket nor a timer behind', async () => {
    const server = await listen((request, response) => {
      if (request.url === '/503') response.writeHead(503, { 'retry-after': '30' });
      response.end('x');
    });
    const before = process.getActiveResourcesInfo().filter((name) => /Timeout/.test(name)).length;
    const transport = openTransport({ sleep: (ms, signal) => wait(ms, undefined, signal && { signal }) });
    await (await transport.send({ method: 'GET', url: server.origin })).bytes(10);
    const sleeping = transport.send({ method: 'GET', url: `${server.origin}/503` });
    sleeping.catch(() => undefined);
    await expect.poll(() => transport.events.some(({ type }) => type === 'retry')).toBe(true);
    await transport.close();
    await expect(sleeping).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect
      .poll(() => process.getActiveResourcesInfo().filter((name) => /Timeout/.test(name)).length)
      .toBeLessThanOrEqual(before + 1);
  });
});

describe('an abort', () => {
  it('before the request sends nothing', async () => {
    const server = await listen((_request, response) => response.end());
    const transport = openTransport();
    const request = { method: 'GET', url: server.origin, signal: AbortSignal.abort() } as const;
    await expect(transport.send(request)).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(server.connections()).toBe(0);
  });

  it('while waiting for the answer ends it at once, with the reason', async () => {
    const server = await listen(() => undefined);
    const control = new AbortController();
    const reason = new RegferryError('E_TIMEOUT', 'the whole command took too long');
    const sending = openTransport().send({ method: 'GET', url: server.origin, signal: control.signal });
    await expect.poll(() => server.connections()).toBe(1);
    control.abort(reason);
    await expect(sending).rejects.toBe(reason);
  });

  it('in the middle of a body breaks the stream', async () => {
    const server = await listen((_request, response) => response.writeHead(200).write('some'));
    const control = new AbortController();
    const response = await openTransport().send({
      method: 'GET',
      url: server.origin,
      signal: control.signal,
    });
    const reading = response.bytes(100);
    control.abort();
    await expect(reading).rejects.toMatchObject({ code: 'E_ABORTED' });
  });

  it('ends the wait before a retry', async () => {
    const server = await listen((_request, response) => response.writeHead(503).end());
    const control = new AbortController();
    const transport = openTransport({
      sleep: (_ms, signal) =>
        new Promise((_resolve, reject) =>
          signal?.addEventListener('abort', () => reject(new Error('woken'))),
        ),
    });
    const sending = transport.send({ method: 'GET', url: server.origin, signal: control.signal });
    await expect.poll(() => transport.events.some(({ type }) => type === 'retry')).toBe(true);
    control.abort();
    await expect(sending).rejects.toMatchObject({ code: 'E_ABORTED' });
  });
});

describe('what cannot be reached', () => {
  it('is E_NETWORK when nothing listens', async () => {
    const server = await listen(() => undefined);
    await closeAll();
    await expect(
      openTransport({ retries: 0 }).send({ method: 'GET', url: server.origin }),
    ).rejects.toMatchObject({
      code: 'E_NETWORK',
      retryable: true,
      message: expect.stringContaining('refused') as string,
    });
  });

  it('is not asked again when the name does not exist', async () => {
    const transport = openTransport();
    const failed: unknown = await transport
      .send({ method: 'GET', url: 'http://no-such-host.invalid/' })
      .catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'E_NETWORK' });
    // a machine without any name server says EAI_AGAIN instead, which is worth another try
    const { message, retryable } = failed as RegferryError;
    expect(retryable).toBe(message.includes('at the moment'));
  });

  it('is E_NETWORK when the other side speaks something else', async () => {
    const server = await listenRaw((socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n'));
    await expect(
      openTransport({ retries: 0 }).send({ method: 'GET', url: server.origin }),
    ).rejects.toMatchObject({
      code: 'E_NETWORK',
      retryable: false,
    });
  });

  it('is E_LIMIT when the headers have no end', async () => {
    const server = await listen((_request, response) => {
      response.setHeader('x-long', 'x'.repeat(40_000)).end();
    });
    await expect(openTransport().send({ method: 'GET', url: server.origin })).rejects.toMatchObject({
      code: 'E_LIMIT',
    });
  });

  it('takes headers longer than 16 KiB', async () => {
    const server = await listen((_request, response) => {
      response.setHeader('x-long', 'x'.repeat(20_000)).end();
    });
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    expect(response.headers.get('x-long')).toHaveLength(20_000);
  });
});

describe('events', () => {
  it('tell each request with its status, and none of its secrets', async () => {
    const server = await listen((_request, response) => response.writeHead(201).end());
    const transport = openTransport();
    await transport.send({
      method: 'PUT',
      url: `${server.origin}/x?_state=canary&digest=sha256:a`,
      headers: { authorization: 'Basic canary' },
    });
    expect(transport.events).toEqual([
      {
        type: 'request',
        method: 'PUT',
        url: `${server.origin}/x?_state=REDACTED&digest=sha256:a`,
        status: 201,
        durationMs: 0,
      },
    ]);
  });

  it('tell a request that got no answer, without a status', async () => {
    const server = await listenRaw((socket) => socket.destroy());
    const transport = openTransport({ retries: 0 });
    await expect(transport.send({ method: 'GET', url: server.origin })).rejects.toMatchObject({
      code: 'E_CUT',
    });
    expect(transport.events).toMatchObject([{ type: 'request', status: undefined }]);
  });

  it('tell a warning of the server once, without control characters', async () => {
    const server = await listen((_request, response) => {
      response.setHeader('warning', ['299 - "gone \u0085soon"', '199 - "other"']).end();
    });
    const transport = openTransport();
    for (let i = 0; i < 3; i += 1) await transport.send({ method: 'GET', url: server.origin });
    expect(transport.events.filter(({ type }) => type === 'warning')).toEqual([
      { type: 'warning', message: `${server.origin} warns: gone soon` },
    ]);
  });

  it('do not tell a request that never went out', async () => {
    const transport = openTransport();
    const url = 'http://127.0.0.1:1/';
    const sending = transport.send({ method: 'GET', url, registryOrigin: 'https://registry.example' });
    await expect(sending).rejects.toMatchObject({ code: 'E_REFUSED' });
    const aborted = transport.send({ method: 'GET', url, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(transport.events).toEqual([]);
  });

  it('may meet a listener that throws', async () => {
    const server = await listen((_request, response) => response.end('ok'));
    const transport = openTransport({
      onEvent: () => {
        throw new Error('listener');
      },
    });
    expect((await transport.send({ method: 'GET', url: server.origin })).status).toBe(200);
  });
});

describe('errors', () => {
  it.each([
    ['no answer', ''],
    ['a malformed answer', 'HTTP/1.1 200 OK\r\ncanary canary\r\n\r\n{"token":"canary"}'],
  ])('hold no secret, however deep one looks (%s)', async (_what, answer) => {
    const server = await listenRaw((socket) => void headOf(socket).then(() => socket.end(answer)));
    const error: unknown = await openTransport({ retries: 0 })
      .send({
        method: 'GET',
        url: `${server.origin}/x?_state=canary`,
        headers: { authorization: 'Bearer canary', cookie: 'canary' },
      })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RegferryError);
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('canary');
  });
});

it('stops reading what nobody takes', async () => {
  let written = 0;
  const server = await listen((_request, response) => {
    response.writeHead(200);
    const chunk = Buffer.alloc(65_536);
    const pump = (): void => {
      while (response.write(chunk)) written += chunk.length;
      written += chunk.length;
      response.once('drain', pump);
    };
    pump();
  });
  const response = await openTransport().send({ method: 'GET', url: server.origin });
  await expect
    .poll(
      async () => {
        const before = written;
        await wait(50);
        return written === before;
      },
      { timeout: 10_000 },
    )
    .toBe(true);
  expect(response.stream.readableLength).toBeLessThan(1_000_000);
  response.stream.destroy();
  await expect(once(response.stream, 'close')).rejects.toMatchObject({ code: 'E_ABORTED' });
});
