import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { brokeOff, explained, isDisputed, lostSession } from '../../../src/registry/upload-failure.js';

const answered = (status: number, ...registryCodes: string[]): RegferryError =>
  new RegferryError('E_REFUSED', 'PUT answered', { status, registryCodes, side: 'target' });

describe('the failure of an upload', () => {
  it.each([
    [404, 'BLOB_UPLOAD_UNKNOWN', true],
    [400, 'BLOB_UPLOAD_INVALID', true],
    [404, 'NAME_UNKNOWN', false],
  ])('%i %s is a lost session: %s', (status, code, lost) => {
    expect(lostSession(answered(status, code))).toBe(lost);
    expect(lostSession(answered(status))).toBe(false);
  });

  it.each([
    ['DIGEST_INVALID', true],
    ['SIZE_INVALID', true],
    ['BLOB_UPLOAD_INVALID', false],
  ])('%s disputes the bytes: %s', (code, disputed) => {
    expect(isDisputed(answered(400, code))).toBe(disputed);
  });

  it('without an answer broke off', () => {
    expect(brokeOff(new RegferryError('E_CUT', 'cut'))).toBe(true);
    expect(brokeOff(new RegferryError('E_TIMEOUT', 'stalled'))).toBe(true);
    expect(brokeOff(new RegferryError('E_CUT', 'answered before the body was sent', { status: 201 }))).toBe(
      false,
    );
    expect(brokeOff(new RegferryError('E_NETWORK', 'refused'))).toBe(false);
    expect(brokeOff(answered(500))).toBe(false);
  });

  it('by size says what limits it, and what may help', () => {
    const whole = explained(answered(413), { kind: 'put' });
    expect(whole).toMatchObject({ code: 'E_LIMIT', status: 413, side: 'target' });
    expect(whole.hint).toEqual({ code: 'smaller-chunks' });
    expect(explained(answered(413), { kind: 'chunks', bytes: 1 }).hint).toBeUndefined();
    const other = answered(400);
    expect(explained(other, { kind: 'put' })).toBe(other);
  });
});
