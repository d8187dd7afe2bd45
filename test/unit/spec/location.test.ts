import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { formatLocation, parseLocation } from '../../../src/spec/location.js';
import { anyText, digestText, referenceText, tagText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const SHA256 = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('parseLocation', () => {
  test.each([
    ['oci:layout', { folder: 'layout' }],
    ['oci:layout:1.0', { folder: 'layout', tag: '1.0' }],
    [`oci:layout@${SHA256}`, { folder: 'layout', digest: SHA256 }],
    [`oci:layout:1.0@${SHA256}`, { folder: 'layout', tag: '1.0', digest: SHA256 }],
    ['oci:/tmp/a b/layout:x', { folder: '/tmp/a b/layout', tag: 'x' }],
    ['oci:./layout/', { folder: './layout' }],
    ['oci:../up:x', { folder: '../up', tag: 'x' }],
    ['oci:/', { folder: '/' }],
    ['oci:/a:b/layout', { folder: '/a:b/layout' }],
    ['oci:a:b/', { folder: 'a:b' }],
    ['oci:a:b:c', { folder: 'a:b', tag: 'c' }],
    ['oci:a@b', { folder: 'a@b' }],
  ])('%s is a layout', (text, layout) => {
    expect(parseLocation(text)).toEqual({ kind: 'layout', ...layout });
  });

  test('takes everything else for an image in a registry', () => {
    expect(parseLocation('docker://localhost:5000/x:1')).toEqual({
      kind: 'registry',
      reference: { registry: 'localhost:5000', repository: 'x', tag: '1' },
    });
  });

  test.each([
    'oci:',
    'oci::tag',
    `oci:@${SHA256}`,
    'oci:layout:',
    'oci:layout:a b',
    'oci:layout@sha256:12',
    'oci:a\u0000b',
  ])('refuses %j', (text) => {
    expect(outcome(() => parseLocation(text))).toBe('E_REFERENCE');
  });

  test.each([
    'oci-archive:x.tar',
    'docker-archive:x.tar:n',
    'docker-daemon:x:1',
    'dir:/tmp/x',
    'oci-layout://x',
  ])('says that %s is not supported', (text) => {
    const error = refusal(() => parseLocation(text));
    expect(error.code).toBe('E_REFERENCE');
    expect(error.message).toContain('not supported');
  });

  test('reads back what formatLocation writes', () => {
    const folder = fc
      .string({ unit: fc.constantFrom(...'ab:@/. '.split('')), minLength: 1, maxLength: 12 })
      .map((path) => (path === '/' ? path : path.replace(/\/+$/, '')))
      .filter((path) => path !== '');
    const layout = fc.record(
      { kind: fc.constant('layout' as const), folder, tag: tagText, digest: digestText },
      { requiredKeys: ['kind', 'folder'] },
    );
    fc.assert(
      fc.property(layout, (location) => {
        const text = formatLocation(location as Parameters<typeof formatLocation>[0]);
        expect(parseLocation(text)).toEqual(location);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.oneof(referenceText, fc.constantFrom('oci:5000/x', 'dir:80/x')), (text) => {
        const location = parseLocation(`docker://${text}`);
        expect(parseLocation(formatLocation(location))).toEqual(location);
      }),
    );
  });

  test('never throws an untyped error', () => {
    fc.assert(
      fc.property(fc.constantFrom('', 'oci:', 'docker://', 'dir:'), anyText, (transport, text) => {
        expect(['ok', 'E_REFERENCE', 'E_ALGORITHM']).toContain(
          outcome(() => parseLocation(transport + text)),
        );
      }),
      { numRuns: 300 },
    );
  });
});
