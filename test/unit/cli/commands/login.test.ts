import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { LoginOutcome } from '../../../../src/api/login.js';
import { RegferryError } from '../../../../src/errors.js';
import { fakeIo, type FakeIo, type FakeIoOptions, type Ran, run } from '../fake-io.js';

const inFile: LoginOutcome = {
  checked: 'accepted',
  stored: { kind: 'file', label: '~/.docker/config.json' },
};

interface LoggedIn extends Ran {
  readonly seen: unknown[];
}

async function logIn(
  argv: readonly string[],
  io: FakeIoOptions | FakeIo = {},
  outcome: LoginOutcome | Error = inFile,
): Promise<LoggedIn> {
  let seen: unknown[] = [];
  const ran = await run(
    ['login', ...argv],
    {
      login: (...given) => {
        seen = given;
        return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
      },
    },
    'stdout' in io ? io : fakeIo(io),
  );
  return { ...ran, seen };
}

describe('login', () => {
  it('takes the password from standard input', async () => {
    const { exit, stdout, stderr, seen } = await logIn(
      ['--username', 'ann', '--password-stdin', '--insecure', 'r.example:5000'],
      { input: 'secret\n' },
    );
    expect([exit, stdout]).toEqual([0, '']);
    expect(stderr).toBe(
      'logged in to r.example:5000\n' +
        'regferry: warning: the login is kept unencrypted in ~/.docker/config.json; set credsStore in it to a credential helper to change that\n',
    );
    expect(seen.slice(0, 2)).toEqual(['r.example:5000', { username: 'ann', password: 'secret' }]);
    expect(seen[2]).toMatchObject({ insecure: true });
  });

  it('takes both from the environment', async () => {
    const env = { REGFERRY_USERNAME: 'ann', REGFERRY_PASSWORD: 'secret' };
    const { exit, seen } = await logIn(['r.example'], { env });
    expect(exit).toBe(0);
    expect(seen[1]).toEqual({ username: 'ann', password: 'secret' });
  });

  it('asks on a terminal for what is not given', async () => {
    const keyboard = Object.assign(new PassThrough(), { isTTY: true });
    const io: FakeIo = { ...fakeIo({ terminal: { columns: 80 } }), stdin: keyboard };
    const running = logIn(['r.example'], io);
    keyboard.write('ann\r');
    await io.stderr.shows('Password: ');
    keyboard.write('secret\r');
    const { exit, seen, stderr } = await running;
    expect(exit).toBe(0);
    expect(seen[1]).toEqual({ username: 'ann', password: 'secret' });
    expect(stderr).not.toContain('secret');
  });

  it('tells which helper keeps the login, and warns of nothing then', async () => {
    const stored = {
      kind: 'helper',
      helper: 'docker-credential-pass',
      label: '~/.docker/config.json',
    } as const;
    const { stderr } = await logIn(
      ['-q=false', 'r.example', '--username=ann', '--password-stdin'],
      { input: 'x' },
      {
        checked: 'accepted',
        stored,
      },
    );
    expect(stderr).toBe('logged in to r.example; docker-credential-pass keeps the login\n');
  });

  it('says when the login could not be checked', async () => {
    const env = { REGFERRY_USERNAME: 'ann', REGFERRY_PASSWORD: 'secret' };
    const { stderr } = await logIn(['r.example'], { env }, { ...inFile, checked: 'unchecked' });
    expect(stderr).toMatch(/^regferry: warning: r\.example asks for no login at \/v2\//);
  });

  it('fails with what the registry says', async () => {
    const env = { REGFERRY_USERNAME: 'ann', REGFERRY_PASSWORD: 'secret' };
    const error = new RegferryError('E_UNAUTHORIZED', 'r.example does not accept this');
    const ran = await logIn(['r.example'], { env }, error);
    expect(ran).toMatchObject({ exit: 3, stderr: 'regferry: r.example does not accept this\n' });
  });

  it.each([
    [['r.example'], 'standard input is no terminal to ask at: give --username'],
    [
      ['r.example', '--username', 'ann'],
      'standard input is no terminal to ask at: give --password-stdin, or set REGFERRY_PASSWORD',
    ],
    [['r.example', '--username', 'a:b', '--password-stdin'], 'a user name cannot have a colon in it'],
    [
      ['r.example', '--anonymous'],
      '--anonymous is not an option of login; it is one of digest, manifest, and tags (see: regferry help login)',
    ],
    [[], 'login needs the registry (see: regferry help login)'],
  ])('refuses %j', async (argv, message) => {
    const ran = await logIn(argv, { input: 'x' });
    expect(ran).toMatchObject({ exit: 2, stderr: `regferry: ${message}\n` });
  });
});

describe('logout', () => {
  it.each([
    [true, 'logged out of r.example; ~/.docker/config.json has no login to it any more\n'],
    [false, 'there was no login to r.example in ~/.docker/config.json\n'],
  ])('tells whether there was a login: %s', async (removed, stderr) => {
    let seen = '';
    const ran = await run(['logout', 'r.example'], {
      logout: (registry) => {
        seen = registry;
        return Promise.resolve(removed);
      },
    });
    expect(ran).toEqual({ exit: 0, stdout: '', stderr });
    expect(seen).toBe('r.example');
  });
});
