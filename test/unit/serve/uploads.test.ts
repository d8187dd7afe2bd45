import { request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';
import type { TestRegistry, TestRegistryOptions } from '../../support/registry.js';
import { RawClient } from '../support/raw.js';
import { errorCodes } from './answer.js';

let registry: TestRegistry;
afterEach(() => registry.close());
const start = async (options: TestRegistryOptions = {}): Promise<void> => {
  registry = await startRegistry(options);
};

const bytes = blob(3_000, 1);
const digest = digestOf(bytes);

const uploads = (query = '', init: RequestInit = {}): Promise<Response> =>
  fetch(`${registry.url}/v2/app/blobs/uploads/${query}`, { method: 'POST', ...init });

const absolute = (answer: Response): string =>
  new URL(answer.headers.get('location') ?? '', registry.url).href;

const open = async (): Promise<string> => absolute(await uploads());

const withDigest = (location: string, value: string = digest): string =>
  `${location}${location.includes('?') ? '&' : '?'}digest=${value}`;

const body = (start = 0, end: number = bytes.length): Uint8Array<ArrayBuffer> =>
  new Uint8Array(bytes.subarray(start, end));

const patch = (location: string, start: number, end: number, headers = {}): Promise<Response> =>
  fetch(location, {
    method: 'PATCH',
    body: body(start, end),
    headers: { 'content-range': `${start}-${end - 1}`, ...headers },
  });

const put = (location: string, content?: Uint8Array<ArrayBuffer>, headers = {}): Promise<Response> =>
  fetch(withDigest(location), { method: 'PUT', headers, ...(content && { body: content }) });

const kept = (repository = 'app'): Buffer | undefined => registry.store(repository).blob(digest);

/** Begins a PUT or PATCH by hand, so that the test decides when its body goes on. */
const begin = (method: string, location: string, length: number): ClientRequest =>
  httpRequest(location, { method, headers: { 'content-length': length }, agent: false });

describe('a blob is pushed', () => {
  it('by POST and PUT', async () => {
    await start();
    const opened = await uploads();
    expect(opened.status).toBe(202);
    expect(opened.headers.get('range')).toBe('0-0');
    expect(opened.headers.get('oci-chunk-min-length')).toBeNull();
    const answer = await put(absolute(opened), body());
    expect(answer.status).toBe(201);
    expect(answer.headers.get('docker-content-digest')).toBe(digest);
    expect((await fetch(absolute(answer))).status).toBe(200);
    expect(kept()).toEqual(bytes);
  });

  it('by one POST', async () => {
    await start();
    const answer = await uploads(`?digest=${digest}`, { body: body() });
    expect(answer.status).toBe(201);
    expect(absolute(answer)).toBe(`${registry.url}/v2/app/blobs/${digest}`);
    expect(kept()).toEqual(bytes);
  });

  it('in chunks in order, and an empty PUT', async () => {
    await start();
    const first = await patch(await open(), 0, 1_000);
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-999']);
    const second = await patch(absolute(first), 1_000, 3_000);
    expect([second.status, second.headers.get('range')]).toEqual([202, '0-2999']);
    expect((await put(absolute(second))).status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it('in chunks of which the last comes with the PUT', async () => {
    await start();
    const first = await patch(await open(), 0, 1_000);
    const answer = await put(absolute(first), body(1_000), { 'content-range': '1000-2999' });
    expect(answer.status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it('by one streamed PATCH without a length', async () => {
    await start();
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue(body(0, 1_234));
        controller.enqueue(body(1_234));
        controller.close();
      },
    });
    const init = { method: 'PATCH', body: stream, duplex: 'half' } as RequestInit;
    const streamed = await fetch(await open(), init);
    expect([streamed.status, streamed.headers.get('range')]).toEqual([202, '0-2999']);
    expect((await put(absolute(streamed))).status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it('without any byte', async () => {
    await start();
    const empty = digestOf(Buffer.alloc(0));
    const answer = await fetch(withDigest(await open(), empty), { method: 'PUT' });
    expect(answer.status).toBe(201);
    expect(registry.store('app').blob(empty)).toEqual(Buffer.alloc(0));
  });

  it('with a sha512 digest', async () => {
    await start();
    const long = digestOf(bytes, 'sha512');
    const answer = await fetch(withDigest(await open(), long), { method: 'PUT', body: body() });
    expect(answer.status).toBe(201);
    expect(registry.store('app').blob(long)).toEqual(bytes);
  });

  it('again, though it is there', async () => {
    await start();
    registry.store('app').putBytes(bytes);
    expect((await put(await open(), body())).status).toBe(201);
  });
});

describe('an upload is refused', () => {
  it.each(['POST', 'PUT', 'PATCH and PUT'])('whose bytes have another digest, by %s', async (form) => {
    await start();
    const other = digestOf(Buffer.from('other'));
    const location = await open();
    if (form === 'PATCH and PUT') await patch(location, 0, 3_000);
    const answer =
      form === 'POST'
        ? await uploads(`?digest=${other}`, { body: body() })
        : await fetch(withDigest(location, other), {
            method: 'PUT',
            ...(form === 'PUT' && { body: body() }),
          });
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    expect(registry.store('app').blob(other)).toBeUndefined();
    expect(registry.storage.usedBytes).toBe(0);
    if (form !== 'POST') expect((await fetch(location)).status).toBe(404);
  });

  it('whose bytes are wrong, though the blob is there', async () => {
    await start();
    registry.store('app').putBytes(bytes);
    expect((await put(await open(), new Uint8Array(3_000))).status).toBe(400);
    expect(kept()).toEqual(bytes);
  });

  it.each(['', '?digest=', '?digest=sha256:abc', `?digest=md5:${'0'.repeat(32)}`])(
    'whose PUT has "%s"',
    async (query) => {
      await start();
      const answer = await fetch(`${await open()}${query}`, { method: 'PUT', body: body() });
      expect([answer.status, await errorCodes(answer)]).toEqual([400, ['DIGEST_INVALID']]);
    },
  );

  it('that is not known, or belongs to another repository', async () => {
    await start();
    const location = await open();
    for (const url of [location.replace('/app/', '/other/'), `${location}x`]) {
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const answer = await fetch(withDigest(url), { method });
        expect([answer.status, await errorCodes(answer)]).toEqual([404, ['BLOB_UPLOAD_UNKNOWN']]);
      }
    }
  });
});

describe('a chunk', () => {
  it.each([
    ['behind a gap', 2_000, 3_000],
    ['again', 0, 1_000],
    ['that overlaps', 500, 1_500],
  ])('%s is answered with 416, and where to go on', async (_, from, to) => {
    await start();
    const location = absolute(await patch(await open(), 0, 1_000));
    const answer = await patch(location, from, to);
    expect(answer.status).toBe(416);
    expect(answer.headers.get('range')).toBe('0-999');
    expect(await errorCodes(answer)).toEqual(['RANGE_INVALID']);
    expect((await patch(absolute(answer), 1_000, 3_000)).status).toBe(202);
    expect((await put(location)).status).toBe(201);
  });

  it('out of place in a PUT is answered with 416, and the upload goes on', async () => {
    await start();
    const location = absolute(await patch(await open(), 0, 1_000));
    expect((await put(location, body(2_000), { 'content-range': '2000-2999' })).status).toBe(416);
    expect((await put(location, body(1_000), { 'content-range': '1000-2999' })).status).toBe(201);
  });

  it.each(['bytes 0-999/3000', 'bytes 0-999', '0', '999-0', 'a-b'])(
    'with the Content-Range "%s" is answered with 400',
    async (range) => {
      await start();
      const answer = await patch(await open(), 0, 1_000, { 'content-range': range });
      expect([answer.status, await errorCodes(answer)]).toEqual([400, ['BLOB_UPLOAD_INVALID']]);
    },
  );

  it('of another length than its Content-Range is answered with 400', async () => {
    await start();
    const answer = await patch(await open(), 0, 1_000, { 'content-range': '0-998' });
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['SIZE_INVALID']]);
  });

  it('before the last must be as long as the registry wants it', async () => {
    await start({ chunkMinLength: 1_000 });
    const opened = await uploads();
    expect(opened.headers.get('oci-chunk-min-length')).toBe('1000');
    const first = await patch(absolute(opened), 0, 1_000);
    const short = await patch(absolute(first), 1_000, 1_999);
    expect(short.status).toBe(202);
    expect((await patch(absolute(short), 1_999, 3_000)).status).toBe(400);
  });

  it('that is the last may be shorter than the registry wants the others', async () => {
    await start({ chunkMinLength: 1_000 });
    const first = await patch(await open(), 0, 2_500);
    const last = await patch(absolute(first), 2_500, 3_000);
    expect((await put(absolute(last))).status).toBe(201);
  });
});

describe('an upload session', () => {
  it('tells how far it has come', async () => {
    await start();
    const location = await open();
    expect((await fetch(location)).headers.get('range')).toBe('0-0');
    await patch(location, 0, 1_000);
    const status = await fetch(location);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-999']);
    expect(absolute(status)).toBe(location);
  });

  it('can be cancelled, and gives its room back', async () => {
    await start();
    const location = await open();
    await patch(location, 0, 1_000);
    expect(registry.storage.usedBytes).toBe(1_000);
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(location)).status).toBe(404);
    expect(registry.storage.usedBytes).toBe(0);
  });

  it('is forgotten after an hour of rest', async () => {
    let now = 0;
    await start({ now: () => now });
    const [resting, used] = [await open(), await open()];
    await patch(resting, 0, 1_000);
    now += 50 * 60_000;
    await fetch(used);
    now += 50 * 60_000;
    await open();
    expect((await fetch(resting)).status).toBe(404);
    expect((await fetch(used)).status).toBe(204);
    expect(registry.storage.usedBytes).toBe(0);
  });

  it('keeps what had come when the connection broke, and goes on from there', async () => {
    await start();
    const location = await open();
    const broken = begin('PATCH', location, 3_000);
    broken.on('error', () => undefined);
    broken.write(body(0, 1_200));
    await until(() => registry.storage.usedBytes === 1_200);
    broken.destroy();
    await until(() => registry.log.at(-1)?.method === 'PATCH');
    const status = await fetch(location);
    expect(status.headers.get('range')).toBe('0-1199');
    expect((await patch(absolute(status), 1_200, 3_000)).status).toBe(202);
    expect((await put(location)).status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it('belongs to the last request that writes to it', async () => {
    await start();
    const location = await open();
    const stuck = begin('PATCH', location, 3_000);
    const stuckError = new Promise<Error>((resolve) => stuck.on('error', resolve));
    stuck.write(body(0, 1_200));
    await until(() => registry.storage.usedBytes === 1_200);
    expect((await patch(location, 1_200, 3_000)).status).toBe(202);
    expect(await stuckError).toBeInstanceOf(Error);
    expect((await put(location)).status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it('is cancelled under a request that writes to it', async () => {
    await start();
    const location = await open();
    const stuck = begin('PATCH', location, 3_000);
    const stuckError = new Promise<Error>((resolve) => stuck.on('error', resolve));
    stuck.write(body(0, 1_200));
    await until(() => registry.storage.usedBytes === 1_200);
    const [cancelled, late] = await Promise.all([
      fetch(location, { method: 'DELETE' }),
      stuckError.then(() => patch(location, 1_200, 3_000)),
    ]);
    expect([cancelled.status, late.status]).toEqual([204, 404]);
    expect(registry.storage.usedBytes).toBe(0);
  });

  it('is not forgotten while a request writes to it, however long that takes', async () => {
    let now = 0;
    await start({ now: () => now });
    const location = await open();
    const slow = begin('PATCH', location, 3_000);
    const answered = new Promise<number | undefined>((resolve) => {
      slow.on('response', (response) => resolve(response.resume().statusCode));
    });
    slow.write(body(0, 1_200));
    await until(() => registry.storage.usedBytes === 1_200);
    now += 2 * 60 * 60_000;
    await open();
    slow.end(body(1_200));
    expect(await answered).toBe(202);
    now += 50 * 60_000;
    await open();
    expect((await put(location)).status).toBe(201);
  });

  it('never completes a blob whose last byte is missing', async () => {
    await start();
    const location = await open();
    const { port } = new URL(registry.url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined).resume();
    const { pathname } = new URL(location);
    socket.write(`PUT ${withDigest(pathname)} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n`);
    socket.write(body(0, 2_999));
    await until(() => registry.storage.usedBytes === 2_999);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    await closed;
    expect(kept()).toBeUndefined();
  });

  it('can demand that its newest Location comes back as it was', async () => {
    await start({ uploadState: true });
    const opened = await open();
    const first = absolute(await patch(opened, 0, 1_000));
    const stale = await patch(opened, 1_000, 3_000);
    expect([stale.status, await errorCodes(stale)]).toEqual([416, ['RANGE_INVALID']]);
    const parsed = new URL(first);
    parsed.searchParams.append('x', 'y');
    expect((await patch(parsed.href, 1_000, 3_000)).status).toBe(416);
    const second = absolute(await patch(first, 1_000, 3_000));
    expect((await put(second)).status).toBe(201);
  });
});

describe('a mount', () => {
  it('answers 201 where the other repository has the blob', async () => {
    await start();
    registry.store('team/other').putBytes(bytes);
    const answer = await uploads(`?mount=${digest}&from=team/other`);
    expect(answer.status).toBe(201);
    expect(absolute(answer)).toBe(`${registry.url}/v2/app/blobs/${digest}`);
    expect(answer.headers.get('docker-content-digest')).toBe(digest);
    expect(kept()).toEqual(bytes);
  });

  it('answers 201 from the repository itself where the blob is there', async () => {
    await start();
    registry.store('app').putBytes(bytes);
    expect((await uploads(`?mount=${digest}&from=app`)).status).toBe(201);
  });

  it('answers 201 where the repository has the blob and the other one has not', async () => {
    await start();
    registry.store('app').putBytes(bytes);
    expect((await uploads(`?mount=${digest}&from=other`)).status).toBe(201);
  });

  it('finds the blob in whatever repository has it when none is named', async () => {
    await start();
    registry.store('empty');
    registry.store('team/other').putBytes(bytes);
    expect((await uploads(`?mount=${digest}`)).status).toBe(201);
    expect(kept()).toEqual(bytes);
  });

  it.each([
    `?mount=${digest}&from=other`,
    `?mount=${digest}&from=app`,
    `?mount=${digest}&from=No`,
    `?mount=${digest.replace(/..$/, '00')}`,
    '?mount=x&from=app',
  ])('opens a session for %s where it cannot be done', async (query) => {
    await start();
    registry.store('third').putBytes(bytes);
    const answer = await uploads(query);
    expect(answer.status).toBe(202);
    expect((await put(absolute(answer), body())).status).toBe(201);
  });
});

describe('a registry with little room', () => {
  const limited = (maxBytes: number): Promise<void> => start({ storage: new MemoryRegistry({ maxBytes }) });

  it.each(['POST', 'PUT', 'PATCH'])(
    'answers 507 to a %s that is too much, and keeps nothing of it',
    async (form) => {
      await limited(2_999);
      const location = await open();
      const answer =
        form === 'POST'
          ? await uploads(`?digest=${digest}`, { body: body() })
          : await (form === 'PUT' ? put(location, body()) : patch(location, 0, 3_000));
      expect([answer.status, await errorCodes(answer)]).toEqual([507, ['DENIED']]);
      expect(registry.storage.usedBytes).toBe(0);
      if (form !== 'POST') expect((await fetch(location)).status).toBe(404);
    },
  );

  it('takes what fits exactly, and counts it once in two repositories', async () => {
    await limited(3_000);
    await put(await open(), body());
    expect(registry.storage.usedBytes).toBe(3_000);
    const mounted = await fetch(`${registry.url}/v2/b/blobs/uploads/?mount=${digest}&from=app`, {
      method: 'POST',
    });
    expect([mounted.status, registry.storage.usedBytes]).toEqual([201, 3_000]);
    for (const [repository, used] of [
      ['app', 3_000],
      ['b', 0],
    ] as const) {
      await fetch(`${registry.url}/v2/${repository}/blobs/${digest}`, { method: 'DELETE' });
      expect(registry.storage.usedBytes).toBe(used);
    }
  });

  it('counts a blob once that is pushed twice at once', async () => {
    await limited(10_000);
    const locations = [await open(), await open()];
    const answers = await Promise.all(locations.map((location) => put(location, body())));
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(registry.storage.usedBytes).toBe(3_000);
  });

  it('answers before a large body has come, and then takes the next request on the same connection', async () => {
    await limited(1_000);
    const client = new RawClient(registry.url);
    const path = `/v2/app/blobs/uploads/?digest=${digest}`;
    client.send('POST', path, Buffer.alloc(2_000), 2_000_000);
    await client.until(/ 507 /);
    client.socket.write(Buffer.alloc(1_998_000));
    client.send('GET', '/v2/');
    await client.until(/ 200 /);
    client.close();
  });
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}
