import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { printable } from '../../../src/spec/printable.js';
import { anyText } from './arbitraries.js';

describe('printable', () => {
  test('leaves ordinary text of any language as it is', () => {
    expect(printable('Größe überschritten: 日本語 👍')).toBe('Größe überschritten: 日本語 👍');
  });

  test('drops terminal escapes, C1 controls, bidirectional marks and lone surrogates', () => {
    expect(printable('a\u001b[31mb\u009bc\u202ed\u2066e\u200ff\ud800g\u0000h\u007f')).toBe('a[31mbcdefgh');
  });

  test('makes several lines one', () => {
    expect(printable('first\r\nsecond\tthird')).toBe('first second third');
  });

  test('cuts long text at the given length and says so', () => {
    expect(printable('abcdef', 4)).toBe('abc…');
    expect(printable('x'.repeat(501))).toHaveLength(500);
  });

  test('does not cut a character in two', () => {
    expect(printable('ab👍cd', 4)).toBe('ab…');
  });

  test('says that it cut when what it looked at was all controls', () => {
    expect(printable(`${'\u0000'.repeat(5_000)}tail`, 10)).toBe('…');
  });

  test('never lets a control character through or grows past its length', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 50 }), (text, max) => {
        const shown = printable(text, max);
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
        expect(shown.length).toBeLessThanOrEqual(max);
        expect(Buffer.from(shown).toString()).toBe(shown);
      }),
    );
  });
});
