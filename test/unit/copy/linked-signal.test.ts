import { expect, it } from 'vitest';

import { linkedSignal } from '../../../src/copy/linked-signal.js';

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
