import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';

import type { HttpEvent, HttpRequest } from '../../../src/http/message.js';
import { createTransport, type Transport, type TransportOptions } from '../../../src/http/transport.js';
import type { KeyPair } from '../../support/certificates.js';

/** A server on a free port of 127.0.0.1. */
export interface LocalServer {
  /** `http://127.0.0.1:port` */
  readonly origin: string;
  readonly port: number;
  /** Connections accepted so far. */
  connections(): number;
  /** Connections closed so far. */
  closed(): number;
}

/** A transport whose waits are recorded, not waited for. */
export interface TestTransport extends Transport {
  readonly events: HttpEvent[];
  /** Milliseconds of each wait asked for. */
  readonly waits: number[];
  /** Milliseconds of the transport's clock, which the waits move. */
  readonly clock: { now: number };
}

const closers = new Set<() => Promise<unknown>>();

/** Closes all that this file's functions opened. */
export async function closeAll(): Promise<void> {
  const closing = [...closers].map((close) => close());
  closers.clear();
  await Promise.all(closing);
}

/** Serves http, or https with a certificate. */
export async function listen(
  handler: RequestListener,
  tls?: KeyPair & { clientCa?: string },
): Promise<LocalServer> {
  const server: Server =
    tls === undefined
      ? http.createServer(handler)
      : https.createServer(
          {
            cert: readFileSync(tls.certificate),
            key: readFileSync(tls.key),
            ...(tls.clientCa === undefined
              ? {}
              : { ca: readFileSync(tls.clientCa), requestCert: true, rejectUnauthorized: true }),
          },
          handler,
        );
  return started(server, tls === undefined ? 'http' : 'https');
}

/** Serves bare sockets. */
export async function listenRaw(onSocket: (socket: Socket) => void): Promise<LocalServer> {
  return started(net.createServer({ highWaterMark: 1024 * 1024 }, onSocket), 'http');
}

async function started(server: net.Server, scheme: string): Promise<LocalServer> {
  const sockets = new Set<Socket>();
  let count = 0;
  server.on('connection', (socket: Socket) => {
    count += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.add(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${scheme}://127.0.0.1:${port}`,
    port,
    connections: () => count,
    closed: () => count - sockets.size,
  };
}

/** A transport for tests; its waits take no time but move its clock. */
export function openTransport(options: Partial<TransportOptions> = {}): TestTransport {
  const events: HttpEvent[] = [];
  const waits: number[] = [];
  const clock = { now: Date.UTC(2030, 0, 1) };
  const transport = createTransport({
    userAgent: 'regferry/test',
    idleTimeoutMs: 5_000,
    now: () => clock.now,
    date: () => clock.now,
    random: () => 1,
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      clock.now += milliseconds;
      return Promise.resolve();
    },
    onEvent: (event) => events.push(event),
    ...options,
  });
  closers.add(() => transport.close());
  return {
    events,
    waits,
    clock,
    send: (request: HttpRequest) => transport.send(request),
    close: () => transport.close(),
  };
}

/** The whole body of a request, as text. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** The first header line and the headers of a raw request, once they are complete. */
export async function headOf(socket: Socket): Promise<string> {
  let head = '';
  for (;;) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    head += data.toString('latin1');
    if (head.includes('\r\n\r\n')) return head;
  }
}
