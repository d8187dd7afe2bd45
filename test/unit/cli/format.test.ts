import { describe, expect, it } from 'vitest';

import { count, formatBytes, formatDuration, shortDigest } from '../../../src/cli/format.js';

describe('what people read', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [12_345_678, '12.3 MB'],
    [999_949, '999.9 kB'],
    [999_960, '1.0 MB'],
    [1_073_741_824, '1.1 GB'],
    [5e18, '5000.0 PB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0 ms'],
    [35.4, '35 ms'],
    [999.6, '1.0 s'],
    [1234, '1.2 s'],
    [9999, '10 s'],
    [59_400, '59 s'],
    [59_600, '1 min'],
    [125_000, '2 min 5 s'],
    [3_600_000, '1 h'],
    [3_780_000, '1 h 3 min'],
  ])('%d ms are %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('counts one and many', () => {
    expect([count(0, 'blob'), count(1, 'blob'), count(2, 'blob')]).toEqual(['0 blobs', '1 blob', '2 blobs']);
  });

  it('shortens digests, and nothing else', () => {
    expect(shortDigest(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('sha256:0123456789ab');
    expect(shortDigest('app:prod')).toBe('app:prod');
  });
});
