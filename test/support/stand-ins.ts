import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';

import { createRegistryHandler } from '../../src/serve/handler.js';
import { MemoryRegistry } from '../../src/serve/memory-registry.js';
import { testCertificates } from './certificates.js';
import type { Login } from './docker-registry.js';
import type { Handler } from './faults.js';
import { createTokenService, type TokenBehaviour } from './token-server.js';

/** How a hosted registry asks for a login. */
export interface StandInOptions {
  /** Name of its API. */
  readonly host: string;
  /** Who may log in, for everything. */
  readonly users: readonly (Login & { readonly identityToken?: string })[];
  /** Where its tokens come from; without it, it asks for the password itself. */
  readonly tokens?: Partial<TokenBehaviour> & { readonly realm: string; readonly service: string };
}

/** A hosted registry's stand-in, on this machine. */
export interface StandIn {
  readonly host: string;
  readonly content: MemoryRegistry;
  /** Who has logged in; undefined where a token was given to nobody in particular. */
  users(): Set<string | undefined>;
}

/** Stand-ins for several services behind one server, which tells them by the name that it is asked for. */
export interface StandIns {
  readonly port: number;
  /** Names of registries and token services. */
  readonly names: ReadonlySet<string>;
  readonly services: ReadonlyMap<string, StandIn>;
  stop(): Promise<void>;
}

/** Starts stand-ins, over TLS with a certificate of the test's authority for all of their names. */
export async function startStandIns(options: readonly StandInOptions[]): Promise<StandIns> {
  const handlers = new Map<string, Handler>();
  const services = new Map<string, StandIn>();
  for (const each of options) {
    const content = new MemoryRegistry();
    const seen: (string | undefined)[] = [];
    const registry = createRegistryHandler({ storage: content });
    const { realm, ...behaviour } = each.tokens ?? {};
    const tokens = await createTokenService({ ...behaviour, users: each.users });
    handlers.set(each.host, locked(registry, each, seen));
    if (realm !== undefined) {
      const { host, pathname } = new URL(realm);
      handlers.set(host, routed(pathname, tokens.handler, handlers.get(host)));
    }
    const granted = tokens.requests;
    services.set(each.host, {
      host: each.host,
      content,
      users: () =>
        new Set([...seen, ...granted.flatMap(({ status, user }) => (status === 200 ? [user] : []))]),
    });
  }
  const { certificate, key } = await (await testCertificates()).serverFor(...handlers.keys());
  const server = createServer(
    { cert: readFileSync(certificate), key: readFileSync(key) },
    (request, response) => {
      const handler = handlers.get(request.headers.host ?? '');
      if (handler === undefined) response.writeHead(421).end();
      else handler(request, response);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    names: new Set(handlers.keys()),
    services,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function routed(path: string, handler: Handler, otherwise: Handler | undefined): Handler {
  return (request, response) => {
    if ((request.url ?? '').split('?', 1)[0] === path) handler(request, response);
    else if (otherwise === undefined) response.writeHead(404).end();
    else otherwise(request, response);
  };
}

/** The registry, for those whose token or password allows what they do. */
function locked(registry: Handler, { tokens, users }: StandInOptions, seen: (string | undefined)[]): Handler {
  return (request, response) => {
    const { authorization = '' } = request.headers;
    const needed = accessOf(request);
    if (tokens !== undefined) {
      if (allows(authorization, tokens.service, needed)) registry(request, response);
      else
        challenge(
          request,
          response,
          `Bearer realm="${tokens.realm}",service="${tokens.service}"${scopeOf(needed)}`,
        );
      return;
    }
    const user = users.find((known) => authorization === basic(known));
    if (user === undefined) {
      challenge(request, response, 'Basic realm="registry"');
      return;
    }
    seen.push(user.user);
    registry(request, response);
  };
}

function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function challenge(request: IncomingMessage, response: ServerResponse, text: string): void {
  request.resume();
  response.writeHead(401, { 'www-authenticate': text, 'content-type': 'application/json' });
  response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
}

interface NeededAccess {
  readonly repository: string;
  readonly action: 'pull' | 'push';
}

/** Undefined for `/v2/`, for which any token will do. */
function accessOf({ method, url = '' }: IncomingMessage): NeededAccess | undefined {
  const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(url)?.[1];
  if (repository === undefined) return undefined;
  return { repository, action: method === 'GET' || method === 'HEAD' ? 'pull' : 'push' };
}

/** GHCR's challenges name pull alone, whatever is asked. */
function scopeOf(needed: NeededAccess | undefined): string {
  return needed === undefined ? '' : `,scope="repository:${needed.repository}:pull"`;
}

/** Whether a token that one of these services has made allows that. The signature is not checked: nobody else is here. */
function allows(authorization: string, service: string, needed: NeededAccess | undefined): boolean {
  const claims = /^Bearer [^.]+\.([^.]+)\./.exec(authorization)?.[1];
  if (claims === undefined) return false;
  const parsed = JSON.parse(Buffer.from(claims, 'base64url').toString()) as {
    aud: string;
    access: readonly { name: string; actions: readonly string[] }[];
  };
  if (parsed.aud !== service) return false;
  if (needed === undefined) return true;
  return parsed.access.some(
    ({ name, actions }) => name === needed.repository && actions.includes(needed.action),
  );
}
