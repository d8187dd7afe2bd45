import { describe, expect, it } from 'vitest';

import { distinct, missesContent, saysMissing } from '../../../src/copy/missing-content.js';
import { RegferryError } from '../../../src/errors.js';
import { descriptorOf } from '../registry/open-repository.js';

const refusal = (...registryCodes: string[]): RegferryError =>
  new RegferryError('E_REFUSED', 'no', { status: 400, registryCodes });

describe('a refused manifest', () => {
  it.each(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN'])(
    'with %s misses something',
    (code) => {
      expect([missesContent(refusal('X', code)), saysMissing(refusal('X', code))]).toEqual([true, true]);
    },
  );

  it('with MANIFEST_INVALID may miss something', () => {
    expect([missesContent(refusal('MANIFEST_INVALID')), saysMissing(refusal('MANIFEST_INVALID'))]).toEqual([
      true,
      false,
    ]);
  });

  it.each([refusal(), refusal('DENIED'), new Error('MANIFEST_UNKNOWN'), undefined])(
    '%s misses nothing',
    (error) => {
      expect(missesContent(error)).toBe(false);
    },
  );
});

it('takes each digest once', () => {
  const [a, b] = [descriptorOf(Buffer.from('a')), descriptorOf(Buffer.from('b'))];
  expect(distinct([a, b, a, { ...a }])).toEqual([a, b]);
});
