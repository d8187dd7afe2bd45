import { describe, expect, it } from 'vitest';

import { HostSpacing } from '../../../src/http/host-spacing.js';
import {
  SPACING_CAP_MS,
  SPACING_FIRST_MS,
  SPACING_HOLD,
  SPACING_LEAST_MS,
} from '../../../src/http/limits.js';

/** What a host that takes a request every so many milliseconds makes of so many requests. */
function asked(spacing: HostSpacing, everyMs: number, count: number): { ms: number; refused: number } {
  let ms = 0;
  let refused = 0;
  for (let taken = 0; taken < count;) {
    ms += spacing.ms;
    if (spacing.ms < everyMs) {
      refused += 1;
      spacing.refused();
    } else {
      taken += 1;
      spacing.taken(spacing.ms);
    }
  }
  return { ms, refused };
}

describe('the distance between two requests', () => {
  it('is none before one is refused', () => {
    const spacing = new HostSpacing();
    spacing.taken(0);
    expect(spacing.ms).toBe(0);
  });

  it('doubles until requests are taken, up to a cap', () => {
    const spacing = new HostSpacing();
    const seen = Array.from({ length: 8 }, () => {
      spacing.refused();
      return spacing.ms;
    });
    expect(seen.slice(0, 4)).toEqual([1, 2, 4, 8].map((times) => times * SPACING_FIRST_MS));
    expect(seen.at(-1)).toBe(SPACING_CAP_MS);
  });

  it.each([300, 1000, 3000])('comes near that of a host that takes one every %i ms', (everyMs) => {
    const spacing = new HostSpacing();
    asked(spacing, everyMs, 20);
    const { ms, refused } = asked(spacing, everyMs, 100);
    expect(ms / 100).toBeLessThan(everyMs * 1.3);
    expect(refused).toBeLessThan(25);
  });

  it('stays for some requests, gets smaller with each after that, and is gone in the end', () => {
    const spacing = new HostSpacing();
    asked(spacing, 1000, 20);
    let last = spacing.ms;
    const seen: number[] = [];
    for (let taken = 0; taken < 60 && spacing.ms > 0; taken += 1) {
      spacing.taken(spacing.ms);
      expect(spacing.ms).toBeLessThanOrEqual(last);
      last = spacing.ms;
      seen.push(last);
    }
    expect(spacing.ms).toBe(0);
    expect(seen.length).toBeLessThan(2 * SPACING_HOLD + 25);
    expect(Math.min(...seen.filter((ms) => ms > 0))).toBeGreaterThanOrEqual(SPACING_LEAST_MS);
  });

  it('does not get smaller by what came after a pause', () => {
    const spacing = new HostSpacing();
    for (let time = 0; time < 3; time += 1) spacing.refused();
    for (let time = 0; time < 50; time += 1) spacing.taken(spacing.ms * 3);
    expect(spacing.ms).toBe(4 * SPACING_FIRST_MS);
  });

  it('goes back to what was taken last when it was made too small', () => {
    const spacing = new HostSpacing();
    for (let time = 0; time < 3; time += 1) spacing.refused();
    spacing.taken(1000);
    expect(spacing.ms).toBe(750);
    spacing.refused();
    expect(spacing.ms).toBe(1000);
  });
});
