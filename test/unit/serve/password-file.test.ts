import { hashSync } from 'bcryptjs';
import { describe, expect, it, vi } from 'vitest';

import type { HashingTask } from '../../../src/serve/bcrypt-thread.js';
import { PasswordFile } from '../../../src/serve/password-file.js';

const hashes = {
  password: '$2y$05$6Wbs2pMwstesusyIioenJunbTmPISXofvOwNdjKija8QJ5qJd2Yui',
  colons: '$2y$05$9VegXtFoUpYxwznUgfnxSe6QhH3fjtiifYqURh6XaeXo6Ls2OueLW',
  unicode: '$2y$05$jNrhBtORQSWhlsO0da3KNe1aPP6QiqqNvzrSQE6kfm947ccwJoi16',
};

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const here = { address: '192.0.2.1', gone: false };

function inThisThread({ password, salts }: HashingTask): Promise<string[]> {
  return Promise.resolve(salts.map((salt) => hashSync(password, salt)));
}

function parse(content: string, hash = inThisThread): PasswordFile {
  return PasswordFile.parse(content, 'users', { hash, close: () => Promise.resolve() });
}

/** Rounds of key setup: what a task costs. */
function rounds({ salts }: HashingTask): number {
  return salts.reduce((sum, salt) => sum + 2 ** Number(salt.slice(4, 6)), 0);
}

describe('PasswordFile', () => {
  it('may begin with a byte order mark', async () => {
    const marked = parse(`\ufeffann:${hashes.password}\n`);
    expect(await marked.isAllowed(basic('ann', 'password'), here)).toBe(true);
  });

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
  ])('lets %j in with the password %j: %j', async (user, password, allowed) => {
    expect(await file.isAllowed(basic(user, password), here)).toBe(allowed);
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
  ])('does not let "%s" in', async (header) => {
    expect(await file.isAllowed(header, here)).toBe(false);
  });

  it('takes the scheme in any letter case', async () => {
    expect(await file.isAllowed(basic('ann', 'password').replace('Basic', 'bASIC'), here)).toBe(true);
  });

  it('checks a right password once, and a wrong one each time', async () => {
    const hash = vi.fn(inThisThread);
    const other = parse(`ann:${hashes.password}`, hash);
    const checks = async (user: string, password: string): Promise<number> => {
      hash.mockClear();
      for (let time = 0; time < 3; time += 1) await other.isAllowed(basic(user, password), here);
      return hash.mock.calls.length;
    };
    expect(await checks('ann', 'password')).toBe(1);
    expect(await checks('ann', 'wrong')).toBe(3);
    expect(await checks('eve', 'password')).toBe(3);
    expect(await checks('ann', 'password')).toBe(0);
  });

  it('remembers a right password whatever wrong ones come in between', async () => {
    const hash = vi.fn<typeof inThisThread>(() => Promise.resolve([]));
    const other = parse(`ann:${hashes.password}`, hash);
    hash.mockImplementationOnce(inThisThread);
    expect(await other.isAllowed(basic('ann', 'password'), here)).toBe(true);
    for (let at = 0; at < 2_000; at += 1) await other.isAllowed(basic('ann', String(at)), here);
    hash.mockClear();
    expect(await other.isAllowed(basic('ann', 'password'), here)).toBe(true);
    expect(hash).not.toHaveBeenCalled();
  });

  it('takes as long for what is wrong at any cost, and for names that it does not know', async () => {
    const costs: number[] = [];
    const hash = (task: HashingTask): Promise<string[]> => {
      costs.push(rounds(task));
      return Promise.resolve([]);
    };
    const other = parse(
      `ann:${hashes.password}\nbob:${hashes.colons.replace('$05', '$10')}\nüli:${hashes.unicode.replace('$05', '$12')}`,
      hash,
    );
    for (const name of ['ann', 'bob', 'üli', 'eve', '']) {
      costs.length = 0;
      expect(await other.isAllowed(basic(name, 'wrong'), here)).toBe(false);
      expect([name, costs.reduce((sum, cost) => sum + cost, 0)]).toEqual([name, 2 ** 12]);
    }
  });

  it('lets in whom it knows, and refuses without a password, while it has others to check', async () => {
    const hash = vi.fn(inThisThread);
    const other = parse(`ann:${hashes.password}\nbob:${hashes.colons}`, hash);
    await other.isAllowed(basic('ann', 'password'), here);
    hash.mockReturnValue(new Promise(() => undefined));
    void other.isAllowed(basic('bob', 'wrong'), here);
    expect(await other.isAllowed(basic('ann', 'password'), here)).toBe(true);
    expect(await other.isAllowed(undefined, here)).toBe(false);
    expect(hash).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['ann:$apr1$zI1/$mAgz8D0OCGg62CAyz0JVX/', 'users, line 1 (ann): the hash is not bcrypt'],
    [`ann:${hashes.password}\nbob`, 'users, line 2: expected user:hash'],
    [`\n:${hashes.password}`, 'users, line 2: expected user:hash'],
    [`ann:${hashes.password.replace('$05', '$16')}`, 'users, line 1 (ann): the cost is 16'],
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
