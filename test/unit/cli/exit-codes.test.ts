import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { exitCode } from '../../../src/cli/exit-codes.js';
import type { ErrorCode } from '../../../src/errors.js';

const expected: Record<number, readonly ErrorCode[]> = {
  2: ['E_USAGE', 'E_REFERENCE', 'E_CONFIG', 'E_LAYOUT', 'E_LISTEN'],
  3: ['E_UNAUTHORIZED', 'E_DENIED', 'E_CREDENTIAL_HELPER'],
  4: ['E_NOT_FOUND', 'E_NO_SUCH_PLATFORM'],
  5: ['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH', 'E_READ_BACK'],
  6: ['E_REFUSED', 'E_UNSUPPORTED', 'E_LIMIT', 'E_MANIFEST', 'E_SCHEMA1', 'E_ALGORITHM', 'E_NOT_A_REGISTRY'],
  7: ['E_NETWORK', 'E_TLS', 'E_TIMEOUT', 'E_CUT', 'E_RATE_LIMITED', 'E_UNAVAILABLE'],
  8: ['E_GUARD', 'E_TAG_MOVED', 'E_IMMUTABLE_TAG'],
  9: ['E_PARTIAL'],
  10: ['E_IO'],
  70: ['E_INTERNAL'],
  130: ['E_ABORTED'],
};

describe('exit codes', () => {
  it.each(Object.entries(expected))('%s stands for %j', (exit, codes) => {
    expect(codes.map(exitCode)).toEqual(codes.map(() => Number(exit)));
  });

  it('are all listed in the documentation', () => {
    const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
    for (const exit of ['0', '1', ...Object.keys(expected), '143'])
      expect(page).toMatch(new RegExp(`^\\| ${exit} `, 'm'));
  });
});
