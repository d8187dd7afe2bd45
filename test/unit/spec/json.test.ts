import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isJsonObject, own, ownText, parseJson } from '../../../src/spec/json.js';
import { JSON_NESTING, JSON_VALUES } from '../../../src/spec/limits.js';
import { anyText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const parse = (text: string): unknown => parseJson(Buffer.from(text), 'config');

describe('parseJson', () => {
  test('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = JSON.stringify(value, null, 2);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('is not misled by brackets and quotes in strings', () => {
    const value = { 'a"[{': ['\\', `"${'['.repeat(200)}`, '[['.repeat(200), '{'] };
    expect(parse(JSON.stringify(value))).toEqual(value);
    const quoted = `"${'['.repeat(200)}`;
    expect(parse(JSON.stringify(quoted))).toBe(quoted);
  });

  test('names the document and the trouble', () => {
    expect(refusal(() => parse('{')).message).toBe('config: not valid JSON');
    expect(refusal(() => parse('\ufeff{}')).message).toContain('byte order mark');
  });

  test('takes nesting up to the limit and refuses more without running out of stack', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(outcome(() => parse(nested(JSON_NESTING)))).toBe('ok');
    expect(outcome(() => parse(nested(JSON_NESTING + 1)))).toBe('E_MANIFEST');
    expect(outcome(() => parse('{"a":'.repeat(1_000_000)))).toBe('E_MANIFEST');
    expect(outcome(() => parse('['.repeat(4_000_000)))).toBe('E_MANIFEST');
  });

  test('sees bytes that are not UTF-8 as replacement characters', () => {
    expect(parseJson(Buffer.from([0x22, 0xff, 0x22]), 'config')).toBe('\ufffd');
  });

  test.each(['', ' ', 'nul', '{"a":1,}', "{'a':1}", '{"a":1}x', '[1', '<html>', '\u0000'])(
    'refuses %j',
    (text) => {
      expect(outcome(() => parse(text))).toBe('E_MANIFEST');
    },
  );

  test('refuses more values than a parser should be given, and counts none that stand in text', () => {
    const list = (count: number): Buffer => Buffer.from(`[${'{},'.repeat(count)}0]`);
    expect(outcome(() => parseJson(list(JSON_VALUES / 2 - 1), 'x'))).toBe('ok');
    for (const document of [list(JSON_VALUES / 2), Buffer.from(`[${'0,'.repeat(JSON_VALUES)}0]`)]) {
      expect(outcome(() => parseJson(document, 'x'))).toBe('E_MANIFEST');
    }
    expect(outcome(() => parseJson(Buffer.from(JSON.stringify('[{,'.repeat(JSON_VALUES))), 'x'))).toBe('ok');
  });

  test('never throws an untyped error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          anyText.map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          expect(['ok', 'E_MANIFEST']).toContain(outcome(() => parseJson(bytes, 'x')));
        },
      ),
    );
  });
});

describe('own and ownText', () => {
  test('see nothing that was inherited', () => {
    const value = parse('{"__proto__":{"polluted":"yes"},"a":"b","empty":"","n":1}');
    if (!isJsonObject(value)) throw new Error('not an object');
    expect(own(value, 'polluted')).toBeUndefined();
    expect(own(value, 'toString')).toBeUndefined();
    expect(own(value, '__proto__')).toEqual({ polluted: 'yes' });
    expect([ownText(value, 'a'), ownText(value, 'empty'), ownText(value, 'n')]).toEqual([
      'b',
      undefined,
      undefined,
    ]);
  });
});
