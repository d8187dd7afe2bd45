import { afterEach, describe, expect, it } from 'vitest';

import { blob } from '../../support/fixtures.js';
import { rule, usedUp, type Fault, type RuleMatch } from '../../support/faults.js';
import { answer, redirect, registryError } from '../../support/faults/answers.js';
import { wrongLength } from '../../support/faults/bodies.js';
import { changeHeaders, omitHeaders, setHeaders } from '../../support/faults/headers.js';
import {
  closeEverything,
  descriptorOf,
  failureOf,
  openRegistry,
  openRepository,
  openServer,
  read,
  requestsOf,
} from './open-repository.js';

afterEach(closeEverything);

const bytes = blob(200_000, 7);
const descriptor = descriptorOf(bytes);
const page = answer(200, { headers: { 'content-type': 'text/html' }, body: '<title>Hotel</title>' });

/** A registry that holds the blob and meets these faults. */
async function holding(match: RuleMatch = {}, ...faults: Fault[]) {
  const [first, ...rest] = faults;
  const registry = await openRegistry({ rules: first === undefined ? [] : [rule(match, first, ...rest)] });
  registry.store('app').putBytes(bytes);
  return { registry, ...openRepository(registry.url, { side: 'source', access: 'pull' }) };
}

describe('a blob that is looked for', () => {
  it('is found by one HEAD, without an Accept header that some servers answer with 406', async () => {
    const { registry, repository } = await holding();
    expect(await repository.has(descriptor)).toBe(true);
    expect(registry.log.map(({ method, headers }) => [method, headers.accept])).toEqual([
      ['HEAD', undefined],
    ]);
  });

  it('is not there after a 404', async () => {
    const { repository } = await holding();
    expect(await repository.has(descriptorOf(Buffer.from('x')))).toBe(false);
  });

  it('is not there with another length', async () => {
    const { repository } = await holding();
    expect(await repository.has({ ...descriptor, size: descriptor.size + 1 })).toBe(false);
  });

  it('is there where the server tells no length', async () => {
    const { repository } = await holding({}, omitHeaders('content-length'));
    expect(await repository.has(descriptor)).toBe(true);
  });

  it.each([202, 204, 206, 300, 304, 400, 403, 405, 409, 410, 501, 505])(
    'counts as absent after a %i, which may mean that it is',
    async (status) => {
      const { repository } = await holding({}, answer(status));
      expect(await repository.has(descriptor)).toBe(false);
    },
  );

  it.each([
    [401, 'E_UNAUTHORIZED'],
    [429, 'E_RATE_LIMITED'],
    [500, 'E_UNAVAILABLE'],
  ])('is neither there nor absent after a %i', async (status, code) => {
    const { repository } = await holding({ path: /blobs/ }, answer(status));
    expect((await failureOf(repository.has(descriptor))).code).toBe(code);
  });

  it('is found behind a redirect', async () => {
    const storage = await openServer((_request, response) => {
      response.writeHead(200, { 'content-length': descriptor.size }).end();
    });
    const { repository } = await holding({}, redirect(`${storage.origin}/signed?x=1`));
    expect(await repository.has(descriptor)).toBe(true);
    expect(storage.asked).toEqual(['HEAD /signed?x=1']);
  });

  it('is not found in a page that answers everything', async () => {
    const { repository } = await holding({}, page, omitHeaders('content-length'));
    const server = await openServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', 'transfer-encoding': 'chunked' }).end();
    });
    expect(await repository.has(descriptor)).toBe(false);
    const lengthless = openRepository(server.origin).repository;
    expect((await failureOf(lengthless.has(descriptor))).code).toBe('E_NOT_A_REGISTRY');
  });
});

describe('a blob that is read', () => {
  it('comes with one GET, unranged and undecoded', async () => {
    const { registry, repository } = await holding();
    expect((await read(await repository.open(descriptor))).equals(bytes)).toBe(true);
    const [get] = registry.log;
    expect([registry.log.length, get?.headers.range, get?.headers['accept-encoding']]).toEqual([
      1,
      undefined,
      'identity',
    ]);
  });

  it('that is encoded on the way stays as it came', async () => {
    const { repository } = await holding({}, setHeaders({ 'content-encoding': 'gzip' }));
    expect((await read(await repository.open(descriptor))).equals(bytes)).toBe(true);
  });

  it('that is not there is E_NOT_FOUND', async () => {
    const { repository } = await holding();
    const error = await failureOf(repository.open(descriptorOf(Buffer.from('x'))));
    expect(error).toMatchObject({ code: 'E_NOT_FOUND', registryCodes: ['BLOB_UNKNOWN'], side: 'source' });
  });

  it('of zero bytes is an empty stream', async () => {
    const { registry, repository } = await holding();
    registry.store('app').putBytes(Buffer.alloc(0));
    expect(await read(await repository.open(descriptorOf(Buffer.alloc(0))))).toHaveLength(0);
  });

  it("with an announced length that is not the descriptor's is refused before a byte is read", async () => {
    const { repository } = await holding(
      {},
      wrongLength((length) => length + 1),
    );
    const error = await failureOf(repository.open(descriptor));
    expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH', digest: descriptor.digest, side: 'source' });
    expect(error.message).toContain('expected 200000 bytes, the registry announces 200001');
  });

  it('from a page that answers everything is none', async () => {
    const { repository } = await holding({ path: /blobs/ }, page);
    expect((await failureOf(repository.open(descriptor))).message).toContain('Hotel');
  });

  it('that is a page is read as what it is', async () => {
    const { repository } = await holding({}, setHeaders({ 'content-type': 'text/html' }));
    expect((await read(await repository.open(descriptor))).equals(bytes)).toBe(true);
  });

  it('behind a redirect comes from there, and after it expired from a new one', async () => {
    let count = 0;
    const storage = await openServer((request, response) => {
      if (expired(request)) response.writeHead(403).end('<Code>AccessDenied</Code>');
      else if (request.headers.range === undefined) response.end(bytes);
      else {
        const range = { 'content-range': `bytes 150000-199999/200000`, 'content-length': 50_000 };
        response.writeHead(206, range).end(bytes.subarray(150_000));
      }
    });
    const expired = usedUp(1);
    const { registry, repository } = await holding(
      {},
      redirect(() => `${storage.origin}/signed?n=${(count += 1) <= 2 ? 1 : count}`),
    );
    expect((await read(await repository.open(descriptor))).equals(bytes)).toBe(true);
    const rest = await read(await repository.open(descriptor, { offset: 150_000 }));
    expect(rest.equals(bytes.subarray(150_000))).toBe(true);
    expect(storage.asked).toEqual(['GET /signed?n=1', 'GET /signed?n=1', 'GET /signed?n=3']);
    expect(registry.log).toHaveLength(3);
  });
});

describe('the rest of a blob', () => {
  const offset = 123_456;
  const rest = bytes.subarray(offset);

  it('comes by Range', async () => {
    const { registry, repository } = await holding();
    expect((await read(await repository.open(descriptor, { offset }))).equals(rest)).toBe(true);
    expect(registry.log.map(({ status, headers }) => [status, headers.range])).toEqual([
      [206, `bytes=${offset}-`],
    ]);
  });

  it('after the last byte is nothing, and not asked for', async () => {
    const { registry, repository } = await holding();
    expect(await read(await repository.open(descriptor, { offset: bytes.length }))).toHaveLength(0);
    expect(registry.log).toHaveLength(0);
  });

  it('is cut out of the whole where Range is ignored', async () => {
    const { registry, repository } = await holding({}, ignoringRange());
    expect((await read(await repository.open(descriptor, { offset }))).equals(rest)).toBe(true);
    expect(requestsOf(registry)).toEqual(['GET 200']);
  });

  it.each([
    ['starts elsewhere', 'bytes 123455-199999/200000'],
    ['ends early', 'bytes 123456-199998/200000'],
    ['is of another size', 'bytes 123456-199999/300000'],
    ['is of another unit', 'lines 123456-199999/200000'],
    ['is not told', undefined],
    ['is several', 'multipart'],
  ])('is cut out of the whole where the range that comes %s', async (_what, range) => {
    const told =
      range === 'multipart'
        ? { 'content-type': 'multipart/byteranges; boundary=x' }
        : range === undefined
          ? {}
          : { 'content-range': range };
    const fault = changeHeaders((headers) => ({ 'content-length': headers['content-length'], ...told }));
    const { registry, repository } = await holding({ nth: 1 }, fault);
    expect((await read(await repository.open(descriptor, { offset }))).equals(rest)).toBe(true);
    expect(registry.log.map(({ headers }) => headers.range)).toEqual([`bytes=${offset}-`, undefined]);
  });

  it('is taken with a range that tells no total', async () => {
    const { registry, repository } = await holding(
      {},
      setHeaders({ 'content-range': `bytes ${offset}-${bytes.length - 1}/*` }),
    );
    expect((await read(await repository.open(descriptor, { offset }))).equals(rest)).toBe(true);
    expect(requestsOf(registry)).toEqual(['GET 206']);
  });

  it('is cut out of the whole where ranges are refused with 416', async () => {
    const { registry, repository } = await holding(
      { when: ({ headers }) => headers.range !== undefined },
      registryError(416, 'RANGE_INVALID'),
    );
    expect((await read(await repository.open(descriptor, { offset }))).equals(rest)).toBe(true);
    expect(requestsOf(registry)).toEqual(['GET 416', 'GET 200']);
  });

  it('lets go of the connection when nobody reads it', async () => {
    const { repository, transport } = await holding({}, ignoringRange());
    const stream = await repository.open(descriptor, { offset });
    stream.destroy();
    await transport.close();
    expect(stream.destroyed).toBe(true);
  });
});

/** Forgets the Range header before the registry sees it. */
function ignoringRange(): Fault {
  return (next) => (request, response) => {
    delete request.headers.range;
    next(request, response);
  };
}
