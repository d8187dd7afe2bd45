import { afterEach, describe, expect, it } from 'vitest';

import { blob } from '../../support/fixtures.js';
import { bodyOver, rule, type Rule } from '../../support/faults.js';
import { answer, before, redirect, registryError } from '../../support/faults/answers.js';
import { changeHeaders, setHeaders } from '../../support/faults/headers.js';
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

const MiB = 1024 * 1024;

async function uploadTo(rules: readonly Rule[], settings: Settings = {}, options = {}) {
  const registry = await openRegistry({ rules, ...options });
  const opened = openRepository(registry.url, settings);
  const bodies = (): string[] =>
    registry.log
      .filter(({ method }) => method === 'PUT' || method === 'PATCH')
      .map(({ method, headers, status }) => {
        const { 'content-length': length, 'content-range': range } = headers;
        return `${method} ${length ?? '?'}${range === undefined ? '' : ` at ${range}`} ${status}`;
      });
  return { registry, ...opened, bodies };
}

describe('an upload', () => {
  it('costs one POST and one PUT, without Content-Range', async () => {
    const source = blobSource(200_000);
    const { registry, repository, bodies } = await uploadTo([]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 201']);
    expect(bodies()).toEqual(['PUT 200000 201']);
    expect(registry.log[1]?.headers['content-type']).toBe('application/octet-stream');
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
    expect(source.offsets).toEqual([0]);
  });

  it('opens the source while the POST is still under way', async () => {
    const source = blobSource(1000);
    const opened = expect.poll(() => source.offsets.length).toBe(1);
    const { repository } = await uploadTo([
      rule(
        { method: 'POST' },
        before(() => opened),
      ),
    ]);
    await repository.put(source.descriptor, source.open);
  });

  it('of no bytes is a PUT of none, after a look at the source', async () => {
    const source = sourceOver(Buffer.alloc(0));
    const { registry, repository, bodies } = await uploadTo([]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(bodies()).toEqual(['PUT 0 201']);
    expect(source.offsets).toEqual([0]);
    expect(await registry.store('app').has(source.descriptor)).toBe(true);
  });

  it('tells how far it has come', async () => {
    const source = blobSource(200_000);
    const { repository } = await uploadTo([]);
    const seen: number[] = [];
    await repository.put(source.descriptor, source.open, { onProgress: (bytes) => seen.push(bytes) });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect([new Set(seen).size, seen.at(-1)]).toEqual([seen.length, 200_000]);
  });

  it('by mount moves no byte and leaves the source alone', async () => {
    const source = blobSource(1000);
    const { registry, repository } = await uploadTo([]);
    registry.store('other').putBytes(source.bytes);
    expect(await repository.put(source.descriptor, source.open, { mountFrom: 'other' })).toBe('mounted');
    expect(requestsOf(registry)).toEqual(['POST 201']);
    expect(source.offsets).toEqual([]);
  });

  it('after a refused mount uses its session', async () => {
    const source = blobSource(1000);
    const { registry, repository } = await uploadTo([]);
    expect(await repository.put(source.descriptor, source.open, { mountFrom: 'other' })).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 201']);
  });

  it('that is asked for a login in the middle reads the source again and goes on in its session', async () => {
    const source = blobSource(200_000);
    const login = rule(
      { method: 'PUT', when: ({ headers }) => headers.authorization === undefined },
      answer(401, { headers: { 'www-authenticate': 'Basic realm="x"' } }),
    );
    const { registry, repository } = await uploadTo([login], { login: 'mia:secret' });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 401', 'PUT 201']);
    expect(source.offsets).toEqual([0, 0]);
    expect(source.streams.every((stream) => stream.destroyed)).toBe(true);
  });
});

describe('an upload in chunks', () => {
  it('is PATCHes of that size and an empty PUT', async () => {
    const source = blobSource(100_000);
    const { registry, repository, bodies } = await uploadTo([], { chunkSize: 40_000 }, { uploadState: true });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual([
      'PATCH 40000 at 0-39999 202',
      'PATCH 40000 at 40000-79999 202',
      'PATCH 20000 at 80000-99999 202',
      'PUT 0 201',
    ]);
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
    expect(source.offsets).toEqual([0]);
  });

  it('is none where the blob is no larger than one', async () => {
    const source = blobSource(40_000);
    const { repository, bodies } = await uploadTo([], { chunkSize: 40_000 });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PUT 40000 201']);
  });

  it('keeps to the smallest chunk that the registry takes', async () => {
    const source = blobSource(100_000);
    const { repository, bodies } = await uploadTo([], { chunkSize: 10_000 }, { chunkMinLength: 60_000 });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PATCH 60000 at 0-59999 202', 'PATCH 40000 at 60000-99999 202', 'PUT 0 201']);
  });

  it('is one chunk where the smallest that the registry takes is larger than the blob', async () => {
    const source = blobSource(100_000);
    const { repository, bodies } = await uploadTo([], { chunkSize: 10_000 }, { chunkMinLength: 200_000 });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PATCH 100000 at 0-99999 202', 'PUT 0 201']);
  });

  it('is none where the smallest that the registry takes is out of all reason', async () => {
    const source = blobSource(100_000);
    const huge = setHeaders({ 'oci-chunk-min-length': '99999999999' });
    const { repository, bodies } = await uploadTo([rule({ method: 'POST' }, huge)], { chunkSize: 10_000 });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PUT 100000 201']);
  });

  it('keeps to the largest body that the registry takes, also where none were asked for', async () => {
    const source = blobSource(100_000);
    const limit = setHeaders({ 'oci-chunk-max-length': '60000' });
    const { repository, bodies } = await uploadTo([rule({ method: 'POST' }, limit)]);
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PATCH 60000 at 0-59999 202', 'PATCH 40000 at 60000-99999 202', 'PUT 0 201']);
  });

  it('is not cut into requests without end where the largest is out of all reason', async () => {
    const source = blobSource(100_000);
    const tiny = setHeaders({ 'oci-chunk-max-length': '1' });
    const { repository, bodies } = await uploadTo([rule({ method: 'POST' }, tiny)]);
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual(['PUT 100000 201']);
  });

  it("that is redirected is read again from the chunk's start", async () => {
    const source = blobSource(100_000);
    const elsewhere = redirect(({ url }) => `${url ?? ''}?moved`);
    const match = { method: 'PATCH', when: ({ url = '' }) => !url.endsWith('moved') };
    const { registry, repository } = await uploadTo([rule(match, elsewhere)], { chunkSize: 60_000 });
    await repository.put(source.descriptor, source.open);
    expect(requestsOf(registry)).toEqual([
      'POST 202',
      'PATCH 307',
      'PATCH 202',
      'PATCH 307',
      'PATCH 202',
      'PUT 201',
    ]);
    expect(source.offsets).toEqual([0, 0, 60_000]);
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
  });
});

describe('a refused way to upload', () => {
  it('leads to one streamed PATCH, which later blobs start with', async () => {
    const [first, second] = [blobSource(100_000), blobSource(50_000)];
    const noPut = rule({ method: 'PUT', when: bodyOver(0) }, registryError(405, 'UNSUPPORTED'));
    const { repository, bodies } = await uploadTo([noPut]);
    expect(await repository.put(first.descriptor, first.open)).toBe('copied');
    expect(await repository.put(second.descriptor, second.open)).toBe('copied');
    expect(bodies()).toEqual([
      'PUT 100000 405',
      'PATCH 100000 202',
      'PUT 0 201',
      'PATCH 50000 202',
      'PUT 0 201',
    ]);
    expect(first.offsets).toEqual([0, 0]);
  });

  it('leads to chunks where a stream is refused too', async () => {
    const [first, second] = [blobSource(100_000), blobSource(50_000)];
    const noPut = rule({ method: 'PUT', when: bodyOver(0) }, registryError(405, 'UNSUPPORTED'));
    const noStream = rule(
      { method: 'PATCH', when: ({ headers }) => headers['content-range'] === undefined },
      answer(416),
    );
    const { repository, bodies } = await uploadTo([noPut, noStream]);
    await repository.put(first.descriptor, first.open);
    await repository.put(second.descriptor, second.open);
    // a chunk of 16 MiB is more than these blobs have, and must not turn into a PUT again
    expect(bodies()).toEqual([
      'PUT 100000 405',
      'PATCH 100000 416',
      'PATCH 100000 at 0-99999 202',
      'PUT 0 201',
      'PATCH 50000 at 0-49999 202',
      'PUT 0 201',
    ]);
  });

  it('by size leads to smaller chunks, which later blobs start with', async () => {
    const [first, second] = [blobSource(20 * MiB), blobSource(9 * MiB)];
    const html = { headers: { 'content-type': 'text/html' }, body: '<title>413 Too Large</title>' };
    const limit = rule({ when: bodyOver(10 * MiB) }, answer(413, html));
    const { repository, bodies } = await uploadTo([limit]);
    await repository.put(first.descriptor, first.open);
    await repository.put(second.descriptor, second.open);
    expect(bodies()).toEqual([
      `PUT ${20 * MiB} 413`,
      `PATCH ${16 * MiB} at 0-${16 * MiB - 1} 413`,
      `PATCH ${8 * MiB} at 0-${8 * MiB - 1} 202`,
      `PATCH ${8 * MiB} at ${8 * MiB}-${16 * MiB - 1} 202`,
      `PATCH ${4 * MiB} at ${16 * MiB}-${20 * MiB - 1} 202`,
      'PUT 0 201',
      `PATCH ${8 * MiB} at 0-${8 * MiB - 1} 202`,
      `PATCH ${MiB} at ${8 * MiB}-${9 * MiB - 1} 202`,
      'PUT 0 201',
    ]);
  });

  it('by size, before the body was read, is understood as well', async () => {
    const source = blobSource(6 * MiB);
    const limit = rule({ when: bodyOver(5 * MiB) }, answer(413, { early: true, body: 'too large' }));
    const { repository } = await uploadTo([limit]);
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
  });

  it('by size down to 4 MiB ends with a word about what stands in front', async () => {
    const source = blobSource(9 * MiB);
    const limit = rule({ when: bodyOver(MiB) }, answer(413));
    const { repository, bodies } = await uploadTo([limit]);
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error).toMatchObject({ code: 'E_LIMIT', status: 413, side: 'target' });
    expect(error.message).toContain('limits request bodies');
    expect(bodies()).toHaveLength(3);
  });

  it('of a small blob by size hints at smaller chunks', async () => {
    const source = blobSource(2 * MiB);
    const { repository } = await uploadTo([rule({ when: bodyOver(MiB) }, answer(413))]);
    const error = await failureOf(repository.put(source.descriptor, source.open));
    expect(error.hint).toEqual({ code: 'smaller-chunks' });
  });

  it('leaves no session behind', async () => {
    const source = blobSource(100_000);
    const noPut = rule({ method: 'PUT', when: bodyOver(0) }, registryError(405, 'UNSUPPORTED'));
    const { registry, repository } = await uploadTo([noPut]);
    await repository.put(source.descriptor, source.open);
    expect(requestsOf(registry)).toEqual([
      'POST 202',
      'PUT 405',
      'DELETE 204',
      'POST 202',
      'PATCH 202',
      'PUT 201',
    ]);
  });
});

describe('a registry with quirks', () => {
  it('like GHCR gets no PATCH over 4 MiB', async () => {
    const source = blobSource(9 * MiB);
    const limit = rule({ method: 'PATCH', when: bodyOver(4 * MiB) }, registryError(416, 'UNKNOWN'));
    const { repository, bodies } = await uploadTo([limit], { registry: 'ghcr.io', chunkSize: 8 * MiB });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(bodies().map((line) => line.split(' ')[1])).toEqual([`${4 * MiB}`, `${4 * MiB}`, `${MiB}`, '0']);
    expect(limit.hits).toBe(0);
  });

  it('like Amazon ECR gets parts of 5 MiB and the last one in the PUT', async () => {
    const source = blobSource(11 * MiB);
    const rules = [
      rule({ method: 'PUT', when: (request) => !bodyOver(0)(request) }, answer(500)),
      rule({ method: 'PATCH', nth: 2, times: 9 }, setHeaders({ range: `0-${5 * MiB - 1}` })),
      rule({ method: 'PATCH' }, created()),
    ];
    const { repository, bodies, registry } = await uploadTo(rules, {
      registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
      chunkSize: MiB,
    });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
    expect(bodies()).toEqual([
      `PATCH ${5 * MiB} at 0-${5 * MiB - 1} 201`,
      `PATCH ${5 * MiB} at ${5 * MiB}-${10 * MiB - 1} 201`,
      `PUT ${MiB} at ${10 * MiB}-${11 * MiB - 1} 201`,
    ]);
    expect(registry.store('app').blob(source.descriptor.digest)?.equals(source.bytes)).toBe(true);
  });

  it('like Amazon ECR gets a full last part in the PUT where the chunks come out even', async () => {
    const source = blobSource(10 * MiB);
    const { repository, bodies } = await uploadTo([], {
      registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
      chunkSize: 5 * MiB,
    });
    await repository.put(source.descriptor, source.open);
    expect(bodies()).toEqual([
      `PATCH ${5 * MiB} at 0-${5 * MiB - 1} 202`,
      `PUT ${5 * MiB} at ${5 * MiB}-${10 * MiB - 1} 201`,
    ]);
  });

  it('like Quay may tell odd ranges', async () => {
    const source = blobSource(100_000);
    const odd = changeHeaders((headers) => ({ ...headers, range: '0--1' }));
    const { repository } = await uploadTo([rule({ method: 'PATCH' }, odd)], { chunkSize: 40_000 });
    expect(await repository.put(source.descriptor, source.open)).toBe('copied');
  });
});

/** ECR answers a chunk with 201. */
function created() {
  return changeStatus(201);
}

function changeStatus(status: number): ReturnType<typeof setHeaders> {
  return (next) => (request, response) => {
    const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => typeof response;
    Object.assign(response, { writeHead: (_: number, ...rest: unknown[]) => writeHead(status, ...rest) });
    next(request, response);
  };
}

it('keeps blobs of one upload apart from those of another', async () => {
  const sources = [1, 2, 3, 4].map((seed) => sourceOver(blob(150_000, seed)));
  const { registry, repository } = await uploadTo([], { chunkSize: 40_000 }, { uploadState: true });
  await Promise.all(sources.map(({ descriptor, open }) => repository.put(descriptor, open)));
  for (const { descriptor, bytes } of sources) {
    expect(registry.store('app').blob(descriptor.digest)?.equals(bytes)).toBe(true);
  }
});

describe('a mount from the repository itself', () => {
  async function mountingOwn(rules: readonly Rule[], size = 1000, held = false) {
    const source = blobSource(size);
    const opened = await uploadTo(rules);
    if (held) opened.registry.store('app').putBytes(source.bytes);
    const put = () => opened.repository.put(source.descriptor, source.open, { mountFrom: 'app' });
    return { ...opened, source, put };
  }

  it('finds a blob that is there, which is asked for all the same', async () => {
    const { registry, put } = await mountingOwn([], 1000, true);
    expect(await put()).toBe('present');
    expect(requestsOf(registry)).toEqual(['POST 201', 'HEAD 200']);
  });

  it('opens the upload of a blob that is not there', async () => {
    const { registry, put } = await mountingOwn([]);
    expect(await put()).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 202', 'PUT 201']);
  });

  it('reads a small blob meanwhile, and a larger one only if it is needed', async () => {
    for (const [size, opened] of [
      [64 * 1024, [0]],
      [64 * 1024 + 1, []],
    ] as const) {
      const { source, put } = await mountingOwn([], size, true);
      await put();
      expect(source.offsets).toEqual(opened);
    }
  });

  it('that a registry makes up is not believed after one that was true either', async () => {
    const { registry, repository, source, put } = await mountingOwn(
      [rule({ path: /mount=/ }, answer(201))],
      1000,
      true,
    );
    const missing = blobSource(2000);
    expect(await put()).toBe('present');
    expect(await repository.put(missing.descriptor, missing.open, { mountFrom: 'app' })).toBe('copied');
    const { digest } = missing.descriptor;
    expect(registry.store('app').blob(digest)?.equals(missing.bytes)).toBe(true);
    expect(source.streams.every((stream) => stream.destroyed)).toBe(true);
  });

  it('that a registry makes up is not believed, now or later', async () => {
    const { registry, repository, put } = await mountingOwn([rule({ path: /mount=/ }, answer(201))]);
    expect(repository.mountsOwn).toBe(true);
    expect(await put()).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 201', 'HEAD 404', 'POST 202', 'PUT 201']);
    expect(repository.mountsOwn).toBe(false);
    // nor is one from another repository
    const other = blobSource(3000);
    expect(await repository.put(other.descriptor, other.open, { mountFrom: 'other' })).toBe('copied');
    expect(registry.store('app').blob(other.descriptor.digest)?.equals(other.bytes)).toBe(true);
    expect(requestsOf(registry).slice(4)).toEqual(['POST 201', 'HEAD 404', 'POST 202', 'PUT 201']);
  });

  it.each([405, 500, 503])(
    'that is answered %i becomes a plain upload, and is not wanted again',
    async (status) => {
      const refusal = rule({ path: /mount=/ }, registryError(status, 'UNSUPPORTED'));
      const { registry, repository, put } = await mountingOwn([refusal]);
      expect(await put()).toBe('copied');
      expect(requestsOf(registry)).toEqual([`POST ${status}`, 'POST 202', 'PUT 201']);
      expect(repository.mountsOwn).toBe(false);
    },
  );

  it('that comes too often becomes a plain upload, and is wanted again', async () => {
    const tooMany = rule({ path: /mount=/, nth: 1, times: 1 }, registryError(429, 'TOOMANYREQUESTS'));
    const { registry, repository, put } = await mountingOwn([tooMany]);
    expect(await put()).toBe('copied');
    expect(requestsOf(registry)).toEqual(['POST 429', 'POST 202', 'PUT 201']);
    expect(repository.mountsOwn).toBe(true);
  });
});
