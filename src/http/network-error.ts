import { RegferryError, abortError, isRegferryError, type ErrorCode } from '../errors.js';
import { AddressRefusal } from './address-guard.js';
import { errorCode, localFailure } from './error-code.js';
import type { Method } from './message.js';
import { printable } from '../spec/printable.js';
import { ProxyFailure } from './proxy-failure.js';
import { redactUrl } from './redact.js';
import { isRetryableStatus } from './retry.js';
import { tlsProblem } from './tls-error.js';

/** What an error message needs to know about the request that failed. */
export interface Attempted {
  readonly method: Method;
  readonly url: string;
  readonly signal?: AbortSignal | undefined;
  /** The answer's head was read well, so that what is wrong with its framing is a cut. @default false */
  readonly inBody?: boolean | undefined;
}

/** What a failure of the network means. */
export interface Meaning {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly text: string;
}

function meaning(code: ErrorCode, retryable: boolean, text: string): Meaning {
  return { code, retryable, text };
}

const CUT = meaning('E_CUT', true, 'the connection was closed before the answer was complete');
const CLOSED = meaning('E_ABORTED', false, 'the connections were closed meanwhile');
const UNREACHABLE = meaning(
  'E_NETWORK',
  true,
  'there is no way to that host from here: check the address and the network',
);

const MEANINGS = new Map<string, Meaning>([
  [
    'ENOTFOUND',
    meaning(
      'E_NETWORK',
      false,
      'there is no such host name: check its spelling, the name server and, where one is needed, the VPN or proxy',
    ),
  ],
  [
    'EAI_AGAIN',
    meaning(
      'E_NETWORK',
      true,
      'the host name could not be looked up at the moment: check the network and the name server',
    ),
  ],
  [
    'ECONNREFUSED',
    meaning(
      'E_NETWORK',
      true,
      'the connection was refused: nothing listens there; check the port, and whether the registry runs',
    ),
  ],
  ['EHOSTUNREACH', UNREACHABLE],
  ['ENETUNREACH', UNREACHABLE],
  ['EADDRNOTAVAIL', UNREACHABLE],
  ['ENETDOWN', UNREACHABLE],
  ['ECONNRESET', CUT],
  ['ECONNABORTED', CUT],
  ['EPIPE', CUT],
  ['UND_ERR_SOCKET', CUT],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', CUT],
  ['ETIMEDOUT', meaning('E_TIMEOUT', true, 'the host does not answer')],
  ['UND_ERR_CONNECT_TIMEOUT', meaning('E_TIMEOUT', true, 'no connection came about in time')],
  ['UND_ERR_HEADERS_TIMEOUT', meaning('E_TIMEOUT', true, 'no answer came in time')],
  [
    'ERR_INTERIM_ANSWERS',
    meaning('E_TIMEOUT', true, 'interim answers (1xx) came without end, and no answer'),
  ],
  ['UND_ERR_BODY_TIMEOUT', meaning('E_TIMEOUT', true, 'the answer stopped moving')],
  ['UND_ERR_HEADERS_OVERFLOW', meaning('E_LIMIT', false, "the answer's headers are too large")],
  ['UND_ERR_DESTROYED', CLOSED],
  ['UND_ERR_CLOSED', CLOSED],
  ['UND_ERR_ABORTED', meaning('E_ABORTED', false, 'interrupted')],
]);

/**
 * The one place where what undici, node and the signal throw becomes a RegferryError: E_NETWORK, E_TLS, E_TIMEOUT,
 * E_CUT, E_REFUSED (guard), E_UNAUTHORIZED (proxy), E_LIMIT, E_IO (this machine has no more sockets), E_ABORTED or, for what nobody thought of, E_INTERNAL.
 * A RegferryError passes as it is, and so does one that is the reason of the signal.
 */
export function networkError(error: unknown, attempted: Attempted): RegferryError {
  if (isRegferryError(error)) return error;
  const { signal } = attempted;
  if (signal?.aborted === true) return abortError(signal);
  const what = `${attempted.method} ${redactUrl(attempted.url)}`;
  if (error instanceof AddressRefusal) {
    const text = `${what} refused: ${error.message}, where this registry has no business`;
    // Link-local addresses, where clouds keep their credentials, are out of bounds whatever is allowed.
    const hint = error.addressClass === 'link-local' ? undefined : ({ code: 'allow-private' } as const);
    return new RegferryError('E_REFUSED', text, { cause: error, hint });
  }
  if (error instanceof ProxyFailure && error.status !== undefined)
    return proxyError(error, error.status, what);
  const tls = tlsProblem(error);
  if (tls !== undefined) {
    return new RegferryError('E_TLS', `${what} failed: ${tls.text}`, { cause: error, hint: tls.hint });
  }
  if (error instanceof Error && error.name === 'HTTPParserError')
    return parserError(error, what, attempted.inBody);
  const { code, retryable, text } = meaningOf(error);
  const via = error instanceof ProxyFailure ? ' (at the proxy)' : '';
  return new RegferryError(code, `${what} failed: ${text}${via}`, { cause: error, retryable });
}

/** The code and the words for what node or undici throws when a connection fails, with what to try. */
export function meaningOf(error: unknown): Meaning {
  const code = errorCode(error);
  const known = MEANINGS.get(code);
  if (known !== undefined) return known;
  const detail = printable(error instanceof Error ? error.message : String(error), 200);
  // undici wraps a 407 that answers a forwarded (untunnelled) request into an argument error
  if (detail.startsWith('Proxy Authentication Required')) return PROXY_LOGIN;
  const local = localFailure(code);
  if (local !== undefined) return meaning('E_IO', true, local);
  if (/^E[A-Z]+$/.test(code)) return meaning('E_NETWORK', false, detail.replace(/ - Local \(\S*\)$/, ''));
  return meaning('E_INTERNAL', false, `unexpected: ${detail}`);
}

/** undici's parser errors have no code, and carry the raw answer, which may hold a token: they are not kept as cause. */
function parserError({ message }: Error, what: string, inBody = false): RegferryError {
  const cause = new Error(message);
  if (message.includes('Invalid EOF state')) {
    return new RegferryError(CUT.code, `${what} failed: ${CUT.text}`, { cause, retryable: CUT.retryable });
  }
  if (inBody) {
    const text = `${what} failed: the framing of the answer's body is broken (${printable(message, 100)})`;
    return new RegferryError('E_CUT', text, { cause, retryable: true });
  }
  const text = `${what} failed: the answer is not HTTP: is it TLS, or another service?`;
  return new RegferryError('E_NETWORK', text, { cause });
}

const PROXY_LOGIN = meaning(
  'E_UNAUTHORIZED',
  false,
  'the proxy wants a user name and password (407): put them into HTTPS_PROXY or HTTP_PROXY as http://user:password@host:port',
);

function proxyError(error: ProxyFailure, status: number, what: string): RegferryError {
  if (status === 407) {
    return new RegferryError(PROXY_LOGIN.code, `${what} failed: ${PROXY_LOGIN.text}`, {
      cause: error,
      status,
    });
  }
  const retryable = status >= 500 && isRetryableStatus(status);
  const text = `${what} failed: the proxy answered ${status} instead of opening a tunnel`;
  return new RegferryError('E_NETWORK', text, { cause: error, status, retryable });
}
