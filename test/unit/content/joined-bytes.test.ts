import { describe, expect, it } from 'vitest';

import { JoinedBytes, sliced } from '../../../src/content/joined-bytes.js';

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));

function joined(pieceBytes: number): JoinedBytes {
  const all = new JoinedBytes();
  for (let at = 0; at < bytes.length; at += pieceBytes) all.append(bytes.subarray(at, at + pieceBytes));
  return all;
}

describe('JoinedBytes', () => {
  it.each([1, 7, 4_096, 65_536, 300_000])('is what came in pieces of %i bytes', (pieceBytes) => {
    const all = joined(pieceBytes);
    expect(all.length).toBe(bytes.length);
    expect(all.toBuffer().equals(bytes)).toBe(true);
    expect(Buffer.concat(all.takeBlocks()).equals(bytes)).toBe(true);
    expect([all.length, all.takeBlocks()]).toEqual([0, []]);
  });

  it('takes little more memory than what it holds, in few blocks that own it', () => {
    const all = joined(1);
    expect(all.capacity).toBeLessThanOrEqual(bytes.length * 1.25 + 4_096);
    const blocks = all.takeBlocks();
    expect(blocks.length).toBeLessThan(50);
    for (const block of blocks) expect(block.buffer.byteLength).toBe(block.length);
  });

  it('holds nothing of a piece that was handed over', () => {
    const all = new JoinedBytes();
    const piece = Buffer.from('abc');
    all.append(piece);
    piece.fill('x');
    expect(all.toBuffer().toString()).toBe('abc');
  });
});

it.each([
  [0, 10],
  [3, 7],
  [4, 4],
  [9, 10],
])('the bytes from %i to %i are the same in blocks as in one', (start, end) => {
  const blocks = ['abcd', 'e', 'fghij'].map((text) => Buffer.from(text));
  const pieces = [...sliced(blocks, start, end, 3)];
  expect(Buffer.concat(pieces).toString()).toBe('abcdefghij'.slice(start, end));
  expect(Math.max(0, ...pieces.map(({ length }) => length))).toBeLessThanOrEqual(3);
});
