import { describe, expect, it } from 'vitest';

import type { CopyOptions, SideOptions } from '../../../src/api/options.js';
import type { CopyReport } from '../../../src/copy/report.js';
import { fakeIo, type FakeIoOptions, type Ran, run } from './fake-io.js';

const done: CopyReport = {
  ok: true,
  source: { reference: 'a' },
  targets: [],
  requests: { source: 0, target: 0 },
  retries: 0,
  durationMs: 1,
};

interface Seen extends Ran {
  readonly source: SideOptions | undefined;
  readonly target: SideOptions | undefined;
}

async function copyWith(options: readonly string[], io: FakeIoOptions = {}): Promise<Seen> {
  let seen: CopyOptions = {};
  const ran = await run(
    ['copy', ...options, 'a', 'b'],
    {
      copy: (_source, _targets, given) => {
        seen = given ?? {};
        return Promise.resolve(done);
      },
    },
    fakeIo(io),
  );
  return { ...ran, source: seen.source, target: seen.target };
}

describe('the two sides of a copy', () => {
  it('have options of their own', async () => {
    const seen = await copyWith(
      [
        ...['--from-username', 'ann', '--from-password-stdin', '--from-insecure', '--from-ca-file', 'ca.pem'],
        ...['--to-anonymous', '--to-plain-http', '--to-cert-file', 'c.pem', '--to-key-file', 'k.pem'],
      ],
      { input: 'secret\n' },
    );
    expect(seen.exit).toBe(0);
    expect(seen.source).toEqual({ username: 'ann', password: 'secret', insecure: true, caFile: 'ca.pem' });
    expect(seen.target).toEqual({ anonymous: true, plainHttp: true, certFile: 'c.pem', keyFile: 'k.pem' });
  });

  it('take a password each, from the environment too', async () => {
    const seen = await copyWith(['--from-username', 'ann', '--to-username', 'bob', '--to-password-stdin'], {
      input: 'piped',
      env: { REGFERRY_FROM_PASSWORD: 'from env', REGFERRY_TO_PASSWORD: 'not this' },
    });
    expect(seen.source).toEqual({ username: 'ann', password: 'from env' });
    expect(seen.target).toEqual({ username: 'bob', password: 'piped' });
  });

  it.each([
    [
      ['--from-password-stdin', '--to-password-stdin', '--from-username', 'a', '--to-username', 'b'],
      /^standard input holds one password: .* REGFERRY_FROM_PASSWORD or REGFERRY_TO_PASSWORD$/,
    ],
    [
      ['--from-username', 'a'],
      '--from-username needs a password: --from-password-stdin or REGFERRY_FROM_PASSWORD',
    ],
    [['--to-password-stdin'], '--to-password-stdin needs a user name: --to-username'],
    [
      ['--from-anonymous', '--from-username', 'a'],
      '--from-anonymous uses no credentials: leave out --from-username',
    ],
    [
      ['--to-anonymous', '--to-password-stdin'],
      '--to-anonymous uses no credentials: leave out --to-password-stdin',
    ],
    [['--from-cert-file', 'x'], /^a client certificate and its key belong together/],
    [['--to-key-file', 'x'], /^a client certificate and its key belong together/],
  ])('are refused with %j', async (options, message) => {
    const { exit, stderr } = await copyWith(options, { input: 'secret' });
    expect(exit).toBe(2);
    const line = stderr.replace(/^regferry: /, '').trimEnd();
    if (typeof message === 'string') expect(line).toBe(message);
    else expect(line).toMatch(message);
  });

  it('are refused with a password that has no user name', async () => {
    const { exit, stderr } = await copyWith([], { env: { REGFERRY_TO_PASSWORD: 'secret' } });
    expect([exit, stderr]).toEqual([
      2,
      'regferry: the password in REGFERRY_TO_PASSWORD needs a user name: --to-username\n',
    ]);
  });

  it('let the command line win over the environment where they contradict each other', async () => {
    const env = { REGFERRY_FROM_USERNAME: 'ann', REGFERRY_FROM_PASSWORD: 'secret' };
    const anonymous = await copyWith(['--from-anonymous'], { env });
    expect(anonymous.source).toEqual({ anonymous: true });
    const named = await copyWith(['--from-username', 'bob', '--from-password-stdin'], {
      env: { REGFERRY_FROM_ANONYMOUS: 'true' },
      input: 'piped',
    });
    expect(named.source).toEqual({ username: 'bob', password: 'piped' });
  });

  it('do not hear of a flag that is switched off', async () => {
    const seen = await copyWith(['--from-anonymous=false', '--from-password-stdin=no'], {
      env: { REGFERRY_FROM_USERNAME: 'ann', REGFERRY_FROM_PASSWORD: 'secret' },
    });
    expect(seen).toMatchObject({
      exit: 0,
      source: { username: 'ann', password: 'secret', anonymous: false },
    });
  });
});

describe('the one side of other commands', () => {
  it('has the same options without a prefix', async () => {
    let seen: SideOptions | undefined;
    const ran = await run(
      ['digest', '--username', 'ann', '--plain-http', 'a'],
      {
        digest: (_image, options) => {
          seen = options?.source;
          return Promise.resolve({ reference: 'a', digest: 'sha256:0', mediaType: 'b', size: 1 });
        },
      },
      fakeIo({ env: { REGFERRY_PASSWORD: 'secret' } }),
    );
    expect(ran.exit).toBe(0);
    expect(seen).toEqual({ username: 'ann', password: 'secret', plainHttp: true });
  });
});
