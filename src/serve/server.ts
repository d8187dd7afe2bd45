import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';

import { RegferryError, throwIfAborted } from '../errors.js';
import { createRegistryService } from './handler.js';
import type { RegistryHandlerOptions, RequestHandler } from './handler.js';
import { MemoryRegistry } from './memory-registry.js';
import type { RegistryStorage } from './storage.js';

const timeouts = {
  /** Longer than a client keeps an idle connection, so that it is never the server that closes one under a request. */
  keepAliveTimeout: 75_000,
  /** A slow upload may take longer than the 300 s that node gives a request. */
  requestTimeout: 0,
};

/** How long nothing may move on a connection in the middle of a request: a client that is gone holds an upload until then. */
const idleMs = 5 * 60 * 1000;

/** How often uploads that have rested for too long are looked for. */
const sweepMs = 60 * 1000;

const listenReasons: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'the port is taken; choose another, or 0 for any that is free'],
  ['EACCES', 'that is not permitted; choose a port above 1023'],
  ['EADDRNOTAVAIL', 'this machine does not have the address'],
  ['ENOTFOUND', 'this machine does not know the name'],
]);
const reachedAsLocalhost: ReadonlySet<string> = new Set(['127.0.0.1', '0.0.0.0', '::']);

/** A certificate and its key, both as PEM text. */
export interface TlsIdentity {
  /** The certificate, followed by those of the authorities between it and the root. */
  readonly cert: string;
  readonly key: string;
}

/** Where to listen, and when to stop. */
export interface ListenOptions {
  /** Address or name to listen on. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port; 0 for any that is free. @default 0 */
  readonly port?: number | undefined;
  /** Speak https with this certificate. @default plain http */
  readonly tls?: TlsIdentity | undefined;
  /** Closes the server at once. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link serveRegistry}. */
export interface ServeOptions extends ListenOptions, Omit<RegistryHandlerOptions, 'storage'> {
  /** @default a new {@link MemoryRegistry} */
  readonly storage?: RegistryStorage | undefined;
  /** Called once when the registry is closed, to end what `isAllowed` has begun. */
  readonly onClose?: (() => Promise<void>) | undefined;
  /** Calls back every so many milliseconds, until what it gives is called. @default setInterval, which keeps no process alive */
  readonly every?: ((ms: number, work: () => void) => () => void) | undefined;
}

/** A server that listens. */
export interface ListeningServer {
  /** Base URL by address, as in `http://127.0.0.1:5000`. */
  readonly url: string;
  /** The registry's name in references: `localhost:5000` where that reaches it, else `address:port`. */
  readonly host: string;
  readonly port: number;
  /** Ends every connection and stops to listen. May be called more than once. */
  close(): Promise<void>;
}

/** A registry that listens. */
export interface ServedRegistry extends ListeningServer {
  /**
   * Stops in order: no new connection and no new request is taken, and those that run have until `patience` resolves to
   * come to their end. Then as `close`.
   */
  stop(patience: Promise<unknown>): Promise<void>;
}

/** Starts a registry. Throws E_LISTEN when it cannot listen there, E_CONFIG for a certificate or a key that is none. */
export async function serveRegistry(options: ServeOptions = {}): Promise<ServedRegistry> {
  const storage = options.storage ?? new MemoryRegistry();
  const service = createRegistryService({ ...options, storage });
  const { server, listening } = await start(service.handle, options);
  const tell = options.onError ?? (() => undefined);
  const stopSweeping = (options.every ?? everyInterval)(sweepMs, () => void service.sweep().catch(tell));
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    stopSweeping();
    closed ??= Promise.all([listening.close(), service.close(), options.onClose?.()]).then(() => undefined);
    return closed;
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  const stop = async (patience: Promise<unknown>): Promise<void> => {
    server.close();
    await Promise.race([service.drain(), patience]);
    await close();
  };
  return { ...listening, close, stop };
}

/** Starts a server that calls the handler. Throws as {@link serveRegistry} does. */
export async function listen(handler: RequestHandler, options: ListenOptions = {}): Promise<ListeningServer> {
  const { listening } = await start(handler, options);
  options.signal?.addEventListener('abort', () => void listening.close(), { once: true });
  return listening;
}

async function start(
  handler: RequestHandler,
  options: ListenOptions,
): Promise<{ readonly server: Server; readonly listening: ListeningServer }> {
  const { host = '127.0.0.1', port = 0, signal, tls } = options;
  throwIfAborted(signal);
  const server = tls === undefined ? createServer(timeouts, handler) : createTlsServer(tls, handler);
  server.setTimeout(idleMs);
  await listening(server, host, port);
  const bound = boundAddress(server);
  const scheme = tls === undefined ? 'http' : 'https';
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= closeServer(server);
    return closed;
  };
  // A name may have addresses of both families; localhost is known to, and only one of them is listened on.
  const reached = host === 'localhost' ? bound.address : host;
  const url = `${scheme}://${bracketed(reached)}:${bound.port}`;
  return { server, listening: { url, host: hostName(host, bound), port: bound.port, close } };
}

function createTlsServer(tls: TlsIdentity, handler: RequestHandler): Server {
  try {
    return createHttpsServer({ ...timeouts, cert: tls.cert, key: tls.key }, handler);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `cannot use the certificate and key: ${reason}; both are PEM, and the key belongs to the certificate`;
    throw new RegferryError('E_CONFIG', message, { cause: error });
  }
}

function everyInterval(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref();
  return () => clearInterval(timer);
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

function boundAddress(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new RegferryError('E_LISTEN', 'not listening');
  return address;
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

/** IPv6 alone is named by its address: whoever asks for localhost may be led to the other family. */
function hostName(host: string, { address, port }: AddressInfo): string {
  if (reachedAsLocalhost.has(address)) return `localhost:${port}`;
  const name = host === 'localhost' || isIP(host) === 6 ? address : host;
  return `${bracketed(name)}:${port}`;
}
