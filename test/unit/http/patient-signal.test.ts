import { afterEach, expect, it, vi } from 'vitest';

import { patientSignal } from '../../../src/http/patient-signal.js';

afterEach(() => void vi.useRealTimers());

const reason = new Error('enough');

it('follows at once what is not sent yet, and later what is', () => {
  vi.useFakeTimers();
  let sent = false;
  const [first, second] = [new AbortController(), new AbortController()];
  const early = patientSignal(first.signal, 5_000, () => sent);
  first.abort(reason);
  expect(early.signal.reason).toBe(reason);
  sent = true;
  const late = patientSignal(second.signal, 5_000, () => sent);
  second.abort(reason);
  vi.advanceTimersByTime(4_999);
  expect(late.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(late.signal.reason).toBe(reason);
});

it('is aborted from the first where the other is, and leaves nothing behind when it is released', () => {
  vi.useFakeTimers();
  const controller = new AbortController();
  const released = patientSignal(controller.signal, 5_000, () => true);
  controller.abort(reason);
  released.release();
  expect(vi.getTimerCount()).toBe(0);
  expect(released.signal.aborted).toBe(false);
  expect(patientSignal(controller.signal, 5_000, () => true).signal.reason).toBe(reason);
  expect(patientSignal(undefined, 5_000, () => true).signal.aborted).toBe(false);
});
