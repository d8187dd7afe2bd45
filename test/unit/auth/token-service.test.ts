import type { IncomingMessage } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { createAuthorizer } from '../../../src/auth/authorize.js';
import {
  basicCredential,
  identityCredential,
  staticCredentials,
  type Credential,
} from '../../../src/auth/credentials.js';
import { closeAll, listen, openTransport } from '../http/local-server.js';
import { fakeHeaders } from './fake-http.js';

afterEach(closeAll);

/** A registry at one port, whose token service at another redirects to a third. */
async function redirecting(status: number): Promise<{
  login: (credential: Credential) => Promise<string>;
  stranger: IncomingMessage[];
  shown: () => string;
}> {
  const stranger: IncomingMessage[] = [];
  const third = await listen((request, response) => {
    stranger.push(request);
    response.end('{"token":"from-the-stranger"}');
  });
  const realm = await listen((request, response) => {
    response.writeHead(status, { location: `${third.origin}${request.url ?? ''}` }).end();
  });
  const transport = openTransport();
  const login = async (credential: Credential): Promise<string> => {
    const auth = createAuthorizer({
      registry: 'localhost',
      http: transport,
      credentials: staticCredentials(credential),
    });
    const challenge = fakeHeaders({ 'www-authenticate': `Bearer realm="${realm.origin}/token",service="s"` });
    const scopes = [{ repository: 'app', actions: ['pull'] as const }];
    return auth.challenged({ origin: 'http://127.0.0.1:1', scopes }, challenge, undefined);
  };
  return { login, stranger, shown: () => JSON.stringify(transport.events) };
}

describe('a token service that redirects to another origin', () => {
  it.each([302, 307])('does not take the password there (%i)', async (status) => {
    const { login, stranger, shown } = await redirecting(status);
    expect(await login(basicCredential('me', 'canary', 'test'))).toBe('Bearer from-the-stranger');
    expect(stranger).toHaveLength(1);
    expect(stranger[0]?.headers.authorization).toBeUndefined();
    expect(shown()).not.toContain('canary');
  });

  it.each([307, 308])('does not take a refresh token there (%i)', async (status) => {
    const { login, stranger, shown } = await redirecting(status);
    const credential = identityCredential('canary', 'test');
    await expect(login(credential)).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('hand a credential to another host') as string,
    });
    expect(stranger).toEqual([]);
    expect(shown()).not.toContain('canary');
  });
});
