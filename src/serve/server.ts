import { createServer } from 'node:http';
import type { Server } from 'node:http';

import { RegferryError } from '../errors.js';
import { createRegistryHandler } from './handler.js';
import type { RegistryHandlerOptions, RequestHandler } from './handler.js';
import { MemoryRegistry } from './memory-registry.js';
import type { RegistryStorage } from './storage.js';

/** Longer than a client keeps an idle connection, so that it is never the server that closes one under a request. */
const keepAliveMs = 75_000;

const listenReasons: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is taken; choose another, or 0 for any that is free'],
  ['EACCES', 'that is not permitted; choose a port above 1023'],
  ['EADDRNOTAVAIL', 'this machine does not have the address'],
  ['ENOTFOUND', 'this machine does not know the name'],
]);
const reachedAsLocalhost: ReadonlySet<string> = new Set(['127.0.0.1', '::1', '0.0.0.0', '::']);

/** Where to listen, and when to stop. */
export interface ListenOptions {
  /** Address or name to listen on. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port; 0 for any that is free. @default 0 */
  readonly port?: number | undefined;
  /** Closes the server. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link serveRegistry}. */
export interface ServeOptions extends ListenOptions, Omit<RegistryHandlerOptions, 'storage'> {
  /** @default a new {@link MemoryRegistry} */
  readonly storage?: RegistryStorage | undefined;
}

/** A registry that listens. */
export interface ServedRegistry {
  /** Base URL by address, as in `http://127.0.0.1:5000`. */
  readonly url: string;
  /** The registry's name in references: `localhost:5000` where that reaches it, else `address:port`. */
  readonly host: string;
  readonly port: number;
  /** Ends every connection and stops to listen. May be called more than once. */
  close(): Promise<void>;
}

/** Starts a registry. Throws E_LISTEN when it cannot listen there. */
export function serveRegistry(options: ServeOptions = {}): Promise<ServedRegistry> {
  const storage = options.storage ?? new MemoryRegistry();
  return listen(createRegistryHandler({ ...options, storage }), options);
}

/** Starts a plain HTTP server that calls the handler. Throws E_LISTEN when it cannot listen there. */
export async function listen(handler: RequestHandler, options: ListenOptions = {}): Promise<ServedRegistry> {
  const { host = '127.0.0.1', port = 0, signal } = options;
  signal?.throwIfAborted();
  // A slow upload may take longer than the 300 s that node gives a request.
  const server = createServer({ requestTimeout: 0, keepAliveTimeout: keepAliveMs }, handler);
  await listening(server, host, port);
  const bound = boundPort(server);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= closeServer(server);
    return closed;
  };
  signal?.addEventListener('abort', () => void close(), { once: true });
  return { url: `http://${bracketed(host)}:${bound}`, host: hostName(host, bound), port: bound, close };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new RegferryError('E_LISTEN', listenMessage(error, host, port), { cause: error }));
    });
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenMessage(error: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `cannot listen on ${bracketed(host)}:${port}`;
  const why = listenReasons.get(error.code ?? '') ?? error.code ?? error.message;
  return `${where}: ${why}`;
}

function boundPort(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new RegferryError('E_LISTEN', 'not listening');
  return address.port;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function hostName(host: string, port: number): string {
  return `${reachedAsLocalhost.has(host) ? 'localhost' : bracketed(host)}:${port}`;
}
