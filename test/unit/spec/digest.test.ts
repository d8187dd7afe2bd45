import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  algorithmOf,
  createDigester,
  digestOf,
  encodedOf,
  isDigest,
  parseDigest,
} from '../../../src/spec/digest.js';
import { anyText, digestText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const A64 = 'a'.repeat(64);
const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('parseDigest', () => {
  test('takes sha256 and sha512 and tells their parts', () => {
    const short = parseDigest(`sha256:${A64}`);
    const long = parseDigest(`sha512:${A64}${A64}`);
    expect([algorithmOf(short), encodedOf(short)]).toEqual(['sha256', A64]);
    expect([algorithmOf(long), encodedOf(long)]).toEqual(['sha512', A64 + A64]);
  });

  test.each([
    ['', 'E_REFERENCE'],
    [A64, 'E_REFERENCE'],
    [`sha256:${'A'.repeat(64)}`, 'E_REFERENCE'],
    [`SHA256:${A64}`, 'E_REFERENCE'],
    [`sha256:${A64.slice(1)}`, 'E_REFERENCE'],
    [`sha256:${A64}a`, 'E_REFERENCE'],
    [`sha512:${A64}`, 'E_REFERENCE'],
    [`sha256:${A64}\n`, 'E_REFERENCE'],
    [`sha256:${A64.slice(2)}\r\n`, 'E_REFERENCE'],
    ['sha256:../../etc/passwd', 'E_REFERENCE'],
    [`sha256:${'../'.repeat(21)}a`, 'E_REFERENCE'],
    [`../sha256:${A64}`, 'E_REFERENCE'],
    [`sha256:${'a'.repeat(100_000)}`, 'E_REFERENCE'],
    [`sha256:${'\uff41'.repeat(64)}`, 'E_REFERENCE'],
    [`sha384:${A64}`, 'E_ALGORITHM'],
    [`blake3:${A64}`, 'E_ALGORITHM'],
    ['md5:d41d8cd98f00b204e9800998ecf8427e', 'E_ALGORITHM'],
    ['sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564', 'E_ALGORITHM'],
  ])('refuses %j with %s', (text, code) => {
    expect(outcome(() => parseDigest(text))).toBe(code);
    expect(isDigest(text)).toBe(false);
  });

  test('names the algorithm it cannot verify', () => {
    expect(refusal(() => parseDigest(`blake3:${A64}`)).message).toContain('blake3');
  });

  test('says that upper-case hex is the trouble', () => {
    expect(refusal(() => parseDigest(`sha256:${'A'.repeat(64)}`)).message).toContain('lower case');
  });

  test('gives every digest back as it was', () => {
    fc.assert(
      fc.property(digestText, (text) => {
        const digest = parseDigest(text);
        expect(`${algorithmOf(digest)}:${encodedOf(digest)}`).toBe(text);
      }),
    );
  });

  test('never throws an untyped error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          digestText.chain((d) => anyText.map((t) => d + t)),
        ),
        (text) => {
          expect(['ok', 'E_REFERENCE', 'E_ALGORITHM']).toContain(outcome(() => parseDigest(text)));
        },
      ),
    );
  });
});

describe('digestOf and createDigester', () => {
  test('hash with the algorithm that was asked for', () => {
    expect(digestOf(new Uint8Array())).toBe(EMPTY);
    expect(digestOf(Buffer.from('{}'))).toBe(
      'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    );
    expect(digestOf(Buffer.from('abc'), 'sha512')).toBe(
      'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
  });

  test('a digester agrees with digestOf however the bytes are cut', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 });
    fc.assert(
      fc.property(pieces, fc.constantFrom('sha256', 'sha512'), (parts, algorithm) => {
        const digester = createDigester(algorithm);
        for (const part of parts) digester.update(part);
        expect(digester.digest()).toBe(digestOf(Buffer.concat(parts), algorithm));
      }),
    );
  });

  test('a copy goes its own way, and asking does not end a digester', () => {
    const digester = createDigester('sha256');
    digester.update(Buffer.from('a'));
    const copy = digester.copy();
    expect(digester.digest()).toBe(digestOf(Buffer.from('a')));
    digester.update(Buffer.from('b'));
    copy.update(Buffer.from('c'));
    expect(digester.digest()).toBe(digestOf(Buffer.from('ab')));
    expect(copy.digest()).toBe(digestOf(Buffer.from('ac')));
  });
});
