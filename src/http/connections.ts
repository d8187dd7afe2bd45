import { Socket, isIP } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { SecureContext } from 'node:tls';

import { Pool, ProxyAgent, buildConnector, type Dispatcher } from 'undici';

import { RegferryError } from '../errors.js';
import { addressClass, type AddressClass } from './address-class.js';
import { guardedLookup, refusedLiteral, type AddressGuard } from './address-guard.js';
import { withoutInterim } from './interim-answers.js';
import { FAMILY_ATTEMPT_MS, HEADER_SIZE_LIMIT, KEEP_ALIVE_MAX_MS, KEEP_ALIVE_MS } from './limits.js';
import { ProxyFailure } from './proxy-failure.js';
import { secureContext } from './secure-context.js';
import { bareHost } from './url.js';
import { WarmSockets } from './warm-sockets.js';

/** How the connections to one origin are made. */
export interface ConnectionSettings {
  /** CA certificates (PEM) that REPLACE Node's roots: whoever sets this collects the roots, too. */
  readonly ca?: readonly string[] | undefined;
  /** Client certificate and key (PEM). */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Accept any certificate. */
  readonly insecure?: boolean | undefined;
  /** The proxy, `http://host:port`, and the value of Proxy-Authorization that it and nobody else gets. */
  readonly proxy?: { readonly url: string; readonly authorization?: string | undefined } | undefined;
  /** Milliseconds for each of: name and TCP, the tunnel, TLS. */
  readonly connectTimeoutMs: number;
  /** The addresses that may not be reached (literal ones only, through a proxy). */
  readonly guard?: AddressGuard | undefined;
}

/** The part of the settings that belongs to an origin; the transport adds the rest. */
export type OriginSettings = Omit<ConnectionSettings, 'connectTimeoutMs' | 'guard'>;

const POOL = {
  connections: null,
  pipelining: 1,
  allowH2: false,
  maxHeaderSize: HEADER_SIZE_LIMIT,
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
} as const;

interface Security {
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized?: false;
}

/**
 * The open connections, one dispatcher for each origin and guard, made when first asked for. Remembers the class of
 * the addresses that each origin turned out to have.
 */
export class Connections {
  readonly #settings: (origin: string) => OriginSettings;
  readonly #connectTimeoutMs: number;
  readonly #dispatchers = new Map<string, Dispatcher>();
  readonly #security = new Map<string, Security>();
  readonly #classes = new Map<string, AddressClass>();
  readonly #sockets = new Set<Socket>();
  readonly #warm = new Map<string, WarmSockets>();
  #closed = false;

  constructor(settings: (origin: string) => OriginSettings, connectTimeoutMs: number) {
    this.#settings = settings;
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  /** The dispatcher of an origin under a guard. Throws an AddressRefusal for a literal address, E_ABORTED when closed. */
  dispatcher(origin: string, guard?: AddressGuard): Dispatcher {
    if (this.#closed) throw new RegferryError('E_ABORTED', 'the connections are closed');
    const name = guard === undefined ? origin : `${origin} ${guard.name}`;
    const known = this.#dispatchers.get(name);
    if (known !== undefined) return known;
    const settings = { ...this.#settings(origin), connectTimeoutMs: this.#connectTimeoutMs, guard };
    const refusal = guard && refusedLiteral(guard, hostnameOf(origin));
    if (refusal !== undefined) throw refusal;
    const made =
      settings.proxy === undefined ? this.#direct(origin, settings) : this.#proxied(origin, settings);
    this.#dispatchers.set(name, made);
    return made;
  }

  /**
   * The class of an origin's address: of a literal address at once, of a name as its connections showed it. Unknown
   * counts as public, and so does an origin that has been seen public once.
   */
  addressClass(origin: string): AddressClass {
    return this.#classes.get(origin) ?? literalClass(origin) ?? 'public';
  }

  /**
   * The same, once a connection that has just got its answer can be used again: undici frees it one turn of the event
   * loop later, and until then would open another one, twice as many as are needed in the end.
   */
  async freeDispatcher(origin: string, guard?: AddressGuard): Promise<Dispatcher> {
    const dispatcher = this.dispatcher(origin, guard);
    if (dispatcher instanceof Pool) {
      const { connected, free, size } = dispatcher.stats;
      if (free === 0 && connected > size) await setImmediate();
    }
    return dispatcher;
  }

  /**
   * Opens connections ahead of `count` requests that will be sent at once, as far as none are free. Not through proxies,
   * where a connection is the proxy's.
   */
  warm(origin: string, count: number): void {
    const dispatcher = this.dispatcher(origin);
    if (!(dispatcher instanceof Pool)) return;
    this.#warm.get(origin)?.open(count - dispatcher.stats.free);
  }

  /** Destroys every connection, open, idle or on its way; requests on them fail with E_ABORTED. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    const closing = [...this.#sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve()).destroy()),
    );
    await Promise.all(closing);
  }

  #direct(origin: string, settings: ConnectionSettings): Dispatcher {
    const connect = this.#connector(settings, this.#securityOf(origin, settings), (address) =>
      this.#remember(origin, address),
    );
    const warm = new WarmSockets(origin, connect);
    if (settings.guard === undefined) this.#warm.set(origin, warm);
    return new Pool(origin, { ...POOL, connect: warm.connector });
  }

  #proxied(origin: string, settings: ConnectionSettings): Dispatcher {
    const { proxy = { url: '' }, connectTimeoutMs } = settings;
    // the proxy itself may be anywhere; the guard is for what the registry names
    const connect = this.#connector({ connectTimeoutMs }, {});
    const tunnel = origin.startsWith('https:');
    return new ProxyAgent({
      ...POOL,
      uri: proxy.url,
      ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
      // squid lets nobody CONNECT to port 80, so plain http is forwarded, not tunnelled
      proxyTunnel: tunnel,
      requestTls: { timeout: connectTimeoutMs, ...this.#securityOf(origin, settings) },
      clientFactory: (proxyOrigin) =>
        new Pool(proxyOrigin, { ...POOL, connect, headersTimeout: connectTimeoutMs }),
      factory: (target: string | URL, options: { connect?: buildConnector.connector }) =>
        new Pool(target, {
          ...POOL,
          connect: tunnel && options.connect ? tunnelled(options.connect) : connect,
        }),
    });
  }

  #connector(
    settings: ConnectionSettings,
    security: Security,
    onAddress: (address: string) => void = () => undefined,
  ): buildConnector.connector {
    const { guard, connectTimeoutMs: timeout } = settings;
    const connect: (...args: Parameters<buildConnector.connector>) => unknown = buildConnector({
      timeout,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: FAMILY_ATTEMPT_MS,
      ...security,
      ...(guard === undefined ? {} : { lookup: guardedLookup(guard) }),
    });
    return (options, callback) => {
      const socket = connect(withBareHosts(options), (...result) => {
        const address = result[0] === null ? result[1].remoteAddress : undefined;
        if (address !== undefined) onAddress(address);
        if (result[0] === null) withoutInterim(result[1]);
        callback(...result);
      });
      if (socket instanceof Socket) this.#track(socket);
    };
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #remember(origin: string, address: string): void {
    if (this.#classes.get(origin) !== 'public') this.#classes.set(origin, addressClass(address));
  }

  #securityOf(origin: string, { ca, cert, key, insecure }: ConnectionSettings): Security {
    const known = this.#security.get(origin);
    if (known !== undefined) return known;
    const own = ca !== undefined || cert !== undefined;
    const security: Security = {
      // a context costs 30 ms once it has roots of its own, so one serves all connections of the origin
      ...(own && origin.startsWith('https:') ? { secureContext: secureContext(origin, ca, cert, key) } : {}),
      ...(insecure === true ? { rejectUnauthorized: false } : {}),
    };
    this.#security.set(origin, security);
    return security;
  }
}

/** Whoever connects may spell an IPv6 address as URLs do. An address is no name for TLS (RFC 6066 3). */
function withBareHosts(options: buildConnector.Options): buildConnector.Options {
  // undici gives null where it knows none, whatever its types say
  const servername = bareHost(options.servername || '');
  return {
    ...options,
    servername: isIP(servername) === 0 ? servername : '',
    hostname: bareHost(options.hostname),
  };
}

function tunnelled(connect: buildConnector.connector): buildConnector.connector {
  return (options, callback) => {
    connect(options, (...result) => {
      if (result[0] !== null) {
        callback(new ProxyFailure(result[0]), null);
        return;
      }
      withoutInterim(result[1]);
      callback(...result);
    });
  };
}

function hostnameOf(origin: string): string {
  return bareHost(new URL(origin).hostname);
}

function literalClass(origin: string): AddressClass | undefined {
  const host = hostnameOf(origin);
  return /^[\d.]+$|:/.test(host) ? addressClass(host) : undefined;
}
