import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { AddressRefusal } from '../../../src/http/address-guard.js';
import { networkError } from '../../../src/http/network-error.js';
import { ProxyFailure } from '../../../src/http/proxy-failure.js';

const attempted = { method: 'GET', url: 'https://user:canary@r.example/v2/?sig=canary&n=1' } as const;

function withCode(code: string, message = 'canary-free words'): Error {
  return Object.assign(new Error(message), { code });
}

describe('networkError', () => {
  it.each([
    ['ENOTFOUND', 'E_NETWORK', false],
    ['EAI_AGAIN', 'E_NETWORK', true],
    ['ECONNREFUSED', 'E_NETWORK', true],
    ['EHOSTUNREACH', 'E_NETWORK', true],
    ['ECONNRESET', 'E_CUT', true],
    ['EPIPE', 'E_CUT', true],
    ['UND_ERR_SOCKET', 'E_CUT', true],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'E_CUT', true],
    ['ETIMEDOUT', 'E_TIMEOUT', true],
    ['UND_ERR_CONNECT_TIMEOUT', 'E_TIMEOUT', true],
    ['UND_ERR_HEADERS_TIMEOUT', 'E_TIMEOUT', true],
    ['UND_ERR_BODY_TIMEOUT', 'E_TIMEOUT', true],
    ['UND_ERR_HEADERS_OVERFLOW', 'E_LIMIT', false],
    ['UND_ERR_DESTROYED', 'E_ABORTED', false],
    ['EMFILE', 'E_IO', true],
    ['ENFILE', 'E_IO', true],
    ['ENOBUFS', 'E_IO', true],
    ['EPROTOTYPE', 'E_NETWORK', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'E_TLS', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'E_TLS', false],
    ['CERT_HAS_EXPIRED', 'E_TLS', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'E_TLS', false],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'E_TLS', false],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'E_TLS', false],
    ['CERT_CHAIN_TOO_LONG', 'E_TLS', false],
    ['UND_ERR_INVALID_ARG', 'E_INTERNAL', false],
  ])('%s is %s, retryable: %s', (from, code, retryable) => {
    const error = networkError(withCode(from), attempted);
    expect(error).toMatchObject({ code, retryable });
    expect(error.message).toMatch(/^GET https:\/\/r\.example\/v2\/\?sig=REDACTED&n=1 failed: [^\n]+$/);
  });

  it.each([
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed', 'trust-ca'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown CA', 'trust-ca'],
    ['CERT_HAS_EXPIRED', 'expired', 'skip-verification'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'another host name', 'skip-verification'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'does not speak TLS', 'plain-http'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'client certificate', 'client-certificate'],
  ])('says what is wrong with %s, and hints at what helps', (from, words, code) => {
    const { message, hint } = networkError(withCode(from), attempted);
    expect(message).toContain(words);
    expect(hint).toEqual({ code });
  });

  it('names those whom a certificate is for', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `DNS:${name}.example`).join(', ');
    const error = Object.assign(withCode('ERR_TLS_CERT_ALTNAME_INVALID'), {
      cert: { subjectaltname: names },
    });
    expect(networkError(error, attempted).message).toMatch(
      /another host name: it is for a\.example, b\.example, c\.example, d\.example, e\.example and 1 more$/,
    );
  });

  it.each([
    ['ENOTFOUND', 'check its spelling'],
    ['ECONNREFUSED', 'check the port'],
  ])('says what to try after %s', (code, words) => {
    expect(networkError(withCode(code), attempted).message).toContain(words);
  });

  it('looks into the causes and into the tries of several addresses', () => {
    const both = new AggregateError([withCode('ECONNREFUSED'), withCode('EHOSTUNREACH')]);
    expect(networkError(both, attempted).code).toBe('E_NETWORK');
    expect(networkError(new Error('outer', { cause: withCode('CERT_HAS_EXPIRED') }), attempted).code).toBe(
      'E_TLS',
    );
  });

  it('leaves a RegferryError as it is', () => {
    const error = new RegferryError('E_DIGEST_MISMATCH', 'wrong');
    expect(networkError(error, attempted)).toBe(error);
  });

  it('says E_ABORTED when the signal did it, or what the signal says', () => {
    const reason = new RegferryError('E_TIMEOUT', 'the whole command');
    const said = { ...attempted, signal: AbortSignal.abort(reason) };
    expect(networkError(withCode('ECONNRESET'), said)).toBe(reason);
    const silent = { ...attempted, signal: AbortSignal.abort() };
    expect(networkError(withCode('ECONNRESET'), silent).code).toBe('E_ABORTED');
  });

  it('refuses in words what the guard refused', () => {
    const error = networkError(new AddressRefusal('r.example', '169.254.169.254'), attempted);
    expect(error).toMatchObject({ code: 'E_REFUSED', retryable: false });
    expect(error.message).toContain('r.example has the link-local address 169.254.169.254');
    expect(error.hint).toBeUndefined(); // nothing allows a link-local address
    const inside = networkError(new AddressRefusal('r.example', '10.0.0.1'), attempted);
    expect(inside.hint).toEqual({ code: 'allow-private' });
  });

  it.each([
    [407, 'E_UNAUTHORIZED', false],
    [403, 'E_NETWORK', false],
    [502, 'E_NETWORK', true],
  ])('knows a tunnel refused with %i', (status, code, retryable) => {
    const failure = new ProxyFailure(new Error(`Proxy response (${status}) !== 200 when HTTP Tunneling`));
    expect(networkError(failure, attempted)).toMatchObject({ code, retryable, status });
  });

  it('says that it was the proxy that failed', () => {
    const error = networkError(new ProxyFailure(withCode('ECONNREFUSED')), attempted);
    expect(error).toMatchObject({ code: 'E_NETWORK', retryable: true });
    expect(error.message).toContain('(at the proxy)');
  });

  it('shows no control characters of an unknown error', () => {
    expect(networkError(new Error('a\u001b[2Jb\nc'), attempted).message).toMatch(/unexpected: a\[2Jb c$/);
    expect(networkError('a string', attempted).message).toContain('a string');
  });
});

it('tells a machine that has no more sockets in words, and leaves out what node does not know', () => {
  const told = (code: string): string => {
    const error = Object.assign(new Error(`connect ${code} 127.0.0.1:5000 - Local (undefined:undefined)`), {
      code,
    });
    return networkError(error, attempted).message;
  };
  expect(told('EMFILE')).toMatch(
    /failed: in this process too many files and connections are open; .*\(EMFILE\)$/,
  );
  expect(told('EPROTOTYPE')).toMatch(/failed: connect EPROTOTYPE 127.0.0.1:5000$/);
});

it.each(['Invalid character in chunk size', 'Response does not match the HTTP/1.1 protocol'])(
  'takes what the parser says of a body (%s) for a cut, and of a head for another service',
  (message) => {
    const error = Object.assign(new Error(message), { name: 'HTTPParserError' });
    expect(networkError(error, { ...attempted, inBody: true })).toMatchObject({
      code: 'E_CUT',
      retryable: true,
    });
    expect(networkError(error, attempted)).toMatchObject({ code: 'E_NETWORK', retryable: false });
  },
);
