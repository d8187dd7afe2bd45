import { describe, expect, it } from 'vitest';

import { parseCount, parseDuration, parseSize } from '../../../src/cli/quantity.js';

describe('durations', () => {
  it.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['45', 45_000],
    ['0.5', 500],
    ['2147483s', 2_147_483_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '0', '0s', '-1s', '1d', 's', '5 m', '1e3', 'NaN', 'Infinity', '2147484s', '0.1ms', '5m30'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

describe('sizes', () => {
  it.each([
    ['1000000', 1_000_000],
    ['1b', 1],
    ['16MiB', 16_777_216],
    ['64M', 67_108_864],
    ['64mb', 64_000_000],
    ['1.5K', 1536],
    ['2GiB', 2_147_483_648],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '1.5', 'M', '16 MiB', '16XiB', '1e6', '99999999G', 'constructor', '1constructor'])(
    '"%s" is none',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});

describe('counts', () => {
  it('are plain whole numbers within their range', () => {
    expect(parseCount('0', 0, 9)).toBe(0);
    expect(parseCount('9', 0, 9)).toBe(9);
    for (const text of ['10', '-1', '1.0', '1e0', ' 1', '', 'NaN', '9'.repeat(30)]) {
      expect(parseCount(text, 0, 9), text).toBeUndefined();
    }
  });
});
