import { describe, expect, it } from 'vitest';

import { VerifiedReader } from '../../../src/registry/verified-reader.js';
import { blob } from '../../support/fixtures.js';
import { ended, pieces } from '../content/streams.js';
import { descriptorOf, failureOf } from './open-repository.js';

const bytes = blob(100, 1);
const descriptor = descriptorOf(bytes);
const cut = (...at: number[]): Buffer[] =>
  [0, ...at].map((start, n) => bytes.subarray(start, at[n] ?? bytes.length));

async function taken(reader: VerifiedReader, length: number): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for await (const piece of reader.take(length)) got.push(piece);
  return Buffer.concat(got);
}

describe('a stretch of a blob', () => {
  it.each([[[]], [[50]], [[10, 20, 30, 40, 99]], [[0, 0, 100]]])(
    'has its exact length however the source is cut: %j',
    async (at) => {
      const reader = new VerifiedReader(descriptor, pieces(cut(...at)));
      for (const [start, end] of [
        [0, 33],
        [33, 34],
        [34, 100],
      ] as const) {
        expect(reader.position).toBe(start);
        expect((await taken(reader, end - start)).equals(bytes.subarray(start, end))).toBe(true);
      }
      expect(reader.position).toBe(100);
    },
  );

  it('does not read further than it must', async () => {
    let read = 0;
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(cut(25, 50, 75))) {
        read += 1;
        yield piece;
      }
    }
    await taken(new VerifiedReader(descriptor, counted()), 25);
    expect(read).toBe(1);
  });

  it('goes on from a checkpoint with other bytes behind it', async () => {
    const reader = new VerifiedReader(descriptor, pieces(cut(40)));
    await taken(reader, 30);
    const checkpoint = reader.checkpoint();
    await taken(reader, 30);
    const again = new VerifiedReader(descriptor, pieces([bytes.subarray(30)]), checkpoint);
    expect(again.position).toBe(30);
    expect((await taken(again, 70)).equals(bytes.subarray(30))).toBe(true);
  });
});

describe('a wrong blob', () => {
  const wrong = Buffer.from(bytes);
  wrong[5] = (wrong[5] ?? 0) ^ 1;

  it('never gives its last piece out', async () => {
    const reader = new VerifiedReader(descriptor, pieces([wrong.subarray(0, 60), wrong.subarray(60)]));
    const { got, error } = await ended(reader.take(100));
    expect(Buffer.concat(got)).toHaveLength(60);
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
  });

  it('never gives anything out where it is one piece', async () => {
    const { got, error } = await ended(new VerifiedReader(descriptor, pieces([wrong])).take(100));
    expect(got).toEqual([]);
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
  });

  it('never gives its last piece out in the last of several stretches', async () => {
    const reader = new VerifiedReader(descriptor, pieces([wrong]));
    expect(await taken(reader, 90)).toHaveLength(90);
    const { got, error } = await ended(reader.take(10));
    expect(got).toEqual([]);
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH' });
  });

  it('is too short where the bytes end early', async () => {
    const { error } = await ended(new VerifiedReader(descriptor, pieces([bytes.subarray(0, 99)])).take(100));
    expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH' });
  });

  it('is too long where a byte follows, also in a piece of its own', async () => {
    for (const extra of [[Buffer.concat([bytes, Buffer.from('x')])], [bytes, Buffer.from('x')]]) {
      const { got, error } = await ended(new VerifiedReader(descriptor, pieces(extra)).take(100));
      expect(got).toEqual([]);
      expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH' });
    }
  });
});

describe('a blob of no bytes', () => {
  const none = descriptorOf(Buffer.alloc(0));

  it('is right', async () => {
    await new VerifiedReader(none, pieces([])).end();
    await new VerifiedReader(none, pieces([Buffer.alloc(0)])).end();
  });

  it('is wrong with a byte in it, or with another digest', async () => {
    const long = new VerifiedReader(none, pieces([Buffer.from('x')]));
    expect((await failureOf(long.end())).code).toBe('E_SIZE_MISMATCH');
    const other = new VerifiedReader({ ...descriptor, size: 0 }, pieces([]));
    expect((await failureOf(other.end())).code).toBe('E_DIGEST_MISMATCH');
  });
});
