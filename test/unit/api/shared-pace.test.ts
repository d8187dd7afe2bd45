import { describe, expect, it } from 'vitest';

import { sharedPace } from '../../../src/api/shared-pace.js';
import { noWaits } from '../../support/copy-run.js';

describe('calls of one process', () => {
  it('that run at the same time share a pace', () => {
    const { sleep } = noWaits();
    const [one, other] = [sharedPace(sleep), sharedPace(sleep)];
    one.release();
    const third = sharedPace(sleep);
    expect([other.pace, third.pace]).toEqual([one.pace, one.pace]);
  });

  it('that follow each other do not: a pause that one was asked for does not hold up the next', () => {
    const { sleep } = noWaits();
    const one = sharedPace(sleep);
    one.release();
    expect(sharedPace(sleep).pace).not.toBe(one.pace);
  });

  it('that wait in different ways do not', () => {
    expect(sharedPace(noWaits().sleep).pace).not.toBe(sharedPace(noWaits().sleep).pace);
  });
});
