import { describe, expect, test } from 'vitest';

import { abortError, isRegferryError, RegferryError, toRegferryError, withSide } from '../../src/errors.js';

describe('RegferryError', () => {
  test('carries code, cause and details, and has quiet defaults', () => {
    const cause = new Error('below');
    const error = new RegferryError('E_RATE_LIMITED', 'wait', {
      cause,
      side: 'source',
      status: 429,
      retryAfterMs: 5,
    });
    expect(error).toMatchObject({
      code: 'E_RATE_LIMITED',
      cause,
      side: 'source',
      status: 429,
      retryAfterMs: 5,
    });
    const bare = new RegferryError('E_USAGE', 'no');
    expect([bare.retryable, bare.registryCodes, 'cause' in bare]).toEqual([false, [], false]);
    expect(String(bare)).toBe('RegferryError: no');
  });

  test('is told from other errors', () => {
    expect(isRegferryError(new RegferryError('E_USAGE', 'no'))).toBe(true);
    expect(isRegferryError(new Error('E_USAGE'))).toBe(false);
    expect(isRegferryError(undefined)).toBe(false);
  });
});

describe('toRegferryError', () => {
  test('leaves its own errors as they are', () => {
    const error = new RegferryError('E_USAGE', 'no');
    expect(toRegferryError(error)).toBe(error);
  });

  test('makes an abort E_ABORTED and everything else E_INTERNAL', () => {
    const controller = new AbortController();
    controller.abort();
    expect(toRegferryError(controller.signal.reason).code).toBe('E_ABORTED');
    expect(toRegferryError(new DOMException('too late', 'TimeoutError')).code).toBe('E_ABORTED');
    const cause = new TypeError('x is not a function');
    expect(toRegferryError(cause)).toMatchObject({ code: 'E_INTERNAL', cause });
    expect(toRegferryError('text')).toMatchObject({ code: 'E_INTERNAL', message: 'unexpected: text' });
  });
});

describe('abortError', () => {
  test("is the signal's own reason where that says what it means", () => {
    const reason = new RegferryError('E_TIMEOUT', 'not done in time');
    expect(abortError(AbortSignal.abort(reason))).toBe(reason);
  });

  test.each([
    ['an error', new Error('enough'), 'interrupted: enough'],
    ['words', 'enough', 'interrupted: enough'],
    ['nothing', undefined, 'interrupted'],
    ['an object', { why: 'enough' }, 'interrupted'],
    ['a time-out', new DOMException('The operation timed out', 'TimeoutError'), 'interrupted'],
  ])('is E_ABORTED for %s', (_what, reason, message) => {
    expect(abortError(AbortSignal.abort(reason))).toMatchObject({ code: 'E_ABORTED', message });
  });

  test('is what comes of anything that is thrown after the signal has aborted, but for what is known', () => {
    const signal = AbortSignal.abort('enough');
    expect(withSide(new Error('my own words'), 'source', signal).code).toBe('E_ABORTED');
    expect(withSide(new RegferryError('E_CUT', 'cut'), 'source', signal).code).toBe('E_CUT');
    expect(withSide(new Error('my own words'), 'source').code).toBe('E_INTERNAL');
  });
});
