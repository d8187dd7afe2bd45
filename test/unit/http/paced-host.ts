import { setImmediate } from 'node:timers/promises';

import type { Slot } from '../../../src/http/host-line.js';
import { HostPace } from '../../../src/http/host-pace.js';
import type { Sleep } from '../../../src/http/sleep.js';

/** The origin of all that is asked. */
export const origin = 'https://r.example';

/** A pace whose waits take no time but move its clock, and who was let through in which order. */
export function paced(wait?: Sleep) {
  const clock = { now: 1000 };
  const slept: number[] = [];
  const sleep: Sleep = async (ms, signal) => {
    slept.push(ms);
    await wait?.(ms, signal);
    clock.now += ms;
  };
  const pace = new HostPace(() => clock.now, sleep);
  const through: string[] = [];
  const slots = new Map<string, Slot>();
  const enter = async (
    name: string,
    more: {
      order?: number;
      feeds?: boolean;
      isAlone?: boolean;
      signal?: AbortSignal;
      onWait?: () => void;
    } = {},
  ) => {
    const { order = pace.order(), feeds = false, signal, ...rest } = more;
    const signals = signal === undefined ? [] : [signal];
    const slot = await pace.enter(origin, { order, feeds, signals, ...rest });
    through.push(name);
    slots.set(name, slot);
    return slot;
  };
  const leave = async (name: string, how?: 'accepted' | 'limited'): Promise<void> => {
    const slot = slots.get(name);
    slots.delete(name);
    if (how !== undefined) slot?.[how]();
    slot?.leave();
    await setImmediate();
  };
  return { pace, clock, slept, through, slots, enter, leave };
}

/** Brings the limit to one, with nothing in flight and no pause. */
export async function limited({ enter, leave, through }: ReturnType<typeof paced>): Promise<void> {
  await enter('early');
  await leave('early', 'limited');
  through.length = 0;
}
