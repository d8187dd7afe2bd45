import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { OCI_INDEX, SCHEMA1, SCHEMA1_SIGNED } from '../../../src/spec/media-types.js';
import { schema1Digest, schema1Refusal } from '../../../src/spec/schema1.js';
import { outcome } from './outcome.js';

const PAYLOAD = `{\n   "schemaVersion": 1,\n   "name": "library/größe",\n   "tag": "1",\n   "fsLayers": []\n}`;
/** Everything up to and without the closing line end and brace: the signatures go in between. */
const HEAD = PAYLOAD.slice(0, -2);
const FORMAT = {
  formatLength: Buffer.byteLength(HEAD),
  formatTail: Buffer.from('\n}').toString('base64url'),
  time: '2016-01-01T00:00:00Z',
};

function signature(format: unknown, key = 'a'): object {
  return {
    header: { kid: key },
    signature: key,
    protected: Buffer.from(JSON.stringify(format)).toString('base64url'),
  };
}

function signed(...signatures: unknown[]): Buffer {
  return Buffer.from(`${HEAD},\n   "signatures": ${JSON.stringify(signatures)}\n}`);
}

describe('schema1Digest', () => {
  test('of a signed manifest is that of the payload, whatever signatures there are and in whichever order', () => {
    const digest = digestOf(Buffer.from(PAYLOAD));
    const [a, b] = [signature(FORMAT, 'a'), signature({ ...FORMAT, time: 'later' }, 'b')];
    expect(schema1Digest(signed(a))).toBe(digest);
    expect(schema1Digest(signed(a, b))).toBe(digest);
    expect(schema1Digest(signed(b, a))).toBe(digest);
  });

  test('of an unsigned manifest is that of its bytes', () => {
    expect(schema1Digest(Buffer.from(PAYLOAD))).toBe(digestOf(Buffer.from(PAYLOAD)));
    expect(schema1Digest(signed())).toBe(digestOf(signed()));
  });

  test.each([
    ['a negative length', { ...FORMAT, formatLength: -1 }],
    ['a length beyond the end', { ...FORMAT, formatLength: 100_000 }],
    ['a fractional length', { ...FORMAT, formatLength: 1.5 }],
    ['a length that is text', { ...FORMAT, formatLength: '10' }],
    ['no length', { formatTail: FORMAT.formatTail }],
    ['no tail', { formatLength: 10 }],
    ['a tail that is not base64url', { ...FORMAT, formatTail: 'a+/=' }],
    ['no object', [1]],
    ['null', null],
  ])('refuses a protected header with %s', (_, format) => {
    expect(outcome(() => schema1Digest(signed(signature(format))))).toBe('E_MANIFEST');
  });

  test('refuses signatures that disagree about the payload', () => {
    const other = signature({ ...FORMAT, formatLength: FORMAT.formatLength - 1 });
    expect(outcome(() => schema1Digest(signed(signature(FORMAT), other)))).toBe('E_MANIFEST');
    const tail = signature({ ...FORMAT, formatTail: 'fQ' });
    expect(outcome(() => schema1Digest(signed(signature(FORMAT), tail)))).toBe('E_MANIFEST');
  });

  test.each([
    'null',
    '[]',
    '{"signatures":{}}',
    '{"signatures":"x"}',
    '{"signatures":[1]}',
    '{"signatures":[{"protected":"e"}]}',
    'x',
  ])('refuses %s', (text) => {
    expect(outcome(() => schema1Digest(Buffer.from(text)))).toBe('E_MANIFEST');
  });

  test('never throws an untyped error', () => {
    const header = fc.record(
      { formatLength: fc.jsonValue(), formatTail: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            header.map((format) => signature(format)),
            fc.jsonValue(),
          ),
        ),
        (signatures) => {
          expect(['ok', 'E_MANIFEST']).toContain(outcome(() => schema1Digest(signed(...signatures))));
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(['ok', 'E_MANIFEST']).toContain(outcome(() => schema1Digest(bytes)));
      }),
    );
  });
});

describe('schema1Refusal', () => {
  test('says why it cannot be copied and what to do', () => {
    for (const type of [SCHEMA1, SCHEMA1_SIGNED, `${SCHEMA1}; charset=utf-8`]) {
      const error = schema1Refusal(type, 'q.io/app:1');
      expect(error?.code).toBe('E_SCHEMA1');
      expect(error?.message).toMatch(
        /^q\.io\/app:1: .*signed together with its old name.*digest of its bytes.*rebuild/,
      );
    }
  });

  test('has nothing against other types', () => {
    expect(schema1Refusal(OCI_INDEX, 'q.io/app:1')).toBeUndefined();
  });
});
