import { describe, expect, it } from 'vitest';

import { distinct, missesContent, toBringAgain } from '../../../src/copy/missing-content.js';
import { RegferryError } from '../../../src/errors.js';
import type { Descriptor } from '../../../src/spec/descriptor.js';
import { descriptorOf } from '../registry/open-repository.js';

const refusal = (...registryCodes: string[]): RegferryError =>
  new RegferryError('E_REFUSED', 'no', { status: 400, registryCodes });

const [copied, lost, mounted] = ['copied', 'lost', 'mounted'].map((text) =>
  descriptorOf(Buffer.from(text)),
) as [Descriptor, Descriptor, Descriptor];

/** Of these, the first two were uploaded, and the second is not there any more. */
function bringAgain(blobs: readonly Descriptor[], code: string): Promise<readonly Descriptor[]> {
  return toBringAgain(blobs, refusal(code), {
    has: (blob) => Promise.resolve(blob !== lost),
    isCopied: (blob) => blob !== mounted,
    stop: () => undefined,
  });
}

describe('a refused manifest', () => {
  it.each(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'MANIFEST_INVALID'])(
    'with %s misses something, or may',
    (code) => {
      expect(missesContent(refusal('X', code))).toBe(true);
    },
  );

  it.each(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN'])(
    'with %s needs what was not uploaded, and what was lost since',
    async (code) => {
      expect(await bringAgain([copied, lost, mounted], code)).toEqual([mounted, lost]);
    },
  );

  it('that says to miss something needs everything where all is there that was uploaded', async () => {
    expect(await bringAgain([copied], 'BLOB_UNKNOWN')).toEqual([copied]);
  });

  it('with MANIFEST_INVALID needs what is not there', async () => {
    expect(await bringAgain([copied, lost, mounted], 'MANIFEST_INVALID')).toEqual([lost]);
    expect(await bringAgain([copied, mounted], 'MANIFEST_INVALID')).toEqual([]);
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
