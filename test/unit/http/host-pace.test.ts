import { setImmediate } from 'node:timers/promises';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { HostPace } from '../../../src/http/host-pace.js';
import { limited, origin, paced } from './paced-host.js';

describe('without a limit', () => {
  it('every request is let through at once', async () => {
    const { enter, slots } = paced();
    await Promise.all(Array.from({ length: 100 }, (_, index) => enter(String(index))));
    expect(slots.size).toBe(100);
  });
});

describe('a limit', () => {
  it('lets one through after the other, in their order', async () => {
    const host = paced();
    await limited(host);
    const all = ['a', 'b', 'c'].map((name) => host.enter(name));
    await setImmediate();
    expect(host.through).toEqual(['a']);
    await host.leave('a');
    expect(host.through).toEqual(['a', 'b']);
    await host.leave('b');
    await Promise.all(all);
    expect(host.through).toEqual(['a', 'b', 'c']);
  });

  it('is a matter of one origin', async () => {
    const host = paced();
    await limited(host);
    await host.enter('here');
    const there = host.pace.enter('https://other.example', { order: 9, feeds: false, signals: [] });
    await expect(there).resolves.toBeDefined();
    void host.enter('here too');
    await setImmediate();
    expect(host.through).toEqual(['here']);
  });

  it('is cut once for all that were sent before, to half of them', async () => {
    const host = paced();
    for (let index = 0; index < 16; index += 1) await host.enter(String(index));
    for (let index = 0; index < 16; index += 1) await host.leave(String(index), 'limited');
    for (let index = 0; index < 60; index += 1) void host.enter(`next ${index}`);
    await setImmediate();
    const widths: number[] = [];
    for (let index = 0; index < 16; index += 1) {
      await host.leave(`next ${index}`, 'accepted');
      widths.push(host.slots.size);
    }
    expect(widths).toEqual([2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9]);
  });

  it('does not grow by what was sent before it', async () => {
    const host = paced();
    for (let index = 0; index < 8; index += 1) await host.enter(String(index));
    await host.leave('0', 'limited');
    for (let index = 0; index < 20; index += 1) void host.enter(`late ${index}`);
    for (let index = 1; index < 8; index += 1) await host.leave(String(index), 'accepted');
    expect(host.slots.size).toBe(1);
  });

  it('does not grow by what it did not hold back', async () => {
    const host = paced();
    for (let index = 0; index < 8; index += 1) await host.enter(String(index));
    await host.leave('0', 'limited');
    for (let index = 1; index < 8; index += 1) await host.leave(String(index));
    await host.enter('a');
    void host.enter('b');
    await host.leave('a', 'accepted');
    for (let index = 0; index < 50; index += 1) {
      await host.leave('b', 'accepted');
      await host.enter('b');
    }
    await host.leave('b', 'accepted');
    for (let index = 0; index < 9; index += 1) void host.enter(String(index));
    await setImmediate();
    expect(host.slots.size).toBe(2);
  });

  it('keeps the place of a request that is tried again', async () => {
    const host = paced(async () => {
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    });
    await limited(host);
    const order = host.pace.order();
    await host.enter('first', { order });
    void host.enter('second');
    void host.enter('third');
    await setImmediate();
    host.pace.pause(origin, 500);
    await host.leave('first', 'limited');
    await host.enter('first again', { order });
    expect(host.through).toEqual(['first', 'first again']);
  });

  it('is left once by each', async () => {
    const host = paced();
    await limited(host);
    const slot = await host.enter('a');
    void host.enter('b');
    void host.enter('c');
    slot.leave();
    slot.leave();
    await setImmediate();
    expect(host.through).toEqual(['a', 'b']);
  });
});

describe('an upload', () => {
  it('does not hold back what feeds it, however long the line is', async () => {
    const host = paced();
    await limited(host);
    await host.enter('upload');
    void host.enter('another upload');
    void host.enter('its download', { feeds: true });
    await setImmediate();
    expect(host.through).toEqual(['upload', 'its download']);
  });

  it('is what a download may go beside, and not a request that needs none', async () => {
    const host = paced();
    await limited(host);
    await host.enter('post', { isAlone: true });
    void host.enter('a download', { feeds: true });
    await setImmediate();
    expect(host.through).toEqual(['post']);
  });

  it('lets one such through at a time', async () => {
    const host = paced();
    await limited(host);
    await host.enter('upload');
    void host.enter('download 1', { feeds: true });
    void host.enter('download 2', { feeds: true });
    await setImmediate();
    expect(host.through).toEqual(['upload', 'download 1']);
    await host.leave('download 1');
    expect(host.through).toEqual(['upload', 'download 1', 'download 2']);
  });

  it('has its turn, however many downloads come', async () => {
    const host = paced();
    await limited(host);
    await host.enter('download 0', { feeds: true });
    void host.enter('upload');
    for (let index = 1; index < 9; index += 1) void host.enter(`download ${index}`, { feeds: true });
    await host.leave('download 0');
    expect(host.through).toEqual(['download 0', 'upload', 'download 1']);
  });

  it('ends, in whatever order uploads and their downloads come', async () => {
    const upload = fc.record({ opensAfter: fc.nat(3), cuts: fc.nat(2), refused: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(upload, { minLength: 1, maxLength: 12 }), async (uploads) => {
        const host = paced();
        await limited(host);
        const download = async (name: string): Promise<void> => {
          await host.enter(name, { feeds: true });
          await setImmediate();
          await host.leave(name, 'accepted');
        };
        await Promise.all(
          uploads.map(async ({ opensAfter, cuts, refused }, index) => {
            for (let turn = 0; turn < opensAfter; turn += 1) await setImmediate();
            await host.enter(`upload ${index}`);
            for (let cut = 0; cut <= cuts; cut += 1) await download(`download ${index} ${cut}`);
            if (refused) host.pace.pause(origin, 10);
            await host.leave(`upload ${index}`, refused ? 'limited' : 'accepted');
          }),
        );
        expect(host.slots.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a pause', () => {
  it('is the longest of several', async () => {
    const { pace, slept, enter } = paced();
    pace.pause(origin, 5000);
    pace.pause(origin, 100);
    await enter('a');
    expect(slept).toEqual([5000]);
  });

  it('is over when the clock says so', async () => {
    const { pace, clock, slept, enter } = paced();
    pace.pause(origin, 5000);
    clock.now += 5000;
    await enter('a');
    expect(slept).toEqual([]);
  });

  it('is waited for again when it was made longer meanwhile', async () => {
    const host = paced(() => {
      if (host.slept.length === 1) host.pace.pause(origin, 500);
      return Promise.resolve();
    });
    host.pace.pause(origin, 200);
    await host.enter('a');
    expect(host.slept).toEqual([200, 300]);
  });

  it('does not last for ever where the clock stands still', async () => {
    const pace = new HostPace(
      () => 0,
      () => Promise.resolve(),
    );
    pace.pause(origin, 1000);
    await expect(pace.enter(origin, { order: 1, feeds: false, signals: [] })).resolves.toBeDefined();
  });

  it('is one wait for all, who then go in their order', async () => {
    const { pace, slept, through, enter } = paced();
    const orders = [3, 1, 2];
    pace.pause(origin, 1000);
    await Promise.all(orders.map((order) => enter(String(order), { order })));
    expect(slept).toEqual([1000]);
    expect(through).toEqual(['1', '2', '3']);
  });
});

describe('an abort', () => {
  it('ends the wait for a slot, and the line goes on without', async () => {
    const host = paced();
    await limited(host);
    await host.enter('a');
    const control = new AbortController();
    const waiting = host.enter('b', { signal: control.signal });
    void host.enter('c');
    control.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'E_ABORTED' });
    await host.leave('a');
    expect(host.through).toEqual(['a', 'c']);
  });

  it('of the last who waits ends the timer of a pause, and the next one starts another', async () => {
    let timers = 0;
    const host = paced(async (_ms, signal) => {
      if (host.slept.length > 1) return;
      timers += 1;
      await new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
      }).finally(() => (timers -= 1));
    });
    host.pace.pause(origin, 60_000);
    const controls = [new AbortController(), new AbortController()];
    const waiting = controls.map(({ signal }) => host.enter('a', { signal }));
    controls[0]?.abort();
    await expect(waiting[0]).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(timers).toBe(1);
    controls[1]?.abort();
    await expect(waiting[1]).rejects.toMatchObject({ code: 'E_ABORTED' });
    await setImmediate();
    expect(timers).toBe(0);
    await host.enter('b');
    expect(host.through).toEqual(['b']);
  });

  it('before the request comes refuses it', async () => {
    const { enter, through } = paced();
    await expect(enter('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(through).toEqual([]);
  });

  it('afterwards changes nothing', async () => {
    const { enter, leave, through } = paced();
    const control = new AbortController();
    await enter('a', { signal: control.signal });
    control.abort();
    await leave('a');
    expect(through).toEqual(['a']);
  });
});

it('a wait that breaks is told to all who wait', async () => {
  const pace = new HostPace(
    () => 0,
    () => Promise.reject(new Error('no clock')),
  );
  pace.pause(origin, 1000);
  const turns = [1, 2].map((order) => pace.enter(origin, { order, feeds: false, signals: [] }));
  await expect(turns[0]).rejects.toThrow('no clock');
  await expect(turns[1]).rejects.toThrow('no clock');
});
