import { describe, expect, it } from 'vitest';

import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { refetching } from '../../../src/graph/refetching.js';

function failing(...codes: readonly ErrorCode[]): { attempt: () => Promise<string>; tries: () => number } {
  let tries = 0;
  return {
    tries: () => tries,
    attempt: () => {
      const code = codes[tries];
      tries += 1;
      return code === undefined ? Promise.resolve('right') : Promise.reject(new RegferryError(code, code));
    },
  };
}

describe('a corrupt blob', () => {
  it.each(['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH'] as const)('(%s) is fetched again', async (code) => {
    const { attempt, tries } = failing(code);
    expect(await refetching(attempt, undefined)).toBe('right');
    expect(tries()).toBe(2);
  });

  it('is given up when it stays so', async () => {
    const { attempt, tries } = failing('E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH', 'E_DIGEST_MISMATCH');
    await expect(refetching(attempt, undefined)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH' });
    expect(tries()).toBe(3);
  });

  it('is not fetched for somebody who has gone', async () => {
    const { attempt, tries } = failing('E_DIGEST_MISMATCH');
    await expect(refetching(attempt, AbortSignal.abort())).rejects.toMatchObject({
      code: 'E_DIGEST_MISMATCH',
    });
    expect(tries()).toBe(1);
  });
});

it.each(['E_CUT', 'E_NOT_FOUND', 'E_REFUSED'] as const)('leaves %s alone', async (code) => {
  const { attempt, tries } = failing(code);
  await expect(refetching(attempt, undefined)).rejects.toMatchObject({ code });
  expect(tries()).toBe(1);
});
