import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { createTransport, type Transport } from '../../../src/http/transport.js';

const sockets: Socket[] = [];
const servers: { close(): unknown }[] = [];
const transports: Transport[] = [];

afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

function transport(): Transport {
  const made = createTransport({ userAgent: 'test', retries: 0 });
  transports.push(made);
  return made;
}

async function serve(): Promise<{ server: Server; origin: string; connections: () => number }> {
  const server = createServer((_request, response) => response.end('hello'));
  servers.push(server);
  let connections = 0;
  server.on('connection', (socket) => {
    connections += 1;
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, origin: `http://127.0.0.1:${port}`, connections: () => connections };
}

async function get(http: Transport, origin: string): Promise<string> {
  const response = await http.send({ method: 'GET', url: `${origin}/v2/` });
  return (await response.bytes(100)).toString();
}

describe('connections that are opened early', () => {
  it('serve the requests that come then, and no more are opened', async () => {
    const { server, origin, connections } = await serve();
    const http = transport();
    http.warm?.(origin, 3);
    while (connections() < 3) await once(server, 'connection');
    const answers = await Promise.all([1, 2, 3].map(() => get(http, origin)));
    expect(answers).toEqual(['hello', 'hello', 'hello']);
    expect(connections()).toBe(3);
  });

  it('serve requests that come while they are on their way', async () => {
    const { origin, connections } = await serve();
    const http = transport();
    http.warm?.(origin, 2);
    await Promise.all([get(http, origin), get(http, origin)]);
    expect(connections()).toBe(2);
  });

  it('are not used when the server has closed them meanwhile', async () => {
    const { server, origin, connections } = await serve();
    const http = transport();
    http.warm?.(origin, 1);
    await once(server, 'connection');
    const [socket] = sockets;
    socket?.end();
    socket?.resume();
    if (socket !== undefined) await once(socket, 'close');
    expect(await get(http, origin)).toBe('hello');
    expect(connections()).toBe(2);
  });

  it('that nobody used are ended with the transport', async () => {
    const { server, origin, connections } = await serve();
    const http = transport();
    http.warm?.(origin, 2);
    while (connections() < 2) await once(server, 'connection');
    await http.close();
    for (const socket of sockets) if (!socket.closed) await once(socket.resume(), 'close');
    expect(sockets.map((socket) => socket.closed)).toEqual([true, true]);
  });

  it('that cannot be opened leave the failure to the request', async () => {
    const http = transport();
    http.warm?.('http://127.0.0.1:1', 2);
    await expect(get(http, 'http://127.0.0.1:1')).rejects.toMatchObject({ code: 'E_NETWORK' });
  });
});

it('a connection that was opened early and failed at TLS, with nobody waiting, does no harm', async () => {
  // It answers the TLS handshake with something else.
  const rude = createTcpServer((socket) => {
    sockets.push(socket);
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  servers.push(rude);
  rude.listen(0, '127.0.0.1');
  await once(rude, 'listening');
  const { port } = rude.address() as AddressInfo;
  const http = transport();
  http.warm?.(`https://127.0.0.1:${port}`, 1);
  await once(rude, 'connection');
  const [socket] = sockets;
  if (socket !== undefined && !socket.closed) await once(socket, 'close');
  await expect(get(http, `https://127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'E_TLS' });
});

it('an abort ends a request at once that waits for a connection which never comes about', async () => {
  // It takes the connection, and never answers the TLS handshake.
  const silent = createTcpServer((socket) => sockets.push(socket));
  servers.push(silent);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const control = new AbortController();
  const http = transport();
  const sent = http.send({ method: 'GET', url: `https://127.0.0.1:${port}/`, signal: control.signal });
  await once(silent, 'connection');
  const started = performance.now();
  control.abort();
  await expect(sent).rejects.toMatchObject({ code: 'E_ABORTED' });
  expect(performance.now() - started).toBeLessThan(1_000);
});
