import { describe, expect, it } from 'vitest';

import { UploadMemory } from '../../../src/registry/upload-ways.js';

const MiB = 1024 * 1024;
const put = { kind: 'put' };
const patch = { kind: 'patch' };
const chunks = (bytes: number) => ({ kind: 'chunks', bytes });

describe('the way of an upload that nothing is known about', () => {
  it.each([
    [0, undefined, put],
    [1, undefined, put],
    [96 * MiB, undefined, put],
    [96 * MiB + 1, undefined, chunks(64 * MiB)],
    [5_000 * MiB, 'off' as const, put],
    [10 * MiB, 10 * MiB, put],
    [10 * MiB + 1, 10 * MiB, chunks(10 * MiB)],
    [200 * MiB, 128 * MiB, chunks(128 * MiB)],
    [0, 1, put],
  ])('of %i bytes with a chunk size of %s', (size, chunkSize, way) => {
    expect(new UploadMemory({}).choose(size, chunkSize)).toEqual(way);
  });
});

describe('the way of an upload at a known host', () => {
  it('is one PUT whatever the size where a host wants that', () => {
    const memory = new UploadMemory({ singlePut: true });
    expect(memory.choose(5_000 * MiB, undefined)).toEqual(put);
    expect(memory.choose(50 * MiB, 8 * MiB)).toEqual(chunks(8 * MiB));
  });

  it('keeps chunks within what a PATCH may hold', () => {
    const memory = new UploadMemory({ singlePut: true, patchBytes: 4 * MiB });
    expect(memory.choose(50 * MiB, 8 * MiB)).toEqual(chunks(4 * MiB));
    expect(memory.after({ kind: 'put' }, 405, 50 * MiB)).toEqual(chunks(4 * MiB));
    expect(memory.choose(4 * MiB, undefined)).toEqual(patch);
  });

  it('keeps chunks above what a part must hold', () => {
    const memory = new UploadMemory({ chunkMinimum: 5 * MiB });
    expect(memory.choose(50 * MiB, MiB)).toEqual(chunks(5 * MiB));
    expect(memory.after(memory.choose(50 * MiB, 8 * MiB), 413, 50 * MiB)).toBeUndefined();
  });
});

describe('a refused way', () => {
  it.each([404, 405, 411, 415, 416, 501])('%i goes down the ladder from PUT to PATCH to chunks', (status) => {
    const memory = new UploadMemory({});
    expect(memory.after({ kind: 'put' }, status, MiB)).toEqual(patch);
    expect(memory.after({ kind: 'patch' }, status, MiB)).toEqual(chunks(16 * MiB));
    expect(memory.after({ kind: 'chunks', bytes: 16 * MiB }, status, MiB, true)).toBeUndefined();
  });

  it.each([405, 411, 415, 501])('%i goes from chunks to the ways that were not tried', (status) => {
    const memory = new UploadMemory({});
    const large = memory.choose(200 * MiB, undefined);
    expect(large).toEqual(chunks(64 * MiB));
    expect(memory.after({ kind: 'chunks', bytes: 64 * MiB }, status, 200 * MiB)).toEqual(put);
    expect(memory.choose(200 * MiB, undefined)).toEqual(put);
    expect(memory.after({ kind: 'put' }, status, 200 * MiB)).toEqual(patch);
    expect(memory.after({ kind: 'patch' }, status, 200 * MiB)).toBeUndefined();
  });

  it.each([404, 416])('%i to a chunk is about the session, unless it comes again', (status) => {
    const memory = new UploadMemory({});
    expect(memory.after({ kind: 'chunks', bytes: 64 * MiB }, status, 200 * MiB)).toBeUndefined();
    expect(memory.choose(200 * MiB, undefined)).toEqual(chunks(64 * MiB));
    expect(memory.after({ kind: 'chunks', bytes: 64 * MiB }, status, 200 * MiB, true)).toEqual(put);
  });

  it('of chunks leaves no way to what is too large for one body', () => {
    const memory = new UploadMemory({});
    memory.after({ kind: 'chunks', bytes: 64 * MiB }, 405, 200 * MiB);
    expect(memory.after({ kind: 'put' }, 413, 200 * MiB)).toBeUndefined();
  });

  it.each([undefined, 400, 401, 403, 429, 500, 503])('%s is no reason for another way', (status) => {
    const memory = new UploadMemory({});
    expect(memory.after({ kind: 'put' }, status, MiB)).toBeUndefined();
    expect(memory.choose(MiB, undefined)).toEqual(put);
  });

  it('is not tried again for the next blob', () => {
    const memory = new UploadMemory({});
    memory.after({ kind: 'put' }, 405, MiB);
    expect(memory.choose(2 * MiB, undefined)).toEqual(patch);
    memory.after({ kind: 'patch' }, 405, MiB);
    expect(memory.choose(2 * MiB, undefined)).toEqual(chunks(16 * MiB));
    expect(memory.choose(200 * MiB, 'off')).toEqual(chunks(16 * MiB));
  });

  it('says nothing about a blob of no bytes, which has only one way', () => {
    const memory = new UploadMemory({});
    expect(memory.after({ kind: 'put' }, 405, 0)).toBeUndefined();
    memory.after({ kind: 'put' }, 405, MiB);
    expect(memory.choose(0, undefined)).toEqual(put);
  });

  it('413 halves the chunks until they are 4 MiB', () => {
    const memory = new UploadMemory({});
    const sizes: unknown[] = [];
    for (let way = memory.choose(90 * MiB, undefined); ;) {
      const next = memory.after(way, 413, 90 * MiB);
      if (next === undefined) break;
      sizes.push(next);
      way = next;
    }
    expect(sizes).toEqual([64, 32, 16, 8, 4].map((size) => chunks(size * MiB)));
  });

  it('413 starts below what was refused', () => {
    expect(new UploadMemory({}).after({ kind: 'put' }, 413, 20 * MiB)).toEqual(chunks(16 * MiB));
    expect(new UploadMemory({}).after({ kind: 'put' }, 413, 16 * MiB)).toEqual(chunks(8 * MiB));
    expect(new UploadMemory({}).after({ kind: 'put' }, 413, 4 * MiB)).toBeUndefined();
    expect(new UploadMemory({}).after({ kind: 'chunks', bytes: 100 * MiB }, 413, 200 * MiB)).toEqual(
      chunks(64 * MiB),
    );
  });

  it('413 limits every later body to this host', () => {
    const memory = new UploadMemory({});
    memory.after({ kind: 'put' }, 413, 20 * MiB);
    expect(memory.choose(16 * MiB, undefined)).toEqual(put);
    expect(memory.choose(17 * MiB, 'off')).toEqual(chunks(16 * MiB));
    expect(memory.choose(500 * MiB, undefined)).toEqual(chunks(16 * MiB));
    expect(memory.after({ kind: 'put' }, 405, 17 * MiB)).toEqual(chunks(16 * MiB));
  });
});

describe('a large body that breaks off again and again', () => {
  const put = { kind: 'put' } as const;

  it('goes in chunks', () => {
    expect(new UploadMemory({}).inPieces(put, 17 * MiB, undefined)).toEqual(chunks(16 * MiB));
    expect(new UploadMemory({ patchBytes: 4 * MiB }).inPieces(put, 17 * MiB, undefined)).toEqual(
      chunks(4 * MiB),
    );
  });

  it('stays as it is where it is small, in chunks already, or wanted in one', () => {
    expect(new UploadMemory({}).inPieces(put, 16 * MiB, undefined)).toBe(put);
    expect(new UploadMemory({}).inPieces(put, 17 * MiB, 'off')).toBe(put);
    expect(new UploadMemory({ singlePut: true }).inPieces(put, 17 * MiB, undefined)).toBe(put);
    const way = { kind: 'chunks', bytes: 64 * MiB } as const;
    expect(new UploadMemory({}).inPieces(way, 100 * MiB, undefined)).toBe(way);
  });
});
