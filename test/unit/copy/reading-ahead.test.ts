import { describe, expect, it } from 'vitest';

import { readingAhead } from '../../../src/copy/reading-ahead.js';
import { settled } from './recorded-store.js';

async function* counting(to: number, note: (at: number) => void): AsyncGenerator<number> {
  for (let at = 1; at <= to; at++) {
    await Promise.resolve();
    note(at);
    yield at;
  }
}

describe('reading ahead', () => {
  it('gives every item once, in order, also to several takers', async () => {
    const items = readingAhead(counting(7, () => undefined));
    const taken: number[] = [];
    const take = async (): Promise<void> => {
      for await (const item of items) {
        taken.push(item);
        await Promise.resolve();
      }
    };
    await Promise.all([take(), take(), take()]);
    expect(taken).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('reads on while an item is worked on', async () => {
    const noted: number[] = [];
    const items = readingAhead(counting(5, (at) => noted.push(at)));
    expect(await items.next()).toEqual({ value: 1, done: false });
    await settled();
    expect(noted).toEqual([1, 2, 3, 4, 5]);
    await items.return();
  });

  it('throws what reading threw, after what came before', async () => {
    async function* breaking(): AsyncGenerator<string> {
      await Promise.resolve();
      yield 'a';
      throw new Error('broken');
    }
    const taken: string[] = [];
    const take = async (): Promise<void> => {
      for await (const item of readingAhead(breaking())) taken.push(item);
    };
    await expect(take()).rejects.toThrow('broken');
    expect(taken).toEqual(['a']);
  });
});
