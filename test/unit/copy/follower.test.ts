import { Readable, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, it, vi } from 'vitest';

import { Follower, PIECE_COST, WINDOW_BYTES } from '../../../src/copy/follower.js';

function followed() {
  const taken = vi.fn();
  const follower = new Follower({ onTaken: taken, onClosed: () => undefined });
  /** Offers pieces of a size until it is full. */
  const fill = (bytes: number): number => {
    let count = 0;
    for (; !follower.isFull; count += 1) follower.offer(Buffer.alloc(bytes, count));
    return count;
  };
  return { follower, taken, fill };
}

function sink(): Writable {
  return new Writable({ write: (_piece, _encoding, done) => done() });
}

describe('what a reader may lie behind', () => {
  it('is a window of bytes where they come in large pieces', () => {
    const { fill } = followed();
    expect(fill(64 * 1024)).toBe(16);
  });

  it.each([1, 10, 100])('is as much memory where they come in pieces of %i', (bytes) => {
    const { fill } = followed();
    expect(fill(bytes) * (bytes + PIECE_COST)).toBeLessThan(WINDOW_BYTES + bytes + PIECE_COST);
  });

  it.each([1, 100, 64 * 1024])('has room again when some of it was taken, in pieces of %i', (bytes) => {
    const { follower, taken, fill } = followed();
    fill(bytes);
    follower.read(bytes);
    expect(follower.isFull).toBe(false);
    expect(taken).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['as they flow', (follower: Follower) => follower.on('data', () => undefined)],
    ['all at once', (follower: Follower) => follower.read()],
    ['through a pipe', (follower: Follower) => follower.pipe(sink())],
  ])('has room again when all of it was taken, %s', async (_, take) => {
    const { follower, taken, fill } = followed();
    const first = fill(1);
    take(follower);
    while (follower.readableLength > 0) await setImmediate();
    expect(taken).toHaveBeenCalledTimes(1);
    follower.pause();
    expect(fill(1)).toBe(first);
  });

  it('is nothing where pieces are taken as they come', async () => {
    const { follower, taken } = followed();
    let got = 0;
    follower.on('data', ({ length }: Buffer) => (got += length));
    await setImmediate();
    for (let count = 0; count < 3 * WINDOW_BYTES; count += 1000) follower.offer(Buffer.alloc(1000));
    expect(follower.isFull).toBe(false);
    expect(taken).not.toHaveBeenCalled();
    expect(got).toBeGreaterThanOrEqual(3 * WINDOW_BYTES);
  });

  it('does not grow with what was taken, several pieces at a time', () => {
    const { follower } = followed();
    for (let count = 0; count < 10_000; count += 1) {
      follower.offer(Buffer.alloc(3000));
      follower.offer(Buffer.alloc(3000));
      expect(follower.isFull).toBe(false);
      follower.read();
    }
  });

  it('gives out every byte in its order', async () => {
    const { follower } = followed();
    const offered = Array.from({ length: 5000 }, (_, at) => Buffer.from([at % 251]));
    for (const piece of offered) follower.offer(piece);
    follower.finish();
    const got: Buffer[] = [];
    for await (const piece of Readable.from(follower)) got.push(piece as Buffer);
    expect(Buffer.concat(got).equals(Buffer.concat(offered))).toBe(true);
  });
});
