import { describe, expect, test } from 'vitest';

import { isRegferryError, RegferryError, toRegferryError } from '../../src/errors.js';

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
    const cause = new TypeError('x is not a function');
    expect(toRegferryError(cause)).toMatchObject({ code: 'E_INTERNAL', cause });
    expect(toRegferryError('text')).toMatchObject({ code: 'E_INTERNAL', message: 'unexpected: text' });
  });
});
