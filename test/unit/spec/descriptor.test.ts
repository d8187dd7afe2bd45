import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { largestFirst, parseDescriptor, sameContent } from '../../../src/spec/descriptor.js';
import { digestOf } from '../../../src/spec/digest.js';
import { outcome, refusal } from './outcome.js';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const plain = { mediaType: 'application/x', digest, size: 7 };
const read = (change: Record<string, unknown>) => parseDescriptor({ ...plain, ...change }, 'layers[2]');

describe('parseDescriptor', () => {
  test('reads everything that it knows and leaves out data and the unknown', () => {
    const full = {
      ...plain,
      urls: ['https://q.io/x'],
      annotations: { a: 'b' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8', 'os.features': ['x'] },
      artifactType: 'application/y',
      data: 'e30=',
      future: 1,
    };
    expect(parseDescriptor(full, 'config')).toEqual({
      ...plain,
      urls: ['https://q.io/x'],
      annotations: { a: 'b' },
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      artifactType: 'application/y',
    });
    expect(parseDescriptor(plain, 'config')).toEqual(plain);
  });

  test.each([0, 1, 2 ** 53 - 1])('takes a size of %d', (size) => {
    expect(read({ size }).size).toBe(size);
  });

  test.each([-1, 0.5, 2 ** 53, 1e300, Infinity, NaN, '7', null, undefined, [7]])(
    'refuses a size of %j',
    (size) => {
      const error = refusal(() => read({ size }));
      expect([error.code, error.message]).toEqual([
        'E_MANIFEST',
        expect.stringContaining('layers[2] has no usable size'),
      ]);
    },
  );

  test.each([
    undefined,
    null,
    7,
    '',
    'sha256:x',
    `sha256:${'A'.repeat(64)}`,
    `${digest}\n`,
    '../../x',
    [digest],
  ])('refuses a digest of %j', (value) => {
    const error = refusal(() => read({ digest: value }));
    expect([error.code, error.message]).toEqual(['E_MANIFEST', expect.stringContaining('layers[2]')]);
  });

  test('tells a digest that it cannot verify from one that is malformed', () => {
    const error = refusal(() => read({ digest: `blake3:${'a'.repeat(64)}` }));
    expect([error.code, error.message]).toEqual(['E_ALGORITHM', expect.stringContaining('layers[2]')]);
  });

  test.each([undefined, null, 7, '', 'a/b\r\nx-evil: 1', 'a/\u00e9', 'x'.repeat(256)])(
    'refuses a mediaType of %j',
    (mediaType) => {
      expect(outcome(() => read({ mediaType }))).toBe('E_MANIFEST');
    },
  );

  test.each(['https://q.io', [1], {}])('refuses urls of %j', (urls) => {
    expect(outcome(() => read({ urls }))).toBe('E_MANIFEST');
  });

  test.each([null, 1, 'x', [], {}, { os: 'linux' }, { os: 1, architecture: 2 }])(
    'goes on without a platform of %j',
    (platform) => {
      expect(read({ platform })).toEqual(plain);
    },
  );

  test('keeps the annotations that are text and takes nothing from a prototype', () => {
    const value: unknown = JSON.parse(
      `{"mediaType":"a/b","digest":"${digest}","size":1,"annotations":{"a":"b","n":1,"__proto__":"c"},"__proto__":{"urls":["x"]}}`,
    );
    const descriptor = parseDescriptor(value, 'config');
    expect(Object.entries(descriptor.annotations ?? {})).toEqual([
      ['a', 'b'],
      ['__proto__', 'c'],
    ]);
    expect(descriptor.urls).toBeUndefined();
    expect(outcome(() => parseDescriptor(Object.create(plain), 'config'))).toBe('E_MANIFEST');
  });

  test.each([null, undefined, 1, 'x', [], [plain]])('refuses %j', (value) => {
    expect(refusal(() => parseDescriptor(value, 'config')).message).toContain('config');
  });

  test('never throws an untyped error', () => {
    const member = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(plain)));
    const nearly = fc.record(
      {
        mediaType: member,
        digest: member,
        size: member,
        urls: member,
        annotations: member,
        platform: member,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(nearly, fc.jsonValue()), (value) => {
        expect(['ok', 'E_MANIFEST', 'E_ALGORITHM']).toContain(outcome(() => parseDescriptor(value, 'x')));
      }),
      { numRuns: 500 },
    );
  });
});

describe('sameContent', () => {
  test('compares digest and size alone', () => {
    expect(sameContent(read({}), read({ mediaType: 'application/other' }))).toBe(true);
    expect(sameContent(read({}), read({ size: 8 }))).toBe(false);
    expect(sameContent(read({}), read({ digest: `sha256:${'a'.repeat(64)}` }))).toBe(false);
  });
});

test('the largest blob comes first for a transfer', () => {
  const sized = [3, 9, 1].map((size) => ({
    mediaType: 'a/b',
    digest: digestOf(Buffer.from(String(size))),
    size,
  }));
  expect(sized.sort(largestFirst).map(({ size }) => size)).toEqual([9, 3, 1]);
});
