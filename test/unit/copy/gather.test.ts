import { describe, expect, it } from 'vitest';

import { gather } from '../../../src/copy/gather.js';
import { gate, settled } from './recorded-store.js';

describe('gathered tasks', () => {
  it('resolve when all have', async () => {
    const reasons: unknown[] = [];
    await gather([Promise.resolve(1), Promise.resolve('a')], (reason) => reasons.push(reason));
    await gather([], (reason) => reasons.push(reason));
    expect(reasons).toEqual([]);
  });

  it('fail with the first error only when all have settled, and are told to stop at once', async () => {
    const slow = gate();
    const first = new Error('first');
    const reasons: unknown[] = [];
    let outcome: unknown;
    const all = gather([slow.opened, Promise.reject(first)], (reason) => reasons.push(reason)).catch(
      (error: unknown) => (outcome = error),
    );
    await settled();
    expect([reasons, outcome]).toEqual([[first], undefined]);
    slow.open();
    await all;
    expect(outcome).toBe(first);
  });

  it('fail with the error that came first, not with the one that is first in line', async () => {
    const slow = gate();
    const late = slow.opened.then(() => Promise.reject(new Error('late')));
    const early = new Error('early');
    const all = gather([late, Promise.reject(early)], () => slow.open());
    await expect(all).rejects.toBe(early);
  });
});
