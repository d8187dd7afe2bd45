import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';

/** A proxy whose tunnels end where the test wants them to. */
export interface Tunnel {
  /** For HTTPS_PROXY. */
  readonly url: string;
  /** Each `host:port` that was asked for and led nowhere. */
  readonly unknown: string[];
  stop(): Promise<void>;
}

/**
 * Starts a proxy that opens a tunnel to `portOf('host:port')` on this machine, and refuses where that is undefined. With
 * it, programs that go by HTTPS_PROXY can be run with the host names that they are meant for.
 */
export async function startTunnel(portOf: (target: string) => number | undefined): Promise<Tunnel> {
  const unknown: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => response.writeHead(501).end());
  server.on('connect', ({ url = '' }, client: Socket) => {
    const port = portOf(url);
    if (port === undefined) {
      unknown.push(url);
      client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    unknown,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
