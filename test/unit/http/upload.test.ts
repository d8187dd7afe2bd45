import { getEventListeners, once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

import { afterEach, describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import type { HttpRequest } from '../../../src/http/message.js';
import { UploadBody } from '../../../src/http/upload-body.js';
import { bodyOf, closeAll, headOf, listen, listenRaw, openTransport } from './local-server.js';

afterEach(closeAll);

const MiB = 1024 * 1024;

/** A source that counts what it gives and knows when it was closed. */
function source(pieces: number, size = 65_536) {
  const state = { given: 0, closed: 0, opened: 0 };
  async function* open(): AsyncGenerator<Uint8Array> {
    state.opened += 1;
    try {
      for (let i = 0; i < pieces; i += 1) {
        state.given += 1;
        yield await Promise.resolve(Buffer.alloc(size, i));
      }
    } finally {
      state.closed += 1;
    }
  }
  const body = { length: pieces * size, type: 'application/octet-stream', open };
  return { state, body };
}

function put(url: string, body: HttpRequest['body'], more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'PUT', url, retry: false, body, ...more };
}

describe('an upload', () => {
  it('arrives whole, with its length, and closes its source', async () => {
    const server = await listen((request, response) => {
      void bodyOf(request).then((body) => {
        response
          .writeHead(201, { 'x-length': request.headers['content-length'], 'x-got': body.length })
          .end();
      });
    });
    const { state, body } = source(40, 100_000);
    const response = await openTransport().send(put(server.origin, body));
    expect(response.status).toBe(201);
    expect([response.headers.get('x-length'), response.headers.get('x-got')]).toEqual(['4000000', '4000000']);
    expect(state).toEqual({ given: 40, closed: 1, opened: 1 });
  });

  it('may be empty, and its source is looked at all the same', async () => {
    const server = await listen((request, response) => {
      void bodyOf(request).then((body) =>
        response.end(`${body.length} ${request.headers['content-length']}`),
      );
    });
    const { state, body } = source(0);
    const response = await openTransport().send(put(server.origin, body));
    expect((await response.bytes(100)).toString()).toBe('0 0');
    expect(state.closed).toBe(1);
  });

  it('of bytes in memory arrives whole however large', async () => {
    const bytes = Buffer.alloc(3_500_000, 'json');
    const server = await listen((request, response) => {
      void bodyOf(request).then((body) => response.writeHead(body === bytes.toString() ? 201 : 400).end());
    });
    const body = { length: bytes.length, type: 'a/b', open: () => Promise.resolve(bytes) };
    expect((await openTransport().send(put(server.origin, body))).status).toBe(201);
  });

  it('keeps its connection for the next request', async () => {
    const server = await listen(
      (request, response) => void bodyOf(request).then(() => response.writeHead(201).end()),
    );
    const transport = openTransport();
    for (let i = 0; i < 3; i += 1) await transport.send(put(server.origin, source(2).body));
    expect(server.connections()).toBe(1);
  });

  it('pulls no faster than the socket drains', async () => {
    const sockets: Socket[] = [];
    const server = await listenRaw((socket) => {
      socket.pause();
      sockets.push(socket);
    });
    const { state, body } = source(4096);
    const control = new AbortController();
    const sending = openTransport().send(put(server.origin, body, { signal: control.signal }));
    sending.catch(() => undefined);
    await expect.poll(() => state.given).toBeGreaterThan(1);
    let before = -1;
    await expect.poll(() => before === (before = state.given), { interval: 100, timeout: 5000 }).toBe(true);
    expect(state.given).toBeLessThan(1024);
    control.abort();
    await expect(sending).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(state.closed).toBe(1);
  });
});

describe('the watchdog', () => {
  const bytes = Buffer.alloc(28 * MiB);

  it.each([
    ['from a source', source(448).body],
    ['from memory', { length: bytes.length, type: 'a/b', open: () => bytes }],
  ])('lets an upload %s live that is slow but moves', async (_what, body) => {
    const server = await listenRaw((socket) => {
      const start = performance.now();
      let got = 0;
      socket.pause();
      // 20 MB a second: several times the idle time-out in all, though the kernel wakes us only every MB or so
      const timer = setInterval(() => {
        while (got < (performance.now() - start) * 20_000) {
          const data = socket.read() as Buffer | null;
          if (data === null) break;
          got += data.length;
        }
        if (got > body.length) socket.end('HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n');
      }, 5);
      socket.once('close', () => clearInterval(timer));
    });
    const start = performance.now();
    const transport = openTransport({ idleTimeoutMs: 500 });
    expect((await transport.send(put(server.origin, body))).status).toBe(201);
    expect(performance.now() - start).toBeGreaterThan(1000);
  });

  it('ends an upload that stands still', async () => {
    const server = await listenRaw((socket) => socket.pause());
    const { state, body } = source(4096);
    const sending = openTransport({ idleTimeoutMs: 100 }).send(put(server.origin, body));
    await expect(sending).rejects.toMatchObject({
      code: 'E_TIMEOUT',
      retryable: true,
      message: expect.stringContaining('stopped moving') as string,
    });
    expect(state.closed).toBe(1);
  });

  it('does not count the time in which the source has nothing to give', async () => {
    const server = await listen(
      (request, response) => void bodyOf(request).then(() => response.writeHead(201).end()),
    );
    const body = {
      length: 2,
      type: 'a/b',
      open: async function* () {
        yield Buffer.from('a');
        await new Promise((resolve) => setTimeout(resolve, 300));
        yield Buffer.from('b');
      },
    };
    const response = await openTransport({ idleTimeoutMs: 50 }).send(put(server.origin, body));
    expect(response.status).toBe(201);
  });

  it('waits for the answer as long as it is told to', async () => {
    const server = await listen((request, response) => {
      void bodyOf(request).then(() => setTimeout(() => response.writeHead(201).end(), 1_800));
    });
    const transport = openTransport({ idleTimeoutMs: 50 });
    const body = source(1).body;
    const patient = await transport.send(put(server.origin, body, { answerTimeoutMs: 60_000 }));
    expect(patient.status).toBe(201);
    await expect(transport.send(put(server.origin, body, { answerTimeoutMs: 50 }))).rejects.toMatchObject({
      code: 'E_TIMEOUT',
      message: expect.stringContaining('no answer') as string,
    });
  });

  it('leaves no timer behind', async () => {
    const server = await listen(
      (request, response) => void bodyOf(request).then(() => response.writeHead(201).end()),
    );
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const transport = openTransport({ idleTimeoutMs: 3_600_000 });
    await transport.send(put(server.origin, source(1).body));
    const before = timers();
    for (let i = 0; i < 5; i += 1) await transport.send(put(server.origin, source(1).body));
    expect(timers()).toBeLessThanOrEqual(before);
  });
});

describe('an early answer', () => {
  it.each([413, 401, 500, 307])('%i is delivered while the body is still being sent', async (status) => {
    const server = await listen((_request, response) => response.writeHead(status).end('early words'));
    const { state, body } = source(4096);
    const response = await openTransport().send(put(server.origin, body));
    expect(response.status).toBe(status);
    expect((await response.bytes(100)).toString()).toBe('early words');
    expect(state.given).toBeLessThan(4096);
    await expect.poll(() => state.closed).toBe(1);
  });

  it('stops the upload at once, however long it is itself', async () => {
    const server = await listen((request, response) => {
      request.resume();
      response.writeHead(413).write('the first of many words');
    });
    const { state, body } = source(4096);
    const response = await openTransport().send(put(server.origin, body));
    await expect.poll(() => state.closed).toBe(1);
    expect(state.given).toBeLessThan(4096);
    response.stream.destroy();
    await expect.poll(() => server.closed()).toBe(1);
  });

  it('ends an upload whose source has nothing to give', async () => {
    const server = await listen((_request, response) => response.writeHead(413).end('no'));
    const stuck = new Readable({ read: () => undefined });
    stuck.push('first');
    const body = { length: 1000, type: 'a/b', open: () => stuck };
    const response = await openTransport().send(put(server.origin, body));
    expect(response.status).toBe(413);
    await response.discard();
    expect(stuck.destroyed).toBe(true);
  });

  it('of success is none: the bytes are not there', async () => {
    const server = await listen((_request, response) => response.writeHead(201).end());
    const { state, body } = source(4096);
    await expect(openTransport().send(put(server.origin, body))).rejects.toMatchObject({
      code: 'E_CUT',
      retryable: true,
      message: expect.stringContaining('answered 201 before the whole body was sent') as string,
    });
    await expect.poll(() => state.closed).toBe(1);
  });
});

describe('the source', () => {
  it('is closed when there is no connection', async () => {
    const server = await listen(() => undefined);
    await closeAll();
    const { state, body } = source(10);
    await expect(openTransport().send(put(server.origin, body))).rejects.toMatchObject({ code: 'E_NETWORK' });
    await expect.poll(() => state.closed).toBe(1);
  });

  it('is destroyed when it is a stream, also one that waits for data', async () => {
    const server = await listen(() => undefined);
    await closeAll();
    const stuck = new Readable({ read: () => undefined });
    const body = { length: 10, type: 'a/b', open: () => stuck };
    await expect(openTransport().send(put(server.origin, body))).rejects.toMatchObject({ code: 'E_NETWORK' });
    expect(stuck.destroyed).toBe(true);
  });

  it('is closed when the connection breaks, for every try', async () => {
    const server = await listenRaw((socket) => void headOf(socket).then(() => socket.resetAndDestroy()));
    const { state, body } = source(4096);
    const sending = openTransport({ retries: 2 }).send(put(server.origin, body, { retry: true }));
    await expect(sending).rejects.toMatchObject({ code: 'E_CUT' });
    expect(state.opened).toBe(3);
    await expect.poll(() => state.closed).toBe(3);
  });

  it('is closed when the request is aborted while it is waited for', async () => {
    const server = await listen((request) => void bodyOf(request).catch(() => undefined));
    const stuck = new Readable({ read: () => undefined });
    stuck.push('first');
    const control = new AbortController();
    const body = { length: 10, type: 'a/b', open: () => stuck };
    const sending = openTransport().send(put(server.origin, body, { signal: control.signal }));
    sending.catch(() => undefined);
    await expect.poll(() => server.connections()).toBe(1);
    control.abort();
    await expect(sending).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(stuck.destroyed).toBe(true);
  });

  it('fails the request with its own error, once, and the server sees no complete body', async () => {
    let complete: boolean | undefined;
    const server = await listen((request) => {
      request.on('error', () => undefined).once('close', () => (complete = request.complete));
      request.resume();
    });
    const failure = new RegferryError('E_DIGEST_MISMATCH', 'wrong bytes', {
      side: 'source',
      retryable: true,
    });
    let opened = 0;
    const body = {
      length: 8,
      type: 'a/b',
      open: async function* () {
        opened += 1;
        yield await Promise.resolve(Buffer.from('four'));
        throw failure;
      },
    };
    await expect(openTransport().send(put(server.origin, body, { retry: true }))).rejects.toBe(failure);
    expect(opened).toBe(1);
    await expect.poll(() => complete).toBe(false);
  });

  it('fails the request before it is sent when it cannot be opened', async () => {
    const server = await listen((_request, response) => response.end());
    const failure = new RegferryError('E_NOT_FOUND', 'no such blob', { side: 'source' });
    const body = { length: 8, type: 'a/b', open: () => Promise.reject(failure) };
    await expect(openTransport().send(put(server.origin, body))).rejects.toBe(failure);
    expect(server.connections()).toBe(0);
  });

  it.each([
    ['shorter', 3],
    ['longer', 100],
  ])('that is %s than announced never completes', async (_what, length) => {
    let complete: boolean | undefined;
    const server = await listen((request) => {
      request.on('error', () => undefined).once('close', () => (complete = request.complete));
      request.resume();
    });
    const body = {
      length: 10,
      type: 'a/b',
      open: async function* () {
        yield await Promise.resolve(Buffer.alloc(2));
        yield Buffer.alloc(length - 2);
      },
    };
    await expect(openTransport().send(put(server.origin, body))).rejects.toMatchObject({
      code: 'E_INTERNAL',
    });
    await expect.poll(() => complete === false || server.connections() === 0).toBe(true);
  });
});

describe('UploadBody', () => {
  const watch = { idleTimeoutMs: 1000, answerTimeoutMs: 1000, onStall: () => undefined };

  it('gives pieces of 64 KiB at most', async () => {
    const body = new UploadBody(Readable.from([Buffer.alloc(100_000)]), 100_000, watch);
    const sizes: number[] = [];
    for await (const piece of body) sizes.push(piece.length);
    body.end();
    expect(sizes).toEqual([65_536, 34_464]);
    expect(body.complete).toBe(true);
  });

  it('lets go of whoever waits for a piece when it ends', async () => {
    const body = new UploadBody(new Readable({ read: () => undefined }), 10, watch);
    const waiting = body.next();
    body.end();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await body.next()).toEqual({ done: true, value: undefined });
  });
});

it('an abort before the upload does not open its source', async () => {
  const { state, body } = source(1);
  const sending = openTransport().send(put('http://127.0.0.1:1', body, { signal: AbortSignal.abort() }));
  await expect(sending).rejects.toMatchObject({ code: 'E_ABORTED' });
  expect(state.opened).toBe(0);
});

it('a listener on the signal is taken off again', async () => {
  const server = await listen(
    (request, response) => void bodyOf(request).then(() => response.writeHead(201).end('x')),
  );
  const { signal } = new AbortController();
  const response = await openTransport().send(put(server.origin, source(2).body, { signal }));
  const closed = once(response.stream, 'close');
  await response.bytes(10);
  await closed;
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});
