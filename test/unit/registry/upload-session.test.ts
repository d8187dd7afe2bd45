import type { IncomingMessage, ServerResponse } from 'node:http';

import { afterEach, describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import type { RequestBody } from '../../../src/http/message.js';
import { startUpload, type UploadSession } from '../../../src/registry/upload-session.js';
import { blob } from '../../support/fixtures.js';
import { rule, type Rule } from '../../support/faults.js';
import { answer, registryError } from '../../support/faults/answers.js';
import { omitHeaders, setHeaders } from '../../support/faults/headers.js';
import {
  closeEverything,
  descriptorOf,
  failureOf,
  openRegistry,
  openRepository,
  openServer,
  requestsOf,
  type Opened,
  type Settings,
} from './open-repository.js';

afterEach(closeEverything);

const bytes = blob(100, 3);
const { digest } = descriptorOf(bytes);
const body = (content: Buffer): RequestBody => ({
  length: content.length,
  type: 'application/octet-stream',
  open: () => content,
});
const nothing = body(Buffer.alloc(0));
const login = 'mia:secret';

async function sessionAt({ context }: Opened, mountFrom?: string): Promise<UploadSession> {
  const start = await startUpload(context, digest, mountFrom, {});
  if (start.mounted) throw new Error('mounted');
  return start.session;
}

/** What a scripted server was asked: method, path and query, Authorization, Content-Range, body. */
interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly body: string;
}

/** A server that takes uploads by the answers of a script: status and headers by method. */
async function scripted(
  script: (request: IncomingMessage, origin: string) => readonly [number, Record<string, string>?],
) {
  const asked: Asked[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method, url, headers } = request;
    let received = '';
    request.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    request.on('end', () => {
      const { authorization, 'content-range': range } = headers;
      asked.push({ method, url, authorization, range: range ?? '', body: received });
      const [status, answered = {}] = script(request, server.origin);
      response.writeHead(status, answered).end();
    });
  };
  const server = await openServer(handle);
  return { origin: server.origin, asked, lines: () => asked.map(({ method, url }) => `${method} ${url}`) };
}

describe('the location of an upload', () => {
  it.each([
    ['/v2/app/blobs/uploads/1', '/v2/app/blobs/uploads/1?digest='],
    ['1', '/v2/app/blobs/uploads/1?digest='],
    ['../../other/1', '/v2/app/other/1?digest='],
    ['/u/1?', '/u/1?digest='],
    ['/u/1?_state=a+b%20~%2B%2f==', '/u/1?_state=a+b%20~%2B%2f==&digest='],
    ['/u%2F1?a=1&', '/u%2F1?a=1&digest='],
    ['/u/1?a=1#part', '/u/1?a=1&digest='],
  ])('%s gets the digest and stays byte for byte', async (location, put) => {
    const server = await scripted(({ method }) => (method === 'POST' ? [202, { location }] : [201]));
    const session = await sessionAt(openRepository(server.origin));
    await session.finish(digest, body(bytes), undefined, {});
    expect(server.lines()[1]).toBe(`PUT ${put}${digest}`);
  });

  it('may be absolute, and without a scheme', async () => {
    for (const prefix of ['http://', '//', '']) {
      const server = await scripted(({ method }, origin) =>
        method === 'POST'
          ? [202, { location: `${prefix}${origin.replace('http://', '')}/v2/app/blobs/uploads/1` }]
          : [201],
      );
      const session = await sessionAt(openRepository(server.origin));
      await session.finish(digest, body(bytes), undefined, {});
      expect(server.lines()[1]).toBe(`PUT /v2/app/blobs/uploads/1?digest=${digest}`);
    }
  });

  it('on another origin gets the bytes and no credentials', async () => {
    const storage = await scripted(() => [201]);
    const server = await scripted(({ method, headers }) => {
      if (headers.authorization === undefined) return [401, { 'www-authenticate': 'Basic realm="x"' }];
      return method === 'POST' ? [202, { location: `${storage.origin}/u/1?sig=x` }] : [500];
    });
    const session = await sessionAt(openRepository(server.origin, { login }));
    await session.append(0, body(bytes), true, {});
    await session.finish(digest, nothing, undefined, {});
    await session.cancel();
    expect(storage.asked.map(({ method, authorization }) => [method, authorization])).toEqual([
      ['PATCH', undefined],
      ['PUT', undefined],
      ['DELETE', undefined],
    ]);
    expect(server.asked.map(({ authorization }) => authorization !== undefined)).toEqual([false, true]);
  });

  it('is always the newest one', async () => {
    let n = 0;
    const server = await scripted(({ method }) => {
      n += 1;
      return [method === 'PUT' ? 201 : method === 'GET' ? 204 : 202, { location: `/u/${n}`, range: '0-9' }];
    });
    const session = await sessionAt(openRepository(server.origin));
    await session.append(0, body(bytes), true, {});
    await session.append(100, body(bytes), true, {});
    await session.confirmedOffset({});
    await session.finish(digest, nothing, undefined, {});
    expect(server.lines().slice(1)).toEqual([
      'PATCH /u/1',
      'PATCH /u/2',
      'GET /u/3',
      `PUT /u/4?digest=${digest}`,
    ]);
  });

  it('is the newest one for a registry that refuses every other', async () => {
    const registry = await openRegistry({ uploadState: true });
    const session = await sessionAt(openRepository(registry.url));
    await session.append(0, body(bytes.subarray(0, 40)), true, {});
    expect(await session.confirmedOffset({})).toBe(40);
    await session.append(40, body(bytes.subarray(40)), true, {});
    await session.finish(digest, nothing, undefined, {});
    expect(registry.store('app').blob(digest)?.equals(bytes)).toBe(true);
  });

  it('stays where an answer names none', async () => {
    const server = await scripted(({ method }) =>
      method === 'POST' ? [202, { location: '/u/1?a=b' }] : method === 'PUT' ? [201] : [202],
    );
    const session = await sessionAt(openRepository(server.origin));
    await session.append(0, body(bytes), true, {});
    await session.finish(digest, nothing, undefined, {});
    expect(server.lines().slice(1)).toEqual(['PATCH /u/1?a=b', `PUT /u/1?a=b&digest=${digest}`]);
  });

  it('must be there at the start', async () => {
    const registry = await openRegistry({ rules: [rule({ method: 'POST' }, omitHeaders('location'))] });
    const error = await failureOf(sessionAt(openRepository(registry.url)));
    expect(error).toMatchObject({ code: 'E_REFUSED', side: 'target' });
    expect(error.message).toContain('without a Location');
  });
});

describe('a chunk', () => {
  it('names its range without unit and total, a stream names none', async () => {
    const server = await scripted(({ method }) => (method === 'PUT' ? [201] : [202, { location: '/u/1' }]));
    const session = await sessionAt(openRepository(server.origin));
    await session.append(0, body(bytes.subarray(0, 10)), true, {});
    await session.append(10, body(bytes.subarray(10)), true, {});
    await session.append(0, body(bytes), false, {});
    await session.finish(digest, body(bytes), undefined, {});
    await session.finish(digest, body(bytes.subarray(90)), 90, {});
    expect(server.asked.map(({ method, range }) => `${method} ${range}`)).toEqual([
      'POST ',
      'PATCH 0-9',
      'PATCH 10-99',
      'PATCH ',
      'PUT ',
      'PUT 90-99',
    ]);
  });

  it.each([200, 201, 202, 204])('is taken with %i', async (status) => {
    const server = await scripted(({ method }) =>
      method === 'POST' ? [202, { location: '/u/1' }] : [status],
    );
    const session = await sessionAt(openRepository(server.origin));
    await session.append(0, body(bytes), true, {});
    await session.finish(digest, nothing, undefined, {});
    expect(server.asked).toHaveLength(3);
  });

  it.each([
    [400, 'BLOB_UPLOAD_INVALID', 'E_REFUSED'],
    [404, 'BLOB_UPLOAD_UNKNOWN', 'E_REFUSED'],
    [416, 'RANGE_INVALID', 'E_REFUSED'],
    [503, 'UNAVAILABLE', 'E_UNAVAILABLE'],
  ])('is refused with %i %s, and sent once only', async (status, code, expected) => {
    const fault = rule({ method: ['PATCH', 'PUT'] }, registryError(status, code));
    const registry = await openRegistry({ rules: [fault] });
    const session = await sessionAt(openRepository(registry.url));
    const refused = { code: expected, status, registryCodes: [code], side: 'target' };
    expect(await failureOf(session.append(0, body(bytes), true, {}))).toMatchObject(refused);
    expect(await failureOf(session.finish(digest, body(bytes), undefined, {}))).toMatchObject(refused);
    expect(fault.hits).toBe(2);
  });

  it('is not taken by a page that answers everything', async () => {
    const page = answer(200, { headers: { 'content-type': 'text/html' }, body: '<title>Hotel</title>' });
    const registry = await openRegistry({ rules: [rule({ method: ['PATCH', 'PUT'] }, page)] });
    const session = await sessionAt(openRepository(registry.url));
    expect((await failureOf(session.append(0, body(bytes), true, {}))).message).toContain('Hotel');
    expect((await failureOf(session.finish(digest, body(bytes), undefined, {}))).message).toContain('Hotel');
  });
});

describe('how far an upload has come', () => {
  it.each([
    ['0-9', 10],
    ['bytes=0-9', 10],
    ['0--1', 0],
    ['0-0', undefined],
    ['bytes=0-0', undefined],
    ['10-19', undefined],
    ['nonsense', undefined],
    [undefined, undefined],
  ])('is told by the range %s as %s', async (range, offset) => {
    const server = await scripted(({ method }) =>
      method === 'POST' ? [202, { location: '/u/1' }] : [204, range === undefined ? {} : { range }],
    );
    const session = await sessionAt(openRepository(server.origin));
    expect(await session.confirmedOffset({})).toBe(offset);
  });

  it.each([400, 404, 405, 416])('is not told by a %i', async (status) => {
    const server = await scripted(({ method }) =>
      method === 'POST' ? [202, { location: '/u/1' }] : [status, { range: '0-9' }],
    );
    const session = await sessionAt(openRepository(server.origin));
    expect(await session.confirmedOffset({})).toBeUndefined();
  });
});

describe('a cancelled upload', () => {
  it('is gone', async () => {
    const registry = await openRegistry();
    const session = await sessionAt(openRepository(registry.url));
    await session.cancel();
    expect(requestsOf(registry)).toEqual(['POST 202', 'DELETE 204']);
  });

  it.each([401, 404, 405, 500])('is none of our worries after a %i', async (status) => {
    const registry = await openRegistry({
      rules: [
        rule(
          { method: 'DELETE' },
          answer(status, { headers: { 'www-authenticate': 'Bearer realm="https://127.0.0.1:1/token"' } }),
        ),
      ],
    });
    const session = await sessionAt(openRepository(registry.url, { login }));
    await session.cancel();
    expect(requestsOf(registry)).toEqual(['POST 202', `DELETE ${status}`]);
  });
});

describe('the bounds of a chunk', () => {
  it.each([
    [{}, { minimum: 0, maximum: Infinity }],
    [{ 'oci-chunk-min-length': '5242880' }, { minimum: 5_242_880, maximum: Infinity }],
    [{ 'oci-chunk-max-length': '100000000' }, { minimum: 0, maximum: 100_000_000 }],
    [{ 'oci-chunk-min-length': '99999999999' }, { minimum: Infinity, maximum: Infinity }],
    [
      { 'oci-chunk-min-length': '-1', 'oci-chunk-max-length': '0' },
      { minimum: 0, maximum: Infinity },
    ],
    [
      { 'oci-chunk-min-length': 'many', 'oci-chunk-max-length': '1e9' },
      { minimum: 0, maximum: Infinity },
    ],
  ])('are told by %j', async (headers, chunks) => {
    const registry = await openRegistry({ rules: [rule({ method: 'POST' }, setHeaders(headers))] });
    expect((await sessionAt(openRepository(registry.url))).chunks).toEqual(chunks);
  });
});

describe('a mount', () => {
  async function mounting(rules: readonly Rule[] = [], settings: Settings = {}) {
    const registry = await openRegistry({ rules });
    registry.store('team/other').putBytes(bytes);
    const { context } = openRepository(registry.url, settings);
    const start = await startUpload(context, digest, 'team/other', {});
    return { registry, start, urls: registry.log.map(({ url }) => url) };
  }

  it('costs one request and no byte', async () => {
    const { registry, start, urls } = await mounting();
    expect(start).toEqual({ mounted: true });
    expect(urls).toEqual([`/v2/app/blobs/uploads/?mount=${digest}&from=team/other`]);
    expect(registry.store('app').blob(digest)?.equals(bytes)).toBe(true);
  });

  it('that is refused with a session uses that session', async () => {
    const registry = await openRegistry();
    const opened = openRepository(registry.url);
    const session = await sessionAt(opened, 'nowhere');
    await session.finish(digest, body(bytes), undefined, {});
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 201']);
  });

  it.each([400, 403, 404, 405])('that is refused with %i becomes a plain upload', async (status) => {
    const fault = rule({ path: /mount=/ }, registryError(status, 'ANY'));
    const { registry, start, urls } = await mounting([fault]);
    expect(start.mounted).toBe(false);
    expect(requestsOf(registry)).toEqual([`POST ${status}`, 'POST 202']);
    expect(urls[1]).toBe('/v2/app/blobs/uploads/');
  });

  it('that no login is enough for becomes a plain upload', async () => {
    const fault = rule(
      { path: /mount=/ },
      registryError(401, 'UNAUTHORIZED', 'project not found', {
        headers: { 'www-authenticate': 'Basic realm="x"' },
      }),
    );
    const { registry, start } = await mounting([fault], { login });
    expect(start.mounted).toBe(false);
    expect(requestsOf(registry)).toEqual(['POST 401', 'POST 401', 'POST 202']);
  });

  it('that is refused with a 401 and no way to log in becomes a plain upload', async () => {
    const { registry, start } = await mounting([rule({ path: /mount=/ }, answer(401))], { login });
    expect(start.mounted).toBe(false);
    expect(registry.log.at(-1)).toMatchObject({ url: '/v2/app/blobs/uploads/', status: 202 });
  });

  it.each([429, 500, 503])('that meets a %i is no refusal of the mount', async (status) => {
    const registry = await openRegistry({ rules: [rule({ path: /mount=/ }, answer(status))] });
    const { context } = openRepository(registry.url, { transport: { retries: 1 } });
    const error = await failureOf(startUpload(context, digest, 'team/other', {}));
    expect(error.status).toBe(status);
    expect(registry.log).toHaveLength(2);
  });

  it('that is answered with success where none was asked for is an error', async () => {
    const registry = await openRegistry({ rules: [rule({ method: 'POST' }, answer(201))] });
    const error = await failureOf(startUpload(openRepository(registry.url).context, digest, undefined, {}));
    expect(error).toMatchObject({ code: 'E_REFUSED', status: 201 });
  });
});

it('asks for the digest algorithm that the upload will have, where it is not the usual one', async () => {
  const registry = await openRegistry();
  const { context } = openRepository(registry.url);
  const sha512 = `sha512:${'a'.repeat(128)}` as typeof digest;
  await startUpload(context, sha512, undefined, {});
  expect(registry.log[0]?.url).toBe('/v2/app/blobs/uploads/?digest-algorithm=sha512');
});

it('does not send what was abandoned before', async () => {
  const registry = await openRegistry();
  const { context } = openRepository(registry.url);
  const signal = AbortSignal.abort(new RegferryError('E_ABORTED', 'stop'));
  expect((await failureOf(startUpload(context, digest, undefined, { signal }))).code).toBe('E_ABORTED');
  expect(registry.log).toHaveLength(0);
});
