import { afterEach, describe, expect, it } from 'vitest';

import type { Authorizer } from '../../../src/auth/authorizer.js';
import type { HttpRequest } from '../../../src/http/message.js';
import { RegferryError } from '../../../src/errors.js';
import { RegistryClient } from '../../../src/registry/client.js';
import { rule } from '../../support/faults.js';
import { answer, registryError } from '../../support/faults/answers.js';
import { closeEverything, failureOf, openRegistry, openRepository, openServer } from './open-repository.js';

afterEach(closeEverything);

const scopes = [{ repository: 'app', actions: ['pull' as const] }];
const basic = `Basic ${Buffer.from('mia:secret').toString('base64')}`;
const challenge = { headers: { 'www-authenticate': 'Basic realm="test"' } };

describe('a call that needs a login', () => {
  it('answers one challenge, and sends the login by itself from then on', async () => {
    const registry = await openRegistry({
      rules: [rule({ when: ({ headers }) => headers.authorization !== basic }, answer(401, challenge))],
    });
    const { client } = openRepository(registry.url, { login: 'mia:secret' });
    const call = { method: 'GET', target: '/v2/', scopes } as const;
    const first = await client.send(call);
    await first.discard();
    const second = await client.send(call);
    await second.discard();
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(registry.log.map(({ status }) => status)).toEqual([401, 200, 200]);
  });

  it('is refused for good after the second 401', async () => {
    const registry = await openRegistry({ rules: [rule({}, answer(401, challenge))] });
    const { client } = openRepository(registry.url, { login: 'mia:wrong', side: 'source' });
    const error = await failureOf(client.send({ method: 'GET', target: '/v2/', scopes }));
    expect(error).toMatchObject({ code: 'E_UNAUTHORIZED', side: 'source' });
    expect(error.message).not.toContain('wrong');
    expect(registry.log).toHaveLength(2);
  });

  it('sends its body once more after the challenge', async () => {
    const bodies: string[] = [];
    const server = await openServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        if (request.headers.authorization === basic) response.writeHead(201).end();
        else response.writeHead(401, challenge.headers).end();
      });
    });
    const { client } = openRepository(server.origin, { login: 'mia:secret' });
    const body = { length: 4, type: 'text/plain', open: () => Buffer.from('body') };
    const response = await client.send({ method: 'PUT', target: '/v2/x', scopes, body });
    await response.discard();
    expect(response.status).toBe(201);
    expect(bodies).toEqual(['body', 'body']);
  });

  it.each<[string, number[], string | undefined]>([
    ['takes', [401, 401, 200], 'Bearer narrow'],
    ['does not take either', [401, 401, 401], 'Bearer narrow'],
    ['is not given', [401, 401], undefined],
  ])('is tried once more with a narrower authorization, which it %s', async (_what, statuses, narrower) => {
    const sent: (string | undefined)[] = [];
    const server = await openServer((request, response) => {
      sent.push(request.headers.authorization);
      response.writeHead(statuses[sent.length - 1] ?? 500, challenge.headers).end();
    });
    const client = new RegistryClient({
      registry: 'own.test',
      http: openRepository(server.origin).transport,
      origin: () => Promise.resolve(server.origin),
      authorizer: {
        authorization: () => Promise.resolve(undefined),
        challenged: () => Promise.resolve('Bearer wide'),
        narrower: () => Promise.resolve(narrower),
        refused: (_request, last) => new RegferryError('E_UNAUTHORIZED', `${last} is refused`),
      },
    });
    const work = client.send({ method: 'GET', target: '/v2/app/manifests/1', scopes });
    if (statuses.at(-1) === 200) expect((await work).status).toBe(200);
    else await expect(work).rejects.toThrow(`${narrower ?? 'Bearer wide'} is refused`);
    expect(sent).toEqual([undefined, 'Bearer wide', 'Bearer narrow'].slice(0, statuses.length));
  });

  it('is left at the first 401 where a login is not worth it', async () => {
    const registry = await openRegistry({ rules: [rule({}, answer(401, challenge))] });
    const { client } = openRepository(registry.url, { login: 'mia:secret' });
    const response = await client.send({ method: 'DELETE', target: '/v2/', scopes, login: false });
    await response.discard();
    expect([response.status, registry.log.length]).toEqual([401, 1]);
  });
});

describe('credentials', () => {
  it('never go to a URL on another origin, not even when that asks for them', async () => {
    const seen: unknown[] = [];
    const other = await openServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, challenge.headers).end();
    });
    const registry = await openRegistry();
    const { client } = openRepository(registry.url, { login: 'mia:secret' });
    const response = await client.send({ method: 'GET', target: `${other.origin}/v2/x`, scopes });
    await response.discard();
    expect(response.status).toBe(401);
    expect(seen).toEqual([undefined]);
  });

  it('are not asked for when a storage host that the registry led to answers 401', async () => {
    const seen: unknown[] = [];
    const storage = await openServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(401, challenge.headers).end();
    });
    const registry = await openServer((_request, response) => {
      response.writeHead(307, { location: `${storage.origin}/blob` }).end();
    });
    const { client } = openRepository(registry.origin, { login: 'mia:secret' });
    const response = await client.send({ method: 'GET', target: '/v2/app/blobs/x', scopes });
    await response.discard();
    expect(response.status).toBe(401);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('leave the transport knowing which registry handed out a foreign URL', async () => {
    const sent: HttpRequest[] = [];
    const client = clientOver({
      send: (request) => {
        sent.push(request);
        return Promise.reject(new RegferryError('E_NETWORK', 'no network here'));
      },
    });
    for (const target of ['/v2/', 'https://own.test:443/v2/', 'https://other.test/x', 'http://own.test/x']) {
      await failureOf(client.send({ method: 'GET', target, scopes }));
    }
    expect(
      sent.map(({ url, headers, registryOrigin }) => [url, headers?.authorization, registryOrigin]),
    ).toEqual([
      ['https://own.test/v2/', 'Bearer token', undefined],
      ['https://own.test:443/v2/', 'Bearer token', undefined],
      ['https://other.test/x', undefined, 'https://own.test'],
      ['http://own.test/x', undefined, 'https://own.test'],
    ]);
  });
});

describe('the origin', () => {
  it('is looked for once, however many want it', async () => {
    let asked = 0;
    const client = clientOver({}, async () => {
      asked += 1;
      await Promise.resolve();
      return 'https://own.test';
    });
    expect(await Promise.all([client.origin(), client.origin()])).toEqual([
      'https://own.test',
      'https://own.test',
    ]);
    await client.origin();
    expect(asked).toBe(1);
  });

  it('is looked for again after a failure', async () => {
    const outcomes = [
      () => Promise.reject(new RegferryError('E_NETWORK', 'not now')),
      () => Promise.resolve('https://own.test'),
    ];
    const client = clientOver({}, () => outcomes.shift()?.() ?? Promise.reject(new Error('asked too often')));
    expect((await failureOf(client.origin())).code).toBe('E_NETWORK');
    expect(await client.origin()).toBe('https://own.test');
  });

  it('is not lost to others when one caller gives up', async () => {
    let found: (origin: string) => void = () => undefined;
    const client = clientOver({}, ({ signal }) => {
      return new Promise((resolve, reject) => {
        found = resolve;
        signal?.addEventListener('abort', () => reject(new Error('given up')));
      });
    });
    const control = new AbortController();
    const first = failureOf(client.origin({ signal: control.signal }));
    const second = client.origin();
    control.abort(new RegferryError('E_ABORTED', 'stop'));
    expect((await first).code).toBe('E_ABORTED');
    found('https://own.test');
    expect(await second).toBe('https://own.test');
  });
});

describe('a refusal', () => {
  it('that a registry worded is taken as it is, without a look at /v2/', async () => {
    const registry = await openRegistry({ rules: [rule({}, registryError(404, 'NAME_UNKNOWN'))] });
    const { client } = openRepository(registry.url);
    const response = await client.send({ method: 'GET', target: '/v2/app/tags/list', scopes });
    const error = await client.failure(response, 'GET');
    expect(error).toMatchObject({ code: 'E_NOT_FOUND', registryCodes: ['NAME_UNKNOWN'], side: 'target' });
    expect(registry.log).toHaveLength(1);
  });

  it('without words, by something that is no registry, says so', async () => {
    const server = await openServer((_request, response) => response.writeHead(404).end('nothing here'));
    const { client } = openRepository(server.origin);
    const response = await client.send({ method: 'GET', target: '/v2/app/tags/list', scopes });
    const error = await client.failure(response, 'GET');
    expect(error.code).toBe('E_NOT_A_REGISTRY');
    expect(error.message).toContain('registry.example.com is not a registry');
    expect(server.asked).toEqual(['GET /v2/app/tags/list', 'GET /v2/']);
  });

  it.each([200, 401, 403])("without words is a registry's where /v2/ answers %i", async (status) => {
    const server = await openServer((request, response) => {
      response.writeHead(request.url === '/v2/' ? status : 404).end();
    });
    const { client } = openRepository(server.origin);
    const response = await client.send({ method: 'GET', target: '/v2/app/tags/list', scopes });
    expect((await client.failure(response, 'GET')).code).toBe('E_NOT_FOUND');
  });

  it('by a web application that answers every path with a page says that it is no registry', async () => {
    const server = await openServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<title>Welcome</title>');
    });
    const { client } = openRepository(server.origin);
    const response = await client.send({ method: 'GET', target: '/v2/app/manifests/1', scopes });
    const error = await client.failure(response, 'GET');
    expect(error.code).toBe('E_NOT_A_REGISTRY');
    expect(error.message).toContain('Welcome');
  });
});

const authorizer: Authorizer = {
  authorization: () => Promise.resolve('Bearer token'),
  challenged: () => Promise.reject(new Error('not challenged')),
  refused: () => new RegferryError('E_UNAUTHORIZED', 'refused'),
};

function clientOver(
  http: Partial<ConstructorParameters<typeof RegistryClient>[0]['http']>,
  origin: ConstructorParameters<typeof RegistryClient>[0]['origin'] = () =>
    Promise.resolve('https://own.test'),
): RegistryClient {
  const send = http.send ?? (() => Promise.reject(new Error('nothing to send')));
  return new RegistryClient({ registry: 'own.test', http: { send }, authorizer, origin });
}
