import { Readable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { whenOverOrStill } from '../../../src/http/still-body.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const body = new Readable({ read: () => undefined });
  const over = vi.fn();
  whenOverOrStill(body, 1000, over);
  return { body, over };
}

describe('a body that is waited for', () => {
  it('is over when it is closed', async () => {
    const { body, over } = watched();
    body.destroy();
    await vi.waitFor(() => expect(over).toHaveBeenCalledTimes(1));
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is over when it was before', () => {
    const body = new Readable({ read: () => undefined });
    body.destroy();
    const over = vi.fn();
    whenOverOrStill(body, 1000, over);
    expect(over).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is waited for as long as it moves, and no longer', () => {
    const { body, over } = watched();
    for (let time = 0; time < 5; time += 1) {
      vi.advanceTimersByTime(900);
      body.push(Buffer.from('x'));
    }
    expect(over).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(over).toHaveBeenCalledTimes(1);
    body.destroy();
  });
});
