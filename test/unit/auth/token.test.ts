import { describe, expect, it } from 'vitest';

import { basicCredential, identityCredential } from '../../../src/auth/credentials.js';
import { fetchToken, parseToken, type TokenRequest } from '../../../src/auth/token.js';
import { fakeHttp, type FakeAnswer, type FakeHttp } from './fake-http.js';

const request: TokenRequest = {
  realm: 'https://auth.example/token',
  registryOrigin: 'https://r.example',
  service: 'r.example',
  scopes: ['repository:app:pull,push', 'repository:base:pull'],
};

function answering(...answers: FakeAnswer[]): FakeHttp {
  let next = 0;
  return fakeHttp(() => answers[next++] ?? { status: 500 });
}

describe('fetchToken', () => {
  it('asks by GET, one scope parameter a resource, anonymously without a credential', async () => {
    const http = answering({ body: { token: 't' } });
    expect((await fetchToken(http, request)).value.reveal()).toBe('t');
    expect(http.seen).toMatchObject([
      {
        method: 'GET',
        url: 'https://auth.example/token?service=r.example&scope=repository%3Aapp%3Apull%2Cpush&scope=repository%3Abase%3Apull',
        authorization: undefined,
        request: { registryOrigin: 'https://r.example' },
      },
    ]);
  });

  it('keeps the query of the realm, and leaves out an absent service', async () => {
    const http = answering({ body: { token: 't' } }, { body: { token: 't' } });
    await fetchToken(http, {
      ...request,
      realm: 'https://a.example/t?x=1',
      service: undefined,
      scopes: ['registry:catalog:*'],
    });
    await fetchToken(http, { ...request, service: undefined, scopes: [] });
    expect(http.seen.map(({ url }) => url)).toEqual([
      'https://a.example/t?x=1&scope=registry%3Acatalog%3A*',
      'https://auth.example/token',
    ]);
  });

  it('sends user name and password as Basic in UTF-8', async () => {
    const http = answering({ body: { token: 't' } });
    await fetchToken(http, { ...request, credential: basicCredential('robot$a+b', 'pä:ss', 'test') });
    expect(http.seen[0]?.authorization).toBe(`Basic ${Buffer.from('robot$a+b:pä:ss').toString('base64')}`);
  });

  it('posts an identity token as a refresh token', async () => {
    const http = answering({ body: { access_token: 'a' } });
    const credential = identityCredential('refresh/+=', 'test');
    expect((await fetchToken(http, { ...request, credential })).value.reveal()).toBe('a');
    expect(http.seen).toHaveLength(1);
    expect(http.seen[0]).toMatchObject({
      method: 'POST',
      url: 'https://auth.example/token',
      authorization: undefined,
    });
    expect(Object.fromEntries(new URLSearchParams(http.seen[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      service: 'r.example',
      client_id: 'regferry',
      refresh_token: 'refresh/+=',
      scope: 'repository:app:pull,push repository:base:pull',
    });
    expect(http.seen[0]?.request.body).toMatchObject({
      type: 'application/x-www-form-urlencoded',
      secret: true,
    });
  });

  it.each([404, 405, 400, 401])('falls back from POST to GET on %i', async (status) => {
    const http = answering({ status }, { body: { token: 't' } });
    const credential = identityCredential('refresh', 'test', 'me');
    expect((await fetchToken(http, { ...request, credential })).value.reveal()).toBe('t');
    expect(http.seen[1]).toMatchObject({
      method: 'GET',
      authorization: `Basic ${Buffer.from('me:refresh').toString('base64')}`,
    });
  });

  it('does not fall back from POST on 403', async () => {
    const http = answering({ status: 403 });
    const credential = identityCredential('refresh', 'test');
    await expect(fetchToken(http, { ...request, credential })).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      status: 403,
    });
    expect(http.seen).toHaveLength(1);
  });

  it.each([
    [400, 'E_UNAUTHORIZED'],
    [401, 'E_UNAUTHORIZED'],
    [403, 'E_UNAUTHORIZED'],
    [404, 'E_UNAUTHORIZED'],
    [408, 'E_UNAVAILABLE'],
    [429, 'E_RATE_LIMITED'],
    [503, 'E_UNAVAILABLE'],
  ])('turns %i into %s', async (status, code) => {
    const http = answering({ status, body: { errors: [{ code: 'SOME_CODE', message: 'no' }] } });
    await expect(fetchToken(http, request)).rejects.toMatchObject({
      code,
      status,
      registryCodes: ['SOME_CODE'],
    });
  });

  it.each([
    'null',
    '[]',
    '<html>',
    '{}',
    '{"token":""}',
    '{"token":5}',
    '{"token":"a b"}',
    '{"token":"a\\r\\nx: y"}',
  ])('refuses a 200 without a usable token: %s', async (body) => {
    await expect(fetchToken(answering({ body }), request)).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
  });

  it('asks again for half a document, as often as it may', async () => {
    const http = answering({ body: '' }, { body: '{"token":"t' }, { body: { token: 't' } });
    const waited: number[] = [];
    const backoff = (failures: number): Promise<void> => {
      waited.push(failures);
      return Promise.resolve();
    };
    expect((await fetchToken(http, request, { repeats: { retries: 2, backoff } })).value.reveal()).toBe('t');
    expect(waited).toEqual([1, 2]);
  });

  it.each(['', ' ', '{', '{"token":"t'])('ends with E_CUT where half a document is all: %j', async (body) => {
    const http = fakeHttp(() => ({ body }));
    const repeats = { retries: 1, backoff: () => Promise.resolve() };
    await expect(fetchToken(http, request, { repeats })).rejects.toMatchObject({
      code: 'E_CUT',
      status: 200,
    });
    expect(http.seen).toHaveLength(2);
  });

  it.each([{ status: 503 }, { status: 403 }, { body: '{}' }])(
    'leaves it at what was answered as a whole: %j',
    async (answer) => {
      const http = fakeHttp(() => answer);
      const repeats = { retries: 4, backoff: () => Promise.resolve() };
      await expect(fetchToken(http, request, { repeats })).rejects.toThrow();
      expect(http.seen).toHaveLength(1);
    },
  );

  it('stops at a giant answer', async () => {
    const http = answering({ body: JSON.stringify({ token: 't', padding: 'x'.repeat(300_000) }) });
    await expect(fetchToken(http, request)).rejects.toMatchObject({ code: 'E_LIMIT' });
  });
});

describe('parseToken', () => {
  const parse = (body: unknown): [string | undefined, number | undefined] => {
    const token = parseToken(Buffer.from(JSON.stringify(body)));
    return [token?.value.reveal(), token?.lifeMs];
  };

  it('prefers access_token, and passes over an empty one', () => {
    expect(parse({ token: 't', access_token: 'a' })[0]).toBe('a');
    expect(parse({ token: 't', access_token: '' })[0]).toBe('t');
  });

  it.each<[unknown, number]>([
    [undefined, 60_000],
    [null, 60_000],
    ['soon', 60_000],
    [0, 60_000],
    [-5, 60_000],
    [3, 3000],
    [0.5, 500],
    [300, 300_000],
    ['3599', 3_599_000],
    [1e12, 86_400_000],
  ])('takes an expires_in of %j for %i ms', (expires_in, lifeMs) => {
    expect(parse({ token: 't', expires_in })[1]).toBe(lifeMs);
  });

  it('leaves issued_at out of account', () => {
    expect(parse({ token: 't', expires_in: 100, issued_at: '2001-01-01T00:00:00Z' })[1]).toBe(100_000);
    expect(parse({ token: 't', expires_in: 100, issued_at: '2101-01-01T00:00:00Z' })[1]).toBe(100_000);
  });
});
