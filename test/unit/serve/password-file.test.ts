import { describe, expect, it, vi } from 'vitest';

import { matchesBcrypt } from '../../../src/serve/bcrypt.js';
import { PasswordFile } from '../../../src/serve/password-file.js';

const hashes = {
  password: '$2y$05$6Wbs2pMwstesusyIioenJunbTmPISXofvOwNdjKija8QJ5qJd2Yui',
  colons: '$2y$05$9VegXtFoUpYxwznUgfnxSe6QhH3fjtiifYqURh6XaeXo6Ls2OueLW',
  unicode: '$2y$05$jNrhBtORQSWhlsO0da3KNe1aPP6QiqqNvzrSQE6kfm947ccwJoi16',
};

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const parse = (content: string, matches = matchesBcrypt): PasswordFile =>
  PasswordFile.parse(content, 'users', matches);

describe('PasswordFile', () => {
  const file = parse(
    `# people\r\nann:${hashes.password}\r\n\nbob:${hashes.colons}\nann:${hashes.colons}\nüli:${hashes.unicode}\n`,
  );

  it.each([
    ['ann', 'password', true],
    ['bob', 'a:b:c', true],
    ['üli', 'Grüße, 世界 🚢', true],
    ['ann', 'a:b:c', false],
    ['ann', 'Password', false],
    ['ann', '', false],
    ['Ann', 'password', false],
    ['eve', 'password', false],
    ['', 'password', false],
    ['# people', '', false],
    ['ann', 'password\0', false],
    ['ann', 'password\0password', false],
  ])('lets %j in with the password %j: %j', (user, password, allowed) => {
    expect(file.isAllowed(basic(user, password))).toBe(allowed);
  });

  it.each([
    undefined,
    '',
    'Basic',
    'Basic !',
    'Bearer abc',
    `Basic ${Buffer.from('ann').toString('base64')}`,
    `${basic('ann', 'password')} more`,
    basic('ann', 'x'.repeat(5_000)),
  ])('does not let "%s" in', (header) => {
    expect(file.isAllowed(header)).toBe(false);
  });

  it('takes the scheme in any letter case', () => {
    expect(file.isAllowed(basic('ann', 'password').replace('Basic', 'bASIC'))).toBe(true);
  });

  it('checks each pair once, wrong ones too, and unknown users as if they were known', () => {
    const check = vi.fn(matchesBcrypt);
    const other = parse(`ann:${hashes.password}`, check);
    const checks = (user: string, password: string): number => {
      check.mockClear();
      for (let time = 0; time < 3; time += 1) other.isAllowed(basic(user, password));
      return check.mock.calls.length;
    };
    expect([checks('ann', 'password'), checks('ann', 'wrong'), checks('eve', 'password')]).toEqual([1, 1, 1]);
    expect(checks('ann', 'password')).toBe(0);
  });

  it('forgets what it remembers when that is too much', () => {
    const check = vi.fn(() => false);
    const other = parse(`ann:${hashes.password}`, check);
    for (let at = 0; at < 1_001; at += 1) other.isAllowed(basic('ann', String(at)));
    check.mockClear();
    other.isAllowed(basic('ann', '1000'));
    expect(check).toHaveBeenCalledTimes(0);
    other.isAllowed(basic('ann', '0'));
    expect(check).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['ann:$apr1$zI1/$mAgz8D0OCGg62CAyz0JVX/', 'users, line 1 (ann): the hash is not bcrypt'],
    [`ann:${hashes.password}\nbob`, 'users, line 2: expected user:hash'],
    [`\n:${hashes.password}`, 'users, line 2: expected user:hash'],
    [`ann:${hashes.password.replace('$05', '$13')}`, 'users, line 1 (ann): the cost is 13'],
    ['# nobody\n', 'users has no users'],
    ['a\u001b[31m:x', 'users, line 1 (a[31m): the hash is not bcrypt'],
  ])('refuses the file "%s"', (content, message) => {
    expect(() => parse(content)).toThrow(
      expect.objectContaining({
        code: 'E_CONFIG',
        message: expect.stringContaining(message) as unknown,
      }) as Error,
    );
  });
});
