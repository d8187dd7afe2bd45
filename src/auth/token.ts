import type { Op } from '../content/store.js';
import { RegferryError, isRegferryError } from '../errors.js';
import { codingsOf, decoded } from '../http/content-encoding.js';
import type { HttpRequest, HttpResponse, HttpSender } from '../http/message.js';
import { responseError } from '../http/response-error.js';
import type { Secrets } from '../secrets/secrets.js';
import { isRetryableStatus, type RepeatPolicy } from '../http/retry.js';
import { appendQuery } from '../http/url.js';
import { basicHeader } from './basic.js';
import type { Credential } from './credentials.js';
import { TOKEN_BODY_BYTES, TOKEN_LENGTH, TOKEN_LIFE_MS } from './limits.js';
import { Secret } from './secret.js';

/** What a token service is asked for. */
export interface TokenRequest {
  /** Absolute URL of the token service, already found safe (see realm.ts). */
  readonly realm: string;
  /** Origin of the registry that named it. */
  readonly registryOrigin: string;
  readonly service?: string | undefined;
  /** `repository:app:pull,push`, the demanded one first. */
  readonly scopes: readonly string[];
  readonly credential?: Credential | undefined;
}

/** A token and how long it lives, counted from when it was asked for. */
export interface Token {
  readonly value: Secret;
  readonly lifeMs: number;
  /** Sent along by some services. Not used: it must not show. */
  readonly refreshToken?: Secret | undefined;
}

/** How patient a token request is. */
export interface TokenPatience extends Op {
  /** For answers that break off; whatever comes before the answer's body is repeated by the sender. @default never */
  readonly repeats?: RepeatPolicy | undefined;
}

const defaultLifeMs = 60_000;

/** Statuses on which a refused POST is repeated as GET: GCR 404, others 405, Artifactory 401, ACR 400. */
const notPosted = new Set([400, 401, 404, 405]);

/**
 * Gets a token: by GET, with Basic where there is a user name and password; with an identity token by POST (OAuth2
 * refresh_token), and by GET where the service does not take that. An answer that breaks off is asked for again. Throws
 * E_UNAUTHORIZED, with the status, on any answer that is not a token; E_RATE_LIMITED, E_UNAVAILABLE, E_CUT for half a
 * document and what the transport throws otherwise.
 * https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/
 */
export async function fetchToken(
  http: HttpSender,
  request: TokenRequest,
  patience: TokenPatience = {},
): Promise<Token> {
  const send = async (built: HttpRequest): Promise<HttpResponse> =>
    http.send({ ...built, signal: patience.signal });
  const { host } = new URL(request.realm);
  for (let failures = 0; ;) {
    const response = await ask(send, request);
    if (response.status < 200 || response.status > 299) throw await refusal(response, host);
    try {
      return await readToken(response, host, http.secrets);
    } catch (error) {
      const { repeats, signal } = patience;
      failures += 1;
      if (!isRegferryError(error) || !error.retryable || failures > (repeats?.retries ?? 0)) throw error;
      await repeats?.backoff(failures, signal);
    }
  }
}

async function ask(
  send: (request: HttpRequest) => Promise<HttpResponse>,
  request: TokenRequest,
): Promise<HttpResponse> {
  if (request.credential?.kind === 'identity') {
    const response = await send(postRequest(request, request.credential.token));
    if (!notPosted.has(response.status)) return response;
    await response.discard();
  }
  return send(getRequest(request));
}

function getRequest(request: TokenRequest): HttpRequest {
  const service = request.service === undefined ? [] : [`service=${encodeURIComponent(request.service)}`];
  const scopes = request.scopes.map((scope) => `scope=${encodeURIComponent(scope)}`);
  const query = [...service, ...scopes].join('&');
  const login = request.credential === undefined ? undefined : basicHeader(request.credential);
  return {
    method: 'GET',
    url: query === '' ? request.realm : appendQuery(request.realm, query),
    headers: { accept: 'application/json', ...(login === undefined ? {} : { authorization: login }) },
    registryOrigin: request.registryOrigin,
  };
}

function postRequest(request: TokenRequest, refreshToken: Secret): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: request.service ?? new URL(request.registryOrigin).host,
    client_id: 'regferry',
    refresh_token: refreshToken.reveal(),
  });
  if (request.scopes.length > 0) form.set('scope', request.scopes.join(' '));
  const bytes = Buffer.from(form.toString());
  return {
    method: 'POST',
    url: request.realm,
    headers: { accept: 'application/json' },
    body: {
      length: bytes.length,
      type: 'application/x-www-form-urlencoded',
      secret: true,
      open: () => bytes,
    },
    registryOrigin: request.registryOrigin,
  };
}

async function readToken(response: HttpResponse, host: string, secrets: Secrets | undefined): Promise<Token> {
  const { status } = response;
  const raw = await response.bytes(TOKEN_BODY_BYTES);
  const what = `the token service ${host}`;
  const body = await decoded(raw, codingsOf(response.headers), TOKEN_BODY_BYTES, what);
  const parsed = parseToken(body);
  secrets?.hold(parsed?.refreshToken?.reveal());
  secrets?.hold(parsed?.value.reveal());
  if (parsed !== undefined) return parsed;
  if (isBrokenOff(body)) {
    const text = `the token service ${host} sent half an answer`;
    throw new RegferryError('E_CUT', text, { status, retryable: true });
  }
  throw new RegferryError('E_UNAUTHORIZED', `the token service ${host} answered without a token`, { status });
}

/** Without framing, or with a wrong one, only the document itself tells that its end is missing. */
function isBrokenOff(body: Uint8Array): boolean {
  const text = Buffer.from(body).toString('utf8').trim();
  if (text !== '' && !text.startsWith('{')) return false;
  try {
    JSON.parse(text);
    return false;
  } catch {
    return true;
  }
}

async function refusal(response: HttpResponse, host: string): Promise<RegferryError> {
  const { status } = response;
  const cause = await responseError(response, { action: `getting a token from ${host}` });
  if (isRetryableStatus(status) || status >= 500) return cause;
  return new RegferryError('E_UNAUTHORIZED', `the token service ${host} refused (${status})`, {
    status,
    registryCodes: cause.registryCodes,
    cause,
  });
}

/**
 * The body of a token answer: `access_token`, else `token`, and `expires_in` in seconds as given (absent: 60; a day at
 * most). `issued_at` is left out of account: it is another clock's. Undefined when there is no token that a header can carry.
 */
export function parseToken(body: Uint8Array): Token | undefined {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(json));
  const value = [fields.get('access_token'), fields.get('token')].find(isToken);
  if (value === undefined) return undefined;
  const refresh = fields.get('refresh_token');
  return {
    value: new Secret(value),
    lifeMs: lifeMs(fields.get('expires_in')),
    ...(isToken(refresh) ? { refreshToken: new Secret(refresh) } : {}),
  };
}

function isToken(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TOKEN_LENGTH && /^[\x21-\x7e]+$/.test(value);
}

function lifeMs(expiresIn: unknown): number {
  const seconds =
    typeof expiresIn === 'string' && /^\d{1,9}$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !(seconds > 0)) return defaultLifeMs;
  return Math.min(seconds * 1000, TOKEN_LIFE_MS);
}
