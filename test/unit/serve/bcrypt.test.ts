import { describe, expect, it } from 'vitest';

import { matchesBcrypt, parseBcrypt } from '../../../src/serve/bcrypt.js';
import { Blowfish } from '../../../src/serve/blowfish.js';
import { fractionOfPi } from '../../../src/serve/pi.js';
import { findProgram, runProgram } from '../../support/child.js';

function matches(password: string, text: string): boolean {
  const hash = parseBcrypt(text);
  if (hash === undefined) throw new Error(`not a hash: ${text}`);
  return matchesBcrypt(password, hash);
}

const digits = '0123456789';

describe('matchesBcrypt', () => {
  // Made with htpasswd -B of Apache 2.4; those with 2a are of Solar Designer's crypt_blowfish.
  it.each([
    ['password', '$2y$05$6Wbs2pMwstesusyIioenJunbTmPISXofvOwNdjKija8QJ5qJd2Yui'],
    ['x', '$2y$04$F75dtVypzUBEK88Tg.9ha.kmKn3AyOaPyGs9St0KRKtEqPRht2jKC'],
    ['correct horse battery staple', '$2y$06$MVt7JMRNJlCg6OFEw6/48uRzh1dFSoMmZZb0nohFJ8VTyR8M6i8S.'],
    ['Grüße, 世界 🚢', '$2y$05$jNrhBtORQSWhlsO0da3KNe1aPP6QiqqNvzrSQE6kfm947ccwJoi16'],
    ['a:b:c', '$2y$05$9VegXtFoUpYxwznUgfnxSe6QhH3fjtiifYqURh6XaeXo6Ls2OueLW'],
    ['', '$2y$05$NUJ3of22tgwtHJdUVegrMO.A8IoVBm7rb8gTLQjv4AcAo7CLTmb3m'],
    [digits.repeat(8), '$2y$05$XPrtcRxrTrR/J4XGXTHnyuj2HaatgsSKuarVFPGEO4JnvyivzUKUq'],
    ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
    ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
  ])('knows the password "%s"', (password, text) => {
    expect(matches(password, text)).toBe(true);
    expect(matches(`${password}\u0001`.slice(-72), text)).toBe(false);
    expect(matches(password === '' ? ' ' : password.slice(1), text)).toBe(false);
  });

  it('looks at the first 72 bytes', () => {
    const text = '$2y$05$XPrtcRxrTrR/J4XGXTHnyuj2HaatgsSKuarVFPGEO4JnvyivzUKUq';
    expect(matches(`${digits.repeat(7)}01`, text)).toBe(true);
    expect(matches(`${digits.repeat(7)}0`, text)).toBe(false);
  });

  it.skipIf(findProgram('htpasswd') === undefined)('agrees with htpasswd', async () => {
    for (const password of ['one', 'Zwölf Boxkämpfer', 'x'.repeat(71)]) {
      const { stdout } = await runProgram('htpasswd', ['-bnBC', '4', 'user', password]);
      const text = stdout.toString().trim().replace('user:', '');
      expect(matches(password, text)).toBe(true);
      expect(matches(`${password.slice(0, -1)}?`, text)).toBe(false);
    }
  });
});

describe('parseBcrypt', () => {
  it('takes a hash apart', () => {
    const hash = parseBcrypt('$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW');
    expect([hash?.cost, hash?.salt.length, hash?.hash.length]).toEqual([12, 16, 23]);
    expect(hash?.salt.toString('hex')).toBe('10410410410410410410410410410410');
  });

  it.each([
    '$apr1$zI1/$mAgz8D0OCGg62CAyz0JVX/',
    '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
    'plain',
    '',
    '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$32$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe!',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW',
  ])('refuses "%s"', (text) => {
    expect(parseBcrypt(text)).toBeUndefined();
  });
});

describe('Blowfish', () => {
  // Eric Young's vectors for the cipher alone, whose key setup is that with a salt of zeros.
  it.each([
    ['0000000000000000', '0000000000000000', '4ef997456198dd78'],
    ['ffffffffffffffff', 'ffffffffffffffff', '51866fd5b85ecb8a'],
    ['0123456789abcdef', '1111111111111111', '61f9c3802281b096'],
    ['fedcba9876543210', '0123456789abcdef', '0aceab0fc6a0a28d'],
  ])('with the key %s makes of %s %s', (key, clear, encrypted) => {
    const words = (hex: string): Int32Array =>
      Int32Array.from({ length: 2 }, (_, at) => Buffer.from(hex, 'hex').readInt32BE(at * 4));
    const cipher = new Blowfish();
    cipher.expand(words(key), new Int32Array(4));
    const block = words(clear);
    cipher.encrypt(block, 0);
    const result = Buffer.alloc(8);
    for (const [at, word] of block.entries()) result.writeInt32BE(word, at * 4);
    expect(result.toString('hex')).toBe(encrypted);
  });
});

it('the digits of pi are those of Blowfish from first to last', () => {
  const words = [...fractionOfPi(18 + 4 * 256)].map((word) => (word >>> 0).toString(16).padStart(8, '0'));
  expect(words.slice(0, 4)).toEqual(['243f6a88', '85a308d3', '13198a2e', '03707344']);
  expect(words.at(-1)).toBe('3ac372e6');
});
