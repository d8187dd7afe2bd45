import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';

import { testCertificates, type KeyPair } from './certificates.js';
import type { Login } from './docker-registry.js';
import { makeTempFolder, removeTempFolder } from './temp.js';
import { tokenSigner, type Access, type Claims } from './token-signer.js';

/** Somebody whom a token server knows. */
export interface TokenUser extends Login {
  /** What they may send by POST in place of the password. */
  readonly identityToken?: string;
  /** What they may do. @default everything everywhere */
  readonly may?: (repository: string, action: string) => boolean;
}

/** How a token server behaves; all of it may be changed while it runs. */
export interface TokenBehaviour {
  /** What it is asked on behalf of. @default 'registry.test' */
  service: string;
  users: readonly TokenUser[];
  /** What somebody without a login may do. @default nothing */
  anonymous: (repository: string, action: string) => boolean;
  /** How long the registry takes a token, in seconds. @default 300 */
  lifetimeSeconds: number;
  /** What `expires_in` says; null leaves it out. @default the lifetime */
  expiresIn?: number | null;
  /** The fields that the token stands in. @default both */
  fields: readonly ('token' | 'access_token')[];
  /** Answers 400 when the client may do nothing with one of the scopes, as DigitalOcean does. @default it gets the rest */
  refuseForeign: boolean;
  /** Answers every POST with this status, as registries do that do not know OAuth2. */
  postStatus?: number;
  /** Answers every request with 307 and this Location. */
  redirectTo?: string;
}

/** How to set up a token server. */
export interface TokenServerOptions extends Partial<TokenBehaviour> {
  /** How a token names the key that signed it. @default 'x5c' */
  readonly names?: 'x5c' | 'kid';
  /** Serves https with this certificate instead of http. */
  readonly tls?: KeyPair;
  /** The host in its realm. @default '127.0.0.1' */
  readonly hostname?: string;
}

/** What a token server was asked, and what came of it. */
export interface TokenRequest {
  readonly method: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Who the client said to be, with the right secret. */
  readonly user: string | undefined;
  /** The Authorization header as it came. */
  readonly authorization: string | undefined;
  readonly form: Readonly<Record<string, string>>;
  readonly status: number;
  /** What the token allows, as `repository:app:pull,push`. */
  readonly granted: readonly string[];
}

/** A running token server. */
export interface TokenServer {
  readonly host: string;
  readonly realm: string;
  readonly behaviour: TokenBehaviour;
  readonly requests: TokenRequest[];
  /** The setting of a docker-registry that believes its tokens. */
  readonly auth: { readonly token: TokenTrust };
  /** An Authorization header for a test's own requests, as in `header('repository:app:pull,push')`. */
  header(...scopes: readonly string[]): string;
  stop(): Promise<void>;
}

interface TokenTrust {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly rootcertbundle: string;
}

const issuer = 'tokens.test';

/** A token service without a server. */
export interface TokenService {
  readonly behaviour: TokenBehaviour;
  readonly requests: TokenRequest[];
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void;
  readonly header: (...scopes: readonly string[]) => string;
}

/** A token service as {@link startTokenServer} has it, to be put behind a server of the test's own. */
export async function createTokenService(
  options: Partial<TokenBehaviour> & Pick<TokenServerOptions, 'names'> = {},
): Promise<TokenService> {
  const { names = 'x5c', ...given } = options;
  const { server: signer } = await testCertificates();
  const behaviour: TokenBehaviour = {
    service: 'registry.test',
    users: [],
    anonymous: () => false,
    lifetimeSeconds: 300,
    fields: ['token', 'access_token'],
    refuseForeign: false,
    ...given,
  };
  const requests: TokenRequest[] = [];
  const signed = tokenSigner(signer, names);
  return {
    behaviour,
    requests,
    handler: (request, response) => {
      void readBody(request).then((body) => {
        const { entry, headers = {}, json } = decide(behaviour, request, body, signed);
        requests.push(entry);
        response.writeHead(entry.status, { 'content-type': 'application/json', ...headers });
        response.end(JSON.stringify(json));
      });
    },
    header: (...scopes) => {
      const access = scopes.map(parseScope).filter((scope) => scope !== undefined);
      const audience = behaviour.service;
      return `Bearer ${signed({ issuer, subject: 'test', audience, lifetimeSeconds: 300, access })}`;
    },
  };
}

/**
 * Starts a token server as distribution's specification describes it: GET with Basic, POST with a refresh token. It
 * checks the service, the form of each scope and the credentials, and gives each client what it may have of what it asks.
 */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { tls, hostname = '127.0.0.1', ...given } = options;
  const { ca, server: signer } = await testCertificates();
  const folder = makeTempFolder('token-server');
  const rootcertbundle = join(folder, 'bundle.pem');
  writeFileSync(rootcertbundle, readFileSync(ca, 'utf8') + readFileSync(signer.certificate, 'utf8'));
  const { handler, behaviour, requests, header } = await createTokenService(given);
  const server =
    tls === undefined
      ? createServer(handler)
      : createTlsServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) }, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  const host = `${hostname}:${address.port}`;
  const realm = `${tls === undefined ? 'http' : 'https'}://${host}/token`;
  return {
    host,
    realm,
    behaviour,
    requests,
    auth: { token: { realm, service: behaviour.service, issuer, rootcertbundle } },
    header,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      removeTempFolder(folder);
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

interface Decision {
  readonly entry: TokenRequest;
  readonly headers?: Record<string, string>;
  readonly json: object;
}

/** What was asked, apart from who asks. */
interface Question {
  readonly method: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly authorization: string | undefined;
  readonly form: Readonly<Record<string, string>>;
}

function decide(
  behaviour: TokenBehaviour,
  request: IncomingMessage,
  body: string,
  signed: (claims: Claims) => string,
): Decision {
  const question = read(request, body);
  const { method, scopes, form, authorization } = question;
  const refuse = (status: number, error: string, headers: Record<string, string> = {}): Decision => ({
    entry: { ...question, user: undefined, status, granted: [] },
    headers,
    json: { error, error_description: `the token server says ${error}` },
  });
  if (behaviour.redirectTo !== undefined) {
    return refuse(307, 'elsewhere', { location: behaviour.redirectTo });
  }
  if (method === 'POST' && behaviour.postStatus !== undefined) {
    return refuse(behaviour.postStatus, 'unsupported_grant_type');
  }
  if (question.service !== behaviour.service) return refuse(400, 'invalid_service');
  const accesses = scopes.map(parseScope);
  if (accesses.includes(undefined)) return refuse(400, 'invalid_scope');
  const claimed = method === 'POST' || authorization !== undefined;
  const user = behaviour.users.find((known) => isUser(known, method, authorization, form));
  if (claimed && user === undefined) return refuse(401, 'invalid_grant');
  const may = user === undefined ? behaviour.anonymous : (user.may ?? (() => true));
  const access = accesses
    .filter((wanted) => wanted !== undefined)
    .map((wanted) => ({ ...wanted, actions: wanted.actions.filter((action) => may(wanted.name, action)) }))
    .filter(({ actions }) => actions.length > 0);
  if (user === undefined && scopes.length > 0 && access.length === 0) return refuse(401, 'login_required');
  if (behaviour.refuseForeign && access.length < scopes.length) return refuse(400, 'invalid_scope');
  const { lifetimeSeconds } = behaviour;
  const subject = user?.user ?? '';
  const token = signed({ issuer, subject, audience: behaviour.service, lifetimeSeconds, access });
  return {
    entry: { ...question, user: user?.user, status: 200, granted: access.map(formatScope) },
    json: { ...Object.fromEntries(behaviour.fields.map((field) => [field, token])), ...lifetime(behaviour) },
  };
}

function lifetime({ expiresIn, lifetimeSeconds }: TokenBehaviour): object {
  return expiresIn === null ? {} : { expires_in: expiresIn ?? lifetimeSeconds };
}

function read({ method = '', url = '', headers }: IncomingMessage, body: string): Question {
  const { authorization } = headers;
  if (method === 'POST') {
    const isForm = headers['content-type'] === 'application/x-www-form-urlencoded';
    const form = isForm ? Object.fromEntries(new URLSearchParams(body)) : {};
    const scopes = (form['scope'] ?? '').split(' ').filter(Boolean);
    return { method, service: form['service'], scopes, authorization, form };
  }
  const { searchParams } = new URL(url, 'http://localhost');
  return {
    method,
    service: searchParams.get('service') ?? undefined,
    scopes: searchParams.getAll('scope'),
    authorization,
    form: {},
  };
}

function isUser(
  { user, password, identityToken }: TokenUser,
  method: string,
  authorization: string | undefined,
  form: Question['form'],
): boolean {
  if (method === 'GET')
    return authorization === `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const { grant_type: grant, refresh_token: token, client_id: client } = form;
  return grant === 'refresh_token' && Boolean(client) && token !== undefined && token === identityToken;
}

function parseScope(scope: string): Access | undefined {
  const [, type, name, actions] = /^([a-z]+):([a-z0-9._/-]+):([a-z,*]+)$/.exec(scope) ?? [];
  if (type === undefined || name === undefined || actions === undefined) return undefined;
  return { type, name, actions: actions.split(',') };
}

function formatScope({ type, name, actions }: Access): string {
  return `${type}:${name}:${actions.join(',')}`;
}
