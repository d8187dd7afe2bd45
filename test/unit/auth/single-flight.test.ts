import { describe, expect, it } from 'vitest';

import { SingleFlight } from '../../../src/auth/single-flight.js';

describe('SingleFlight', () => {
  it('does the work once for all who come while it lasts, and again afterwards', async () => {
    const flights = new SingleFlight<number>();
    let count = 0;
    const work = (): Promise<number> => Promise.resolve((count += 1));
    expect(
      await Promise.all([flights.run('a', work), flights.run('a', work), flights.run('b', work)]),
    ).toEqual([1, 1, 2]);
    expect(await flights.run('a', work)).toBe(3);
  });

  it('fails for all alike and remembers no failure', async () => {
    const flights = new SingleFlight<number>();
    const fail = (): Promise<number> => Promise.reject(new Error('no'));
    const both = [flights.run('a', fail), flights.run('a', fail)];
    for (const each of both) await expect(each).rejects.toThrow('no');
    expect(await flights.run('a', () => Promise.resolve(1))).toBe(1);
  });

  it('aborts the work when the last waiter has gone, and not before', async () => {
    const flights = new SingleFlight<number>();
    let inner: AbortSignal | undefined;
    const work = (signal: AbortSignal): Promise<number> => {
      inner = signal;
      return new Promise(() => undefined);
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const waiters = [flights.run('a', work, first.signal), flights.run('a', work, second.signal)];
    first.abort(new Error('first'));
    await expect(waiters[0]).rejects.toThrow('first');
    expect(inner?.aborted).toBe(false);
    second.abort(new Error('second'));
    await expect(waiters[1]).rejects.toThrow('second');
    expect(inner?.aborted).toBe(true);
    expect(await flights.run('a', () => Promise.resolve(1))).toBe(1);
  });

  it('does not start for a signal that is already aborted', async () => {
    const flights = new SingleFlight<number>();
    const work = (): Promise<number> => Promise.reject(new Error('started'));
    await expect(flights.run('a', work, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
  });
});
