import { getEventListeners } from 'node:events';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { Writable } from 'node:stream';

import { afterEach, describe, expect, it } from 'vitest';

import { DRAIN_MS } from '../../../src/http/limits.js';
import type { HttpResponse } from '../../../src/http/message.js';
import { closeAll, headOf, listen, listenRaw, openTransport } from './local-server.js';

afterEach(closeAll);

/** The response of a server that sends these bytes and then does `end`. */
async function rawAnswer(
  head: string,
  body: string,
  end: 'close' | 'reset' | 'stall',
  idleTimeoutMs = 100,
): Promise<HttpResponse> {
  const server = await listenRaw((socket) => {
    void headOf(socket).then(() => {
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${body}`, () => {
        if (end === 'close') socket.end();
        if (end === 'reset') socket.resetAndDestroy();
      });
    });
  });
  return openTransport({ retries: 0, idleTimeoutMs }).send({ method: 'GET', url: server.origin });
}

async function read(response: HttpResponse): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('a body that ends before its framed end', () => {
  it.each([
    ['content-length: 10', 'four', 'close'],
    ['content-length: 10', 'four', 'reset'],
    ['content-length: 10\r\nconnection: close', 'four', 'close'],
    ['transfer-encoding: chunked', '4\r\nfour\r\n', 'close'],
    ['transfer-encoding: chunked\r\nconnection: close', '4\r\nfour\r\n', 'close'],
    ['transfer-encoding: chunked', '8\r\nfour', 'close'],
    ['content-length: 10', '', 'close'],
  ] as const)('%j %j then %s: is E_CUT', async (head, body, end) => {
    await expect(read(await rawAnswer(head, body, end))).rejects.toMatchObject({
      code: 'E_CUT',
      retryable: true,
    });
  });

  it('is E_CUT also for bytes() and for a pipeline', async () => {
    const one = await rawAnswer('content-length: 10', 'four', 'close');
    await expect(one.bytes(100)).rejects.toMatchObject({ code: 'E_CUT' });
    const two = await rawAnswer('content-length: 10', 'four', 'close');
    const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
    await expect(pipeline(two.stream, sink)).rejects.toMatchObject({ code: 'E_CUT' });
  });

  it('is E_CUT also when it broke before anybody read it', async () => {
    const response = await rawAnswer('content-length: 10', 'four', 'reset');
    await expect.poll(() => response.stream.errored ?? undefined).toMatchObject({ code: 'E_CUT' });
    await expect(read(response)).rejects.toMatchObject({ code: 'E_CUT' });
  });

  it('does not end the process when nobody reads it', async () => {
    const response = await rawAnswer('content-length: 10', 'four', 'reset');
    await expect.poll(() => response.stream.closed).toBe(true);
  });
});

it.each(['four', 'all of it!'])(
  'given up with %j there, nobody listening, does not end the process',
  async (body) => {
    const response = await rawAnswer('content-length: 10', body, 'stall');
    if (body.length === 10) await expect.poll(() => response.stream.readableLength).toBe(10);
    response.stream.destroy();
    await expect.poll(() => response.stream.closed).toBe(true);
    expect(response.stream.errored).toMatchObject({ code: 'E_ABORTED' });
  },
);

it('takes no more than Content-Length says', async () => {
  const response = await rawAnswer('content-length: 4', 'fourmore', 'close');
  expect(await read(response)).toBe('four');
});

it('takes the close for the end where nothing else frames the body', async () => {
  expect(await read(await rawAnswer('connection: close', 'all of it', 'close'))).toBe('all of it');
});

it('fails a body that stalls with E_TIMEOUT', async () => {
  const response = await rawAnswer('content-length: 10', 'four', 'stall');
  await expect(read(response)).rejects.toMatchObject({ code: 'E_TIMEOUT', retryable: true });
});

it('fails an answer that never comes with E_TIMEOUT', async () => {
  const server = await listen(() => undefined);
  const transport = openTransport({ retries: 0, idleTimeoutMs: 100 });
  await expect(transport.send({ method: 'GET', url: server.origin })).rejects.toMatchObject({
    code: 'E_TIMEOUT',
  });
});

it('waits longer for an answer that may take longer', async () => {
  const server = await listen((_request, response) => void setTimeout(() => response.end('late'), 1_800));
  const transport = openTransport({ retries: 0, idleTimeoutMs: 100 });
  const response = await transport.send({ method: 'PUT', url: server.origin, answerTimeoutMs: 60_000 });
  expect(response.status).toBe(200);
});

it('never decodes: the bytes are those that were sent', async () => {
  const stored = gzipSync('layer');
  const server = await listen((_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': stored.length }).end(stored);
  });
  const response = await openTransport().send({ method: 'GET', url: server.origin });
  expect(await response.bytes(1000)).toEqual(stored);
});

it('streams many megabytes unharmed to a slow reader', async () => {
  const chunk = Buffer.alloc(1_000_003, 'abcdefg');
  const server = await listen((_request, response) => {
    response.writeHead(200, { 'content-length': chunk.length * 8 });
    const write = (left: number): void => {
      if (left === 0) response.end();
      else response.write(chunk, () => write(left - 1));
    };
    write(8);
  });
  const response = await openTransport().send({ method: 'GET', url: server.origin });
  const hash = createHash('sha256');
  const slow = new Writable({
    highWaterMark: 1,
    write: (piece: Buffer, _encoding, done) => {
      hash.update(piece);
      setImmediate(done);
    },
  });
  await pipeline(response.stream, slow);
  const expected = createHash('sha256');
  for (let i = 0; i < 8; i += 1) expected.update(chunk);
  expect(hash.digest('hex')).toBe(expected.digest('hex'));
});

describe('bytes', () => {
  it('refuses at once what announces more than the limit', async () => {
    let sent = 0;
    const server = await listen((_request, response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write('x', () => (sent += 1));
    });
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    await expect(response.bytes(100)).rejects.toMatchObject({ code: 'E_LIMIT' });
    expect(sent).toBe(1);
  });

  it('stops reading where the limit is passed', async () => {
    const server = await listen((_request, response) => {
      response.writeHead(200);
      const pump = (): void => void response.write(Buffer.alloc(65_536), (error) => error ?? pump());
      pump();
    });
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    await expect(response.bytes(100_000)).rejects.toMatchObject({ code: 'E_LIMIT' });
    expect(response.stream.destroyed).toBe(true);
  });

  it('takes exactly as much as the limit', async () => {
    const server = await listen((_request, response) => response.end('12345'));
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    expect((await response.bytes(5)).toString()).toBe('12345');
  });

  it('gives nothing for a HEAD, whatever length it announces', async () => {
    const server = await listen((_request, response) =>
      response.writeHead(200, { 'content-length': 1_000_000 }).end(),
    );
    const response = await openTransport().send({ method: 'HEAD', url: server.origin });
    expect(await response.bytes(0)).toHaveLength(0);
    expect(response.headers.get('content-length')).toBe('1000000');
  });
});

describe('discard', () => {
  it('drains a small rest and keeps the connection', async () => {
    const server = await listen((_request, response) => response.writeHead(404).end('x'.repeat(1000)));
    const transport = openTransport();
    for (let i = 0; i < 4; i += 1)
      await (await transport.send({ method: 'GET', url: server.origin })).discard();
    expect(server.connections()).toBe(1);
  });

  it('closes a long one', async () => {
    const server = await listen((_request, response) => {
      const pump = (): void => void response.write(Buffer.alloc(65_536), (error) => error ?? pump());
      pump();
    });
    const start = performance.now();
    await (await openTransport().send({ method: 'GET', url: server.origin })).discard();
    await expect.poll(() => server.closed()).toBe(1);
    expect(performance.now() - start).toBeLessThan(DRAIN_MS);
  });

  it('closes one that does not get on', async () => {
    const response = await rawAnswer('content-length: 10', 'four', 'stall', 10_000);
    const start = performance.now();
    await response.discard();
    expect(performance.now() - start).toBeLessThan(3 * DRAIN_MS);
  });

  it('does not fail when the body breaks', async () => {
    const response = await rawAnswer('content-length: 10', 'four', 'reset');
    await expect(response.discard()).resolves.toBeUndefined();
  });

  it('can be called after everything was read', async () => {
    const server = await listen((_request, response) => response.end('x'));
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    await response.bytes(10);
    await expect(response.discard()).resolves.toBeUndefined();
  });
});

it('lets go of the signal after a bodyless answer that nobody reads', async () => {
  const server = await listen((_request, response) => response.writeHead(204).end());
  const { signal } = new AbortController();
  await openTransport().send({ method: 'PUT', url: server.origin, signal });
  await expect.poll(() => getEventListeners(signal, 'abort').length).toBe(0);
});
