import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { parseDigest } from '../../../src/spec/digest.js';
import { version } from '../../../src/version.js';
import { fakeIo, type FakeIoOptions, type Ran, run } from './fake-io.js';

const found = {
  reference: 'docker.io/library/alpine:3.20',
  digest: parseDigest(`sha256:${'0'.repeat(64)}`),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: 1234,
};

function digestOf(argv: readonly string[], options: FakeIoOptions = {}): Promise<Ran> {
  return run(argv, { digest: () => Promise.resolve(found) }, fakeIo(options));
}

describe('the command line as a whole', () => {
  it('tells the version', async () => {
    for (const argv of [['--version'], ['-V'], ['copy', '--version']]) {
      await expect(run(argv)).resolves.toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  it('shows the help on stdout when it is asked for, and on stderr when nothing is', async () => {
    const asked = await run(['--help']);
    expect(asked).toMatchObject({ exit: 0, stderr: '' });
    expect(asked.stdout).toMatch(/^Usage: regferry <command>/);
    await expect(run(['help'])).resolves.toEqual(asked);
    await expect(run([])).resolves.toEqual({ exit: 2, stdout: '', stderr: asked.stdout });
  });

  it.each(['copy', 'digest', 'manifest', 'tags', 'login', 'logout', 'serve'])(
    'has a help page for %s',
    async (name) => {
      const page = await run(['help', name]);
      expect(page).toMatchObject({ exit: 0, stderr: '' });
      expect(page.stdout).toMatch(new RegExp(`^Usage: regferry ${name} `));
      expect(page.stdout).toContain('Examples:');
      await expect(run([name, '-h'])).resolves.toEqual(page);
      await expect(run([name, '--nonsense', '--help'])).resolves.toEqual(page);
    },
  );

  it('fits the help into the terminal', async () => {
    for (const columns of [60, 80, 200]) {
      const { stdout } = await run(['copy', '--help'], {}, fakeIo({ terminal: { columns } }));
      const text = stdout.split('\n').filter((line) => !/^ {2}(?:echo|regferry) /.test(line));
      expect(Math.max(...text.map((line) => line.length))).toBeLessThan(Math.min(columns, 101));
    }
  });

  it.each([
    [['cpoy', 'a', 'b'], 'there is no command "cpoy"; did you mean copy? (see: regferry help)'],
    [['help', 'digset'], 'there is no command "digset"; did you mean digest? (see: regferry help)'],
    [['--json'], 'a command is missing (see: regferry help)'],
    [['copy'], 'copy needs the source and at least one target (see: regferry help copy)'],
    [['copy', 'a'], 'copy needs at least one target, after the source (see: regferry help copy)'],
    [['digest'], 'digest needs the image (see: regferry help digest)'],
    [['tags'], 'tags needs the repository (see: regferry help tags)'],
    [
      ['digest', 'a', 'b'],
      'digest takes <image> and nothing else, and was given 2 arguments (see: regferry help digest)',
    ],
    [
      ['tags', '--platform', 'x/y', 'a'],
      '--platform is not an option of tags; it is one of copy, digest, and manifest (see: regferry help tags)',
    ],
    [['manifest', '--json', 'a'], /; a manifest is JSON already; regferry digest --json tells/],
    [['copy', '--platform=all', 'a', 'b'], /leave it out: all platforms are copied$/],
    [['digest', '--platform', '*', 'a'], /leave it out: the digest of an index covers all platforms$/],
    [['promote', '--if-target', 'none', 'a', 'b'], /is not a digest.*; did you mean absent\?$/],
    [['promote', '--if-target', 'x', 'a', 'b'], /, or absent where there must be no tag$/],
    [['digest', '--platfrom', 'a'], /did you mean --platform\? \(see: regferry help digest\)$/],
    [['digest', '--retries', 'x', 'a'], '--retries must be a whole number from 0 to 100, not "x"'],
    [['digest', '--platform', 'linux', 'a'], /^"linux" is not a platform/],
    [['digest', '--platform', 'linux/amd64,linux/arm64', 'a'], /^one platform only/],
    [
      ['digest', '--platform', 'linux/amd64', '--platform', 'linux/arm64', 'a'],
      '--platform was given 2 times ("linux/amd64" and "linux/arm64"): give it once',
    ],
  ])('refuses %j with one line and exit code 2', async (argv, message) => {
    const ran = await run(argv);
    expect(ran.exit).toBe(2);
    const [line = '', ...more] = ran.stderr.replace(/^regferry: /, '').split('\n');
    expect(more).toEqual(['']);
    if (typeof message === 'string') expect(line).toBe(message);
    else expect(line).toMatch(message);
  });

  it('writes one JSON document for a usage error too, when JSON was asked for in any way', async () => {
    for (const [argv, env] of [
      [['digest', '--json', '--nonsense', 'a'], {}],
      [['digest', '--json', '--retries', 'x', 'a'], {}],
      [['digest', '--json', '--log-level', 'loud', 'a'], {}],
      [['digest', '--nonsense', 'a'], { REGFERRY_JSON: 'true' }],
      [['nonsense', '--json'], {}],
      [['manifest', '--json', 'a'], {}],
    ] as const) {
      const ran = await run(argv, {}, fakeIo({ env }));
      expect(ran.exit).toBe(2);
      expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'E_USAGE', exit: 2 } });
    }
  });

  it('lets commands without JSON be where the environment asks for it', async () => {
    const bytes = Buffer.from('{}');
    const manifest = { descriptor: { ...found, size: 2 }, bytes };
    const io = fakeIo({ env: { REGFERRY_JSON: '1' } });
    const ran = await run(['manifest', 'a'], { manifest: () => Promise.resolve(manifest) }, io);
    expect(ran).toEqual({ exit: 0, stdout: '{}', stderr: '' });
    const error = new RegferryError('E_NOT_FOUND', 'no such tag');
    const failed = await run(
      ['manifest', 'a'],
      { manifest: () => Promise.reject(error) },
      fakeIo({ env: { REGFERRY_JSON: '1' } }),
    );
    expect(failed).toEqual({ exit: 4, stdout: '', stderr: 'regferry: no such tag\n' });
  });

  it('does not repeat what may be a password after a misspelt option', async () => {
    const ran = await run(['copy', '--json', '--from-password', 'hunter2', 'a', 'b']);
    expect(ran.exit).toBe(2);
    expect(ran.stdout + ran.stderr).not.toContain('hunter2');
  });

  it('reads options from the environment', async () => {
    const ran = await digestOf(['digest', 'alpine:3.20'], { env: { REGFERRY_JSON: 'yes' } });
    expect(JSON.parse(ran.stdout)).toEqual({ ok: true, ...found });
    const bad = await digestOf(['digest', 'alpine:3.20'], { env: { REGFERRY_RETRIES: 'many' } });
    expect(bad).toMatchObject({ exit: 2, stdout: '' });
    expect(bad.stderr).toBe('regferry: REGFERRY_RETRIES must be a whole number from 0 to 100\n');
  });

  it('turns an error into its exit code and one line', async () => {
    const error = new RegferryError('E_NOT_FOUND', 'r.example/app has no tag\n"1\u001b[2J"', {
      side: 'source',
    });
    const ran = await run(['digest', 'a'], { digest: () => Promise.reject(error) });
    expect(ran).toEqual({
      exit: 4,
      stdout: '',
      stderr: 'regferry: r.example/app has no tag "1[2J"\n',
    });
  });

  it('calls anything that is not an error of its own a bug', async () => {
    const ran = await run(['digest', 'a'], {
      digest: () => Promise.reject(new TypeError('x is not a function')),
    });
    expect(ran.exit).toBe(70);
    expect(ran.stderr).toBe(
      'regferry: unexpected: x is not a function (a bug in regferry; --log-level debug shows where)\n',
    );
  });

  it('shows stack traces at debug level, with what caused them', async () => {
    const cause = new Error('socket closed');
    const error = new RegferryError('E_NETWORK', 'cannot reach r.example', { cause });
    const api = { digest: () => Promise.reject(error) };
    expect((await run(['digest', 'a'], api)).stderr).not.toContain('at ');
    const { stderr } = await run(['digest', '--log-level', 'debug', 'a'], api);
    expect(stderr).toContain('RegferryError: cannot reach r.example');
    expect(stderr).toContain('caused by Error: socket closed');
    expect(stderr).toMatch(/^\+0\.000s {5}at /m);
  });

  it('logs errors as JSON where the log is JSON', async () => {
    const error = new RegferryError('E_DENIED', 'no', { side: 'source' });
    const ran = await run(['digest', '--log-format', 'json', 'a'], { digest: () => Promise.reject(error) });
    expect(JSON.parse(ran.stderr)).toMatchObject({
      level: 'error',
      code: 'E_DENIED',
      exit: 3,
      side: 'source',
    });
  });

  it('does not load the library for what does not need it', async () => {
    const io = fakeIo();
    const { main } = await import('../../../src/cli/main.js');
    const load = (): never => {
      throw new Error('loaded');
    };
    await expect(main(['copy', 'a'], io, load)).resolves.toBe(2);
    await expect(main(['--help'], io, load)).resolves.toBe(0);
  });
});
