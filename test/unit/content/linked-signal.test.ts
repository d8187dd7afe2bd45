import { getEventListeners } from 'node:events';

import { describe, expect, it } from 'vitest';

import { callSignal, linkedSignal } from '../../../src/content/linked-signal.js';

it("aborts with the first of its signals, and with that one's reason", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const signal = linkedSignal(first.signal, undefined, second.signal);
  expect(signal.aborted).toBe(false);
  second.abort('second');
  first.abort('first');
  expect(signal.reason).toBe('second');
});

it('takes any number of listeners without a warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', note);
  const signal = linkedSignal(new AbortController().signal);
  for (let at = 0; at < 100; at += 1) signal.addEventListener('abort', () => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

describe('callSignal', () => {
  it('aborts with the signal that was given, and with an error that says so', () => {
    const given = new AbortController();
    const signal = callSignal(given.signal, new AbortController());
    given.abort('enough');
    expect(signal.reason).toMatchObject({ code: 'E_ABORTED' });
    expect(callSignal(given.signal, new AbortController()).aborted).toBe(true);
  });

  it('keeps no listener at the signal that was given once the call is over', () => {
    const given = new AbortController();
    const call = new AbortController();
    callSignal(given.signal, call);
    call.abort();
    expect(getEventListeners(given.signal, 'abort')).toEqual([]);
  });
});
