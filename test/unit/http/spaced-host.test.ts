import { describe, expect, it } from 'vitest';

import { FORGET_LIMIT_MS, TAKING_MS } from '../../../src/http/limits.js';
import { limited, origin, paced } from './paced-host.js';

describe('a host that refuses what comes alone', () => {
  /** Refused alone until the distance is a second. */
  async function spaced(host: ReturnType<typeof paced>): Promise<void> {
    await limited(host);
    for (let time = 0; time < 3; time += 1) {
      await (await host.enter('refused')).sending();
      await host.leave('refused', 'limited');
    }
    host.slept.length = 0;
    host.through.length = 0;
  }

  it('is asked at intervals', async () => {
    const host = paced();
    await spaced(host);
    for (const name of ['a', 'b', 'c']) {
      await (await host.enter(name)).sending();
      await host.leave(name);
    }
    expect(host.slept).toEqual([1000, 1000, 1000]);
  });

  it('is asked by the clock: what passes meanwhile is not waited for again', async () => {
    const host = paced();
    await spaced(host);
    await host.enter('a');
    await host.leave('a');
    host.clock.now += 700;
    await host.enter('b');
    expect(host.slept).toEqual([1000, 300]);
  });

  it('is asked an interval after a request went out, however long that took', async () => {
    const host = paced();
    await spaced(host);
    const slot = await host.enter('upload');
    host.clock.now += 5000;
    expect(slot.sending()).toBeUndefined();
    await host.leave('upload');
    await host.enter('next');
    expect(host.slept).toEqual([1000, 1000]);
  });

  it('gets an upload an interval after the download that feeds it', async () => {
    const host = paced();
    await spaced(host);
    const upload = await host.enter('upload');
    await (await host.enter('download', { feeds: true })).sending();
    await upload.sending();
    expect(host.slept).toEqual([1000, 1000, 1000]);
  });

  it('lets the next one come sooner where one is taken', async () => {
    const host = paced();
    await spaced(host);
    const first = await host.enter('a');
    await first.sending();
    const next = host.enter('b');
    first.accepted();
    first.leave();
    await next;
    expect(host.slept).toEqual([1000, 750]);
  });

  it('is a matter of patience as long as it takes requests, and not before or long after', async () => {
    const host = paced();
    await spaced(host);
    expect((await host.enter('a')).limited()).toBe(false);
    await host.leave('a');
    await host.enter('b');
    await host.leave('b', 'accepted');
    expect((await host.enter('c')).limited()).toBe(true);
    await host.leave('c');
    host.clock.now += TAKING_MS;
    expect((await host.enter('d')).limited()).toBe(false);
  });

  it('is busy, and one that refused nothing is not', async () => {
    const host = paced();
    expect(host.pace.isBusy(origin)).toBe(false);
    await host.enter('a');
    expect(host.pace.isBusy(origin)).toBe(false);
    await host.leave('a');
    await spaced(host);
    expect(host.pace.isBusy(origin)).toBe(true);
  });

  it('is asked as any other after it was not asked for long', async () => {
    const host = paced();
    await spaced(host);
    host.clock.now += FORGET_LIMIT_MS + 1;
    await Promise.all(['a', 'b', 'c'].map((name) => host.enter(name)));
    expect(host.through).toEqual(['a', 'b', 'c']);
    expect(host.slept).toEqual([]);
  });
});

describe('who waits', () => {
  it('is told at once, and who need not is not', async () => {
    const host = paced();
    await limited(host);
    const told: string[] = [];
    await host.enter('a', { onWait: () => told.push('a') });
    void host.enter('b', { onWait: () => told.push('b') });
    expect(told).toEqual(['b']);
  });

  it('is told of a pause, too', () => {
    const host = paced();
    const told: string[] = [];
    host.pace.pause(origin, 1000);
    void host.enter('a', { onWait: () => told.push('a') });
    expect(told).toEqual(['a']);
  });
});
