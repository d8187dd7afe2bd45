import { hashSync } from 'bcryptjs';
import { afterAll, describe, expect, it } from 'vitest';

import { idleSalts, isSameHash, parseBcrypt } from '../../../src/serve/bcrypt-hash.js';
import { BcryptThread } from '../../../src/serve/bcrypt-thread.js';
import { findProgram, runProgram } from '../../support/child.js';

function matches(password: string, text: string): boolean {
  const hash = parseBcrypt(text);
  if (hash === undefined) throw new Error(`not a hash: ${text}`);
  return isSameHash(hashSync(password, hash.salt), hash);
}

const digits = '0123456789';

describe('a bcrypt hash', () => {
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
    expect(hash).toEqual({
      cost: 12,
      salt: '$2b$12$CCCCCCCCCCCCCCCCCCCCC.',
      hash: 'E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    });
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

describe('idleSalts', () => {
  const rounds = (salts: readonly string[]): number =>
    salts.reduce((sum, salt) => sum + 2 ** Number(salt.slice(4, 6)), 0);

  it.each([
    [4, 4],
    [5, 12],
    [12, 12],
    [4, 15],
  ])('make a check at the cost %i as long as one at %i', (cost, highest) => {
    expect(2 ** cost + rounds(idleSalts(cost, highest))).toBe(2 ** highest);
  });

  it('take all of the time where there was no check', () => {
    expect(rounds(idleSalts(undefined, 9))).toBe(2 ** 9);
  });

  it('can be hashed with', () => {
    for (const salt of idleSalts(4, 6)) expect(hashSync('x', salt)).toMatch(/^\$2b\$0[45]\$/);
  });
});

describe('BcryptThread', () => {
  const thread = new BcryptThread();
  afterAll(() => thread.close());

  it('gives the hashes for the salts, in their order', async () => {
    const salts = ['$2y$05$6Wbs2pMwstesusyIioenJu', '$2a$04$CCCCCCCCCCCCCCCCCCCCC.'];
    expect(await thread.hash({ password: 'password', salts })).toEqual(
      salts.map((salt) => hashSync('password', salt)),
    );
  });

  it('fails the task with which its thread ends, and starts another for the next', async () => {
    await expect(thread.hash({ password: 'x', salts: ['nonsense'] })).rejects.toThrow('salt');
    const [made] = await thread.hash({ password: 'x', salts: ['$2a$04$CCCCCCCCCCCCCCCCCCCCC.'] });
    expect(made).toMatch(/^\$2a\$04\$/);
  });

  it('lets go of what runs when it is closed, and takes nothing afterwards', async () => {
    const other = new BcryptThread();
    const running = other.hash({ password: 'x', salts: ['$2a$20$CCCCCCCCCCCCCCCCCCCCC.'] });
    const failed = expect(running).rejects.toThrow('has ended');
    await other.close();
    await failed;
    await other.close();
    await expect(other.hash({ password: 'x', salts: [] })).rejects.toThrow('any more');
  });
});
