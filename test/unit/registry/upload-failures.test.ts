import { PassThrough, Transform } from 'node:stream';

import { afterEach, describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { bodyOver, rule, type Rule } from '../../support/faults.js';
import { answer, hang, registryError } from '../../support/faults/answers.js';
import { corruptRequest } from '../../support/faults/bodies.js';
import { cutRequest, dropReply } from '../../support/faults/cuts.js';
import { setHeaders } from '../../support/faults/headers.js';
import {
  blobSource,
  closeEverything,
  failureOf,
  openRegistry,
  openRepository,
  requestsOf,
  sourceOver,
  type Settings,
} from './open-repository.js';

afterEach(closeEverything);

async function uploadTo(rules: readonly Rule[], settings: Settings = {}, options = {}) {
  const registry = await openRegistry({ rules, ...options });
  return { registry, ...openRepository(registry.url, settings) };
}

const chunks = { chunkSize: 40_000 };

describe('an upload that breaks off', () => {
  it('starts afresh in a new session, and never writes to the old one again', async () => {
    const source = blobSource(200_000);
    const cut = rule({ method: 'PUT', nth: 1 }, cutRequest({ after: 70_000, by: 'rst' }));
    const { registry, repository, waits } = await uploadTo([cut]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    const requests = requestsOf(registry).filter((line) => line !== 'HEAD 404');
    expect(requests).toEqual(['POST 202', 'PUT 0', 'DELETE 204', 'POST 202', 'PUT 201']);
    const [first, second] = registry.log.filter(({ method }) => method === 'PUT').map(({ url }) => url);
    expect(first).not.toBe(second);
    expect(waits).toEqual([1]);
    expect(source.offsets).toEqual([0, 0]);
    expect(source.streams.every((stream) => stream.destroyed)).toBe(true);
  });

  it('again and again is given up after as many sessions as are allowed', async () => {
    const source = blobSource(1000);
    const { registry, repository, waits } = await uploadTo([rule({ method: 'PUT' }, answer(503))], {
      retries: 3,
    });
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error).toMatchObject({ code: 'E_UNAVAILABLE', side: 'target' });
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(4);
    expect(waits).toEqual([1, 2, 3]);
  });

  it('before it began is not tried more often than its POST was', async () => {
    const source = blobSource(1000);
    const { registry, repository, waits } = await uploadTo([rule({ method: 'POST' }, answer(503))], {
      transport: { retries: 2 },
    });
    expect((await failureOf(repository.put(source.descriptor, source.open))).code).toBe('E_UNAVAILABLE');
    expect(requestsOf(registry)).toEqual(['POST 503', 'POST 503', 'POST 503']);
    expect(waits).toEqual([]);
    expect(source.streams[0]?.destroyed).toBe(true);
  });

  it('for a reason that will not pass is not tried again', async () => {
    const source = blobSource(1000);
    const { registry, repository } = await uploadTo([
      rule({ method: 'PUT' }, registryError(403, 'DENIED', 'quota')),
    ]);
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error).toMatchObject({ code: 'E_DENIED', registryCodes: ['DENIED'] });
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 403', 'DELETE 204', 'HEAD 404']);
  });

  it('with its answer lost is settled by asking for the blob', async () => {
    const source = blobSource(1000);
    const { registry, repository, waits } = await uploadTo([rule({ method: 'PUT' }, dropReply())]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 0', 'DELETE 404', 'HEAD 200']);
    expect(waits).toEqual([]);
  });

  it('with its answer lost starts afresh where the blob cannot be asked for', async () => {
    const source = blobSource(1000);
    const { registry, repository } = await uploadTo([
      rule({ method: 'PUT', nth: 1 }, answer(504)),
      rule({ method: 'HEAD' }, answer(400)),
    ]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'PUT')).toHaveLength(2);
  });
});

describe('a chunk that breaks off', () => {
  it('is sent again into the same session where the registry has what came before, and no more', async () => {
    const source = blobSource(100_000);
    const cut = rule({ method: 'PATCH', nth: 2 }, cutRequest({ after: 0, by: 'rst' }));
    const { registry, repository, waits } = await uploadTo([cut], chunks);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(requestsOf(registry)).toEqual([
      'POST 202',
      'PATCH 202',
      'PATCH 0',
      'GET 204',
      'PATCH 202',
      'PATCH 202',
      'PUT 201',
    ]);
    expect(source.offsets).toEqual([0, 40_000]);
    expect(waits).toEqual([1]);
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
  });

  it('is not sent again where only its answer was lost', async () => {
    const source = blobSource(100_000);
    const cut = rule({ method: 'PATCH', nth: 2 }, dropReply());
    const { registry, repository } = await uploadTo([cut], chunks, { uploadState: true });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(source.offsets).toEqual([0]);
  }, 5000);

  it('in the middle goes on there: its beginning is read and hashed again, and not sent', async () => {
    const source = blobSource(100_000);
    const cut = rule({ method: 'PATCH', nth: 2 }, cutRequest({ after: 10_000, by: 'fin' }));
    const { registry, repository } = await uploadTo([cut], chunks);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    const ranges = registry.log.map(({ headers }) => headers['content-range']).filter(Boolean);
    expect(ranges).toEqual(['0-39999', '40000-79999', '50000-79999', '80000-99999']);
    expect(source.offsets).toEqual([0, 40_000]);
  });

  it('in the middle starts the blob afresh where the registry has rules for the size of chunks', async () => {
    const source = blobSource(100_000);
    const cut = rule({ method: 'PATCH', nth: 2 }, cutRequest({ after: 10_000, by: 'fin' }));
    const sized = rule({ method: 'POST' }, setHeaders({ 'oci-chunk-min-length': '30000' }));
    const { registry, repository } = await uploadTo([cut, sized], chunks);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it.each(['0-0', '0--1', '0-40000', '0-99999', 'nonsense'])(
    'starts the blob afresh where the registry tells %s',
    async (range) => {
      const source = blobSource(100_000);
      const rules = [
        rule({ method: 'PATCH', nth: 2 }, cutRequest({ after: 0, by: 'rst' })),
        rule({ method: 'GET' }, setHeaders({ range })),
      ];
      const { registry, repository } = await uploadTo(rules, chunks);
      expect(await repository.put(source.descriptor, source.open)).toBe('copied');
      expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(2);
    },
  );

  it.each([
    [404, 'BLOB_UPLOAD_UNKNOWN'],
    [404, 'BLOB_UPLOAD_INVALID'],
    [400, 'BLOB_UPLOAD_UNKNOWN'],
    [416, 'BLOB_UPLOAD_INVALID'],
  ])('with its session lost (%i %s) goes into a new one, without a word to the old', async (status, code) => {
    const source = blobSource(100_000);
    const { registry, repository } = await uploadTo(
      [rule({ method: 'PATCH', nth: 2 }, registryError(status, code))],
      chunks,
    );
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(requestsOf(registry)).toEqual([
      'POST 202',
      'PATCH 202',
      `PATCH ${status}`,
      'DELETE 204',
      'POST 202',
      'PATCH 202',
      'PATCH 202',
      'PATCH 202',
      'PUT 201',
    ]);
  });

  it('with a 404 that says nothing goes into a new session', async () => {
    const source = blobSource(100_000);
    const { repository, waits } = await uploadTo([rule({ method: 'PATCH', nth: 2 }, answer(404))], chunks);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(waits).toEqual([1]);
  });

  it('at a wrong offset goes on at the one that the registry confirms', async () => {
    const source = blobSource(100_000);
    const refused = rule({ method: 'PATCH', nth: 2 }, registryError(416, 'RANGE_INVALID'));
    const { registry, repository } = await uploadTo([refused], chunks, { uploadState: true });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(source.offsets).toEqual([0, 40_000]);
  });

  it.each([404, 416])('with %i in every session goes another way', async (status) => {
    const source = blobSource(100_000);
    const refused = rule({ method: 'PATCH', nth: 2, times: 99 }, answer(status));
    const { registry, repository } = await uploadTo([refused], { ...chunks, retries: 2 });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(3);
    expect(registry.log.at(-1)).toMatchObject({ method: 'PUT', status: 201, bytesIn: 100_000 });
  });

  it('with 416 in every session is given up where there is no other way', async () => {
    const source = blobSource(100_000);
    const refused = rule({ method: 'PATCH', nth: 2, times: 99 }, registryError(416, 'RANGE_INVALID'));
    const whole = rule({ method: ['PUT', 'PATCH'], when: bodyOver(50_000) }, answer(405));
    const { repository } = await uploadTo([refused, whole], { ...chunks, retries: 2 });
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error.code).toMatch(/^E_(REFUSED|UNSUPPORTED)$/);
    expect(refused.hits).toBeLessThanOrEqual(6);
  });
});

describe('a line that keeps breaking', () => {
  const MiB = 1024 * 1024;

  it('does not use up the repeats as long as chunks of 1 MiB or more arrive in between', async () => {
    const source = blobSource(6 * MiB);
    let count = 0;
    const everySecond = (): boolean => (count += 1) % 2 === 0;
    const cut = rule({ method: 'PATCH', when: everySecond }, cutRequest({ after: 0, by: 'rst' }));
    const { registry, repository, waits } = await uploadTo([cut], { chunkSize: 1.5 * MiB, retries: 1 });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(waits).toEqual([1, 1, 1]);
    expect(source.offsets).toEqual([0, 1.5 * MiB, 3 * MiB, 4.5 * MiB]);
  });

  it('uses them up where nothing moves', async () => {
    const source = blobSource(100_000);
    const cut = rule({ method: 'PATCH', nth: 2, times: 99 }, cutRequest({ after: 0, by: 'rst' }));
    const { repository, waits } = await uploadTo([cut], { ...chunks, retries: 2 });
    expect((await failureOf(repository.put(source.descriptor, source.open))).code).toBe('E_CUT');
    expect(waits.length).toBeLessThanOrEqual(6);
  });

  it('makes a large blob go in chunks, which can be taken up again', async () => {
    const source = blobSource(20 * MiB);
    const cut = rule({ method: 'PUT', nth: 1, times: 2 }, cutRequest({ after: MiB, by: 'rst' }));
    const { registry, repository } = await uploadTo([cut]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    const bodies = registry.log
      .filter(({ method }) => method === 'PUT' || method === 'PATCH')
      .map(({ method, headers }) => `${method} ${headers['content-length'] ?? '?'}`);
    expect(bodies).toEqual([
      `PUT ${20 * MiB}`,
      `PUT ${20 * MiB}`,
      `PATCH ${16 * MiB}`,
      `PATCH ${4 * MiB}`,
      'PUT 0',
    ]);
  });
});

describe('bytes that the registry says are wrong', () => {
  it.each([
    [400, 'DIGEST_INVALID'],
    [400, 'SIZE_INVALID'],
  ])('(%i %s) though they were right here are sent once more', async (status, code) => {
    const source = blobSource(1000);
    const { registry, repository, waits } = await uploadTo([
      rule({ method: 'PUT', nth: 1 }, registryError(status, code)),
    ]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.log.filter(({ method }) => method === 'PUT')).toHaveLength(2);
    expect(waits).toEqual([1]);
    expect(source.offsets).toEqual([0, 0]);
  });

  it('because they were changed on the way are sent once more', async () => {
    const source = blobSource(1000);
    const { registry, repository } = await uploadTo([
      rule({ method: 'PUT', nth: 1 }, corruptRequest({ at: 500 })),
    ]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
  });

  it('are not sent a fourth time', async () => {
    const source = blobSource(1000);
    const refused = rule({ method: 'PUT' }, registryError(400, 'DIGEST_INVALID'));
    const { repository } = await uploadTo([refused]);
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error).toMatchObject({ code: 'E_REFUSED', registryCodes: ['DIGEST_INVALID'] });
    expect(refused.hits).toBe(3);
  });
});

describe('a source', () => {
  it.each([undefined, 40_000])('that is corrupt never completes a blob (chunks: %s)', async (chunkSize) => {
    const source = blobSource(100_000, (stream) => stream.pipe(flipped(99_000)));
    const { registry, repository, waits } = await uploadTo([], { chunkSize });
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH', digest: source.descriptor.digest });
    expect(registry.log.some(({ method, status }) => method === 'PUT' && status !== 0)).toBe(false);
    expect(registry.store('app').blob(source.descriptor.digest)).toBeUndefined();
    expect(registry.log.at(-1)?.method).toBe('DELETE');
    expect([source.offsets, waits]).toEqual([[0], []]);
  });

  it.each([
    ['a byte short', -1],
    ['a byte long', 1],
  ])('that is %s never completes a blob', async (_what, difference) => {
    const { bytes } = blobSource(100_000);
    const wrong = sourceOver(Buffer.concat([bytes, Buffer.from('x')]).subarray(0, bytes.length + difference));
    const { registry, repository } = await uploadTo([]);
    const { descriptor } = blobSource(100_000);
    expect((await failureOf(repository.put(descriptor, wrong.open))).code).toBe('E_SIZE_MISMATCH');
    expect(registry.store('app').blob(descriptor.digest)).toBeUndefined();
    expect(registry.log.some(({ method, status }) => method === 'PUT' && status === 201)).toBe(false);
  });

  it('that should be empty and is not never completes a blob', async () => {
    const empty = sourceOver(Buffer.alloc(0));
    const { open } = sourceOver(Buffer.from('x'));
    const { registry, repository } = await uploadTo([]);
    expect((await failureOf(repository.put(empty.descriptor, open))).code).toBe('E_SIZE_MISMATCH');
    expect(requestsOf(registry)).toEqual(['POST 202', 'DELETE 204']);
  });

  it('that breaks off is not asked again by the upload, however its error looks', async () => {
    const broken = new RegferryError('E_CUT', 'the source broke off', { retryable: true });
    const source = blobSource(200_000, (stream) => stream.pipe(failingAfter(100_000, broken)));
    const { registry, repository, waits } = await uploadTo([]);
    expect(await failureOf(repository.put(source.descriptor, source.open))).toBe(broken);
    expect(registry.log.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect([source.offsets, waits]).toEqual([[0], []]);
  });

  it('that cannot be opened costs the session and nothing else', async () => {
    const { descriptor } = blobSource(1000);
    const missing = new RegferryError('E_NOT_FOUND', 'no such blob', { status: 404, side: 'source' });
    const { registry, repository } = await uploadTo([]);
    expect(await failureOf(repository.put(descriptor, () => Promise.reject(missing)))).toBe(missing);
    expect(requestsOf(registry)).toEqual(['POST 202', 'DELETE 204']);
  });

  it('that cannot be opened again for a retry ends the upload with its own error', async () => {
    const source = blobSource(200_000);
    const gone = new RegferryError('E_NOT_FOUND', 'gone meanwhile', { side: 'source' });
    let opened = 0;
    const open: typeof source.open = (options) => {
      opened += 1;
      return opened === 1 ? source.open(options) : Promise.reject(gone);
    };
    const { repository } = await uploadTo([rule({ method: 'PUT', nth: 1 }, answer(503))]);
    expect(await failureOf(repository.put(source.descriptor, open))).toBe(gone);
  });
});

describe('an abandoned upload', () => {
  const stop = new RegferryError('E_ABORTED', 'stop');

  it.each([undefined, 40_000])('is cancelled at the registry (chunks: %s)', async (chunkSize) => {
    const source = blobSource(100_000);
    const control = new AbortController();
    const { registry, repository } = await uploadTo([rule({ method: ['PUT', 'PATCH'] }, hang())], {
      chunkSize,
    });
    const failed = failureOf(repository.put(source.descriptor, source.open, { signal: control.signal }));
    await expect.poll(() => registry.log.length).toBe(2);
    control.abort(stop);
    expect(await failed).toBe(stop);
    expect(registry.log.at(-1)).toMatchObject({ method: 'DELETE', status: 204 });
    expect(source.streams.every((stream) => stream.destroyed)).toBe(true);
  });

  it('does not wait for a source that gives nothing', async () => {
    const { descriptor } = blobSource(100_000);
    const silent = new PassThrough();
    const control = new AbortController();
    const { repository } = await uploadTo([]);
    const failed = failureOf(
      repository.put(descriptor, () => Promise.resolve(silent), { signal: control.signal }),
    );
    await expect.poll(() => silent.listenerCount('readable')).toBeGreaterThan(0);
    control.abort(stop);
    expect((await failed).code).toBe('E_ABORTED');
    expect(silent.destroyed).toBe(true);
  });

  it('during its wait for another try stops waiting', async () => {
    const source = blobSource(1000);
    const control = new AbortController();
    const rules = [rule({ method: 'PUT' }, answer(503))];
    const { registry, repository } = await uploadTo(rules);
    const failing = repository.put(source.descriptor, source.open, {
      signal: control.signal,
      onProgress: () => setImmediate(() => control.abort(stop)),
    });
    expect((await failureOf(failing)).code).toBe('E_ABORTED');
    expect(registry.log.filter(({ method }) => method === 'POST').length).toBeLessThanOrEqual(2);
  });
});

/** Turns over one bit. */
function flipped(at: number): Transform {
  let position = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const bytes = Buffer.from(chunk);
      const byte = bytes[at - position];
      if (byte !== undefined) bytes[at - position] = byte ^ 1;
      position += bytes.length;
      done(null, bytes);
    },
  });
}

function failingAfter(bytes: number, error: Error): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      if (left < 0) done(error);
      else done(null, chunk);
    },
  });
}
