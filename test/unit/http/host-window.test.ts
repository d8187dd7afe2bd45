import { describe, expect, it } from 'vitest';

import { HostWindow } from '../../../src/http/host-window.js';

/** How many requests are taken until the limit is `limit`. */
function takenUntil(window: HostWindow, limit: number): number {
  let taken = 0;
  for (; window.limit < limit; taken += 1) window.grow();
  return taken;
}

describe('a window', () => {
  it('has no end before the host says so', () => {
    const window = new HostWindow();
    window.grow();
    expect(window.limit).toBe(Infinity);
  });

  it('starts again at one, and doubles up to half of what was refused', () => {
    const window = new HostWindow();
    window.cut(24);
    expect(window.limit).toBe(1);
    expect(takenUntil(window, 12)).toBe(11);
  });

  it('grows by one a window beyond that', () => {
    const window = new HostWindow();
    window.cut(24);
    takenUntil(window, 12);
    expect(takenUntil(window, 13)).toBe(12);
    expect(takenUntil(window, 14)).toBe(13);
  });

  it('comes back to what was refused after eight windows, and is free of it after one more', () => {
    const window = new HostWindow();
    window.cut(5);
    takenUntil(window, 4);
    expect(takenUntil(window, 5)).toBe(4 * 8);
    expect(takenUntil(window, 6)).toBe(5);
    expect(takenUntil(window, 7)).toBe(6);
  });

  it('is at its full width in the end', () => {
    const window = new HostWindow();
    window.cut(24);
    // 11 to double up to 12, 12 to 22 for one more each, and eight windows of 23
    expect(takenUntil(window, 24)).toBe(11 + (11 * (12 + 22)) / 2 + 23 * 8);
  });

  it('is halved again where it is refused again, and never less than one', () => {
    const window = new HostWindow();
    window.cut(24);
    takenUntil(window, 8);
    window.cut(8);
    expect(takenUntil(window, 4)).toBe(3);
    expect(takenUntil(window, 5)).toBe(4);
    for (let time = 0; time < 3; time += 1) window.cut(1);
    expect(window.limit).toBe(1);
    expect(takenUntil(window, 2)).toBe(8);
  });

  it('is not made wider by what was let through beyond it', () => {
    const window = new HostWindow();
    window.cut(24);
    takenUntil(window, 4);
    window.cut(20);
    expect(takenUntil(window, 2)).toBe(1);
    expect(takenUntil(window, 3)).toBe(2);
  });
});
