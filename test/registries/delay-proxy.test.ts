import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { startDelayProxy } from '../support/delay-proxy.js';

let echo: Server;
let port: number;
beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  port = address !== null && typeof address === 'object' ? address.port : 0;
});
afterAll(() => echo.close());

async function ask(socket: Socket, bytes: Buffer): Promise<{ answer: Buffer; tookMs: number }> {
  const start = performance.now();
  const parts: Buffer[] = [];
  const all = new Promise<void>((resolve) => {
    socket.on('data', function listen(part: Buffer) {
      parts.push(part);
      if (Buffer.concat(parts).length < bytes.length) return;
      socket.off('data', listen);
      resolve();
    });
  });
  socket.write(bytes);
  await all;
  return { answer: Buffer.concat(parts), tookMs: performance.now() - start };
}

it('makes an answer take a round trip, and one more on a new connection', async () => {
  const proxy = await startDelayProxy({ port, roundTripMs: 40 });
  // The proxy may see the connection before this process hears of it.
  const begun = performance.now();
  const socket = connect(proxy.port, '127.0.0.1');
  await once(socket, 'connect');
  await ask(socket, Buffer.from('one'));
  const firstMs = performance.now() - begun;
  const second = await ask(socket, Buffer.from('two'));
  expect(firstMs).toBeGreaterThanOrEqual(78);
  expect(second.tookMs).toBeGreaterThanOrEqual(39);
  expect([proxy.connections(), proxy.open()]).toEqual([1, 1]);
  await proxy.stop();
  if (!socket.closed) await once(socket, 'close');
  expect([proxy.connections(), proxy.open()]).toEqual([1, 0]);
});

it('keeps many bytes in order and ends the stream after the last one', async () => {
  const proxy = await startDelayProxy({ port, roundTripMs: 10 });
  const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  const sent = Buffer.alloc(40 * 1024 * 1024, 'every byte in its place; ');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.end(sent);
  await once(socket, 'end');
  expect(Buffer.concat(parts).equals(sent)).toBe(true);
  await proxy.stop();
});

it('hands on that nobody listens behind it', async () => {
  const proxy = await startDelayProxy({ port: 1, roundTripMs: 2 });
  const socket = connect(proxy.port, '127.0.0.1');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
  await proxy.stop();
});
