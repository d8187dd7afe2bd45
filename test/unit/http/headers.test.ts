import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  parseContentRange,
  parseNextLink,
  parseRetryAfter,
  parseUploadRange,
  parseWarnings,
} from '../../../src/http/headers.js';
import { receivedHeaders } from '../../../src/http/received-headers.js';

describe('parseUploadRange', () => {
  it.each([
    ['0-99', 100],
    ['bytes=0-99', 100],
    ['bytes 0-99', 100],
    ['0-0', 1],
    ['0--1', 0],
    [' 0-5 ', 6],
    ['1-99', undefined],
    ['0-', undefined],
    ['0--2', undefined],
    ['0-99999999999999999', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is %j', (value, bytes) => {
    expect(parseUploadRange(value)).toBe(bytes);
  });

  it('reads every range that it could have been sent', () => {
    fc.assert(fc.property(fc.nat(), (n) => parseUploadRange(`0-${n}`) === n + 1));
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => (parseUploadRange(text) ?? 0) >= 0));
  });
});

describe('parseContentRange', () => {
  it.each([
    ['bytes 5-9/10', { start: 5, end: 9, total: 10 }],
    ['Bytes 5-9/*', { start: 5, end: 9, total: undefined }],
    ['bytes 9-5/10', undefined],
    ['bytes 5-10/10', undefined],
    ['bytes */10', undefined],
    ['items 0-1/2', undefined],
    ['multipart', undefined],
    [undefined, undefined],
  ])('%j', (value, range) => {
    expect(parseContentRange(value)).toEqual(range);
  });

  it('never throws, and gives ordered numbers', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^bytes \d+-\d+\/(\d+|\*)$/)), (text) => {
        const range = parseContentRange(text);
        return range === undefined || range.start <= range.end;
      }),
    );
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2030, 0, 1);
  const parse = (value: string, date?: string) =>
    parseRetryAfter(receivedHeaders({ 'retry-after': value, date }), now);

  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 3 ', 3_000],
    ['Tue, 01 Jan 2030 00:00:05 GMT', 5_000],
    ['Tuesday, 01-Jan-30 00:00:05 GMT', 5_000],
    ['Mon, 01 Jan 2001 00:00:00 GMT', 0],
    ['9'.repeat(400), 1e12],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['in 5', undefined],
    ['2030', 2_030_000],
    ['Tue, 99 Xyz 2030 00:00:05 GMT', undefined],
    ['', undefined],
  ])('%j is %j', (value, wait) => {
    expect(parse(value)).toBe(wait);
  });

  it('measures a date against the clock of the server that sent it', () => {
    expect(parse('Tue, 01 Jan 2030 02:00:05 GMT', 'Tue, 01 Jan 2030 02:00:00 GMT')).toBe(5_000);
  });

  it('is undefined without the header', () => {
    expect(parseRetryAfter(receivedHeaders({}), now)).toBeUndefined();
  });

  it('never throws, and never gives less than nothing', () => {
    fc.assert(fc.property(fc.string(), (text) => (parse(text) ?? 0) >= 0));
  });
});

describe('parseNextLink', () => {
  it.each([
    [['</v2/a/tags/list?last=b&n=2>; rel="next"'], '/v2/a/tags/list?last=b&n=2'],
    [['<https://r/x>;rel=next'], 'https://r/x'],
    [['<a>; rel="prev", <b>; rel="next"'], 'b'],
    [['<a>; title="x, y; z"; rel="prev next"'], 'a'],
    [['<a,b>; REL=NEXT'], 'a,b'],
    [['<a>; rel=prev', '<b>; rel=next'], 'b'],
    [['<a>; title="<x>; rel=next"; rel=prev'], undefined],
    [['<a>; rel=nextish'], undefined],
    [['<a'], undefined],
    [['/v2/x; rel=next'], undefined],
    [[], undefined],
  ])('%j', (values, target) => {
    expect(parseNextLink(values)).toBe(target);
  });

  it('never throws, and gives what was between the brackets', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[<>;," a-z\\=]*(rel=next)?[<>;," a-z\\=]*$/), (text) => {
        const target = parseNextLink([text]);
        return target === undefined || text.includes(`<${target}>`);
      }),
    );
  });

  it('reads a hostile header quickly', () => {
    const start = performance.now();
    parseNextLink([
      '<a>;'.repeat(8_000),
      '<'.repeat(32_000),
      `<a>;${' '.repeat(32_000)}`,
      '<a>"\\'.repeat(8_000),
    ]);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('parseWarnings', () => {
  it.each([
    [['299 - "gone soon"'], ['gone soon']],
    [['299 r.example "a \\"b\\" \\\\"'], ['a "b" \\']],
    [
      ['299 - "a", 299 - "b"', '299 - "c"'],
      ['a', 'b', 'c'],
    ],
    [['199 - "misc"'], []],
    [['299 - unquoted'], []],
    [['299 - "open'], []],
  ])('%j', (values, texts) => {
    expect(parseWarnings(values)).toEqual(texts);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (values) => Array.isArray(parseWarnings(values))),
    );
  });

  it('reads a hostile header quickly', () => {
    const start = performance.now();
    parseWarnings(['299 - "'.repeat(5_000), '299 '.repeat(8_000), `299 - "${'\\'.repeat(32_000)}`]);
    expect(performance.now() - start).toBeLessThan(500);
  });
});

describe('receivedHeaders', () => {
  it('gives the first of several values, and all of them', () => {
    const headers = receivedHeaders({ link: ['a', 'b'], etag: 'c' });
    expect([headers.get('link'), headers.get('etag'), headers.get('x')]).toEqual(['a', 'c', undefined]);
    expect([headers.all('link'), headers.all('etag'), headers.all('x')]).toEqual([['a', 'b'], ['c'], []]);
  });

  it('has no inherited headers', () => {
    expect(receivedHeaders({}).get('constructor')).toBeUndefined();
  });
});
