import { describe, expect, it } from 'vitest';

import { Lanes, LanesByHost } from '../../../src/copy/lanes.js';
import { gate, settled } from './recorded-store.js';

const MiB = 1024 * 1024;

/** Starts so many tasks and says how many of them run at once. */
async function running(count: number, start: (task: () => Promise<void>) => Promise<void>): Promise<number> {
  const end = gate();
  let active = 0;
  const all = Array.from({ length: count }, () =>
    start(async () => {
      active += 1;
      await end.opened;
    }),
  );
  await settled();
  const most = active;
  end.open();
  await Promise.all(all);
  expect(active).toBe(count);
  return most;
}

describe('the lanes of a host', () => {
  it('run as many transfers as were asked for', async () => {
    const lanes = new Lanes(3);
    expect(await running(10, (task) => lanes.transfer(4 * MiB + 1, task))).toBe(3);
  });

  it('run checks four times as wide', async () => {
    const lanes = new Lanes(3);
    expect(await running(20, (task) => lanes.check(task))).toBe(12);
  });

  it('let small blobs pass large ones', async () => {
    const lanes = new Lanes(1);
    const large = gate();
    const transfers = [
      lanes.transfer(4 * MiB + 1, () => large.opened),
      lanes.transfer(4 * MiB + 1, () => large.opened),
    ];
    await lanes.transfer(4 * MiB, () => Promise.resolve());
    await lanes.check(() => Promise.resolve());
    large.open();
    await Promise.all(transfers);
  });

  it('are one set a host', () => {
    const hosts = new LanesByHost(2);
    expect(hosts.of('a')).toBe(hosts.of('a'));
    expect(hosts.of('a')).not.toBe(hosts.of('b'));
  });
});
