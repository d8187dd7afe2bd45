import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, describe, expect, it } from 'vitest';

import { makeTempFolder, removeTempFolders } from '../../support/temp.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const program = join(root, 'bin', 'regferry.js');
const isBuilt = existsSync(join(root, 'dist', 'cli.cjs'));

interface Start {
  readonly env?: Readonly<Record<string, string>>;
  /** Run before the program is loaded. */
  readonly before?: string;
  /** The program to start, where it is a copy. */
  readonly file?: string;
  /** Given instead of a pipe that is read to its end; `gone` is a pipe that nobody reads. */
  readonly stdout?: 'gone' | '/dev/full';
  /** Removed before the program starts in it. */
  readonly goneFolder?: string;
}

interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program from a shell, which can do to it what its parent in Node cannot. */
async function start(argv: readonly string[], how: Start = {}): Promise<Ended> {
  const { before, file = program, stdout, goneFolder } = how;
  const preload =
    before === undefined ? [] : ['--import', `data:text/javascript,${encodeURIComponent(before)}`];
  const enter = goneFolder === undefined ? '' : `cd '${goneFolder}' && rmdir '${goneFolder}' && `;
  const into = stdout === '/dev/full' ? ' >/dev/full' : '';
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', ...how.env };
  const command = ['-c', `${enter}exec "$0" "$@"${into}`, process.execPath, ...preload, file, ...argv];
  const child = spawn('/bin/sh', command, { env });
  child.stdin.end('password');
  if (stdout === 'gone') child.stdout.destroy();
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  await once(child, 'close');
  return { exit: child.exitCode, ...text };
}

afterAll(removeTempFolders);

describe.skipIf(!isBuilt)('the program starts', () => {
  it('from the file that can be read, and from nothing that was made of it before', async () => {
    const copy = join(makeTempFolder('start'), 'program');
    for (const part of ['bin', 'dist', 'package.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    const bundle = join(copy, 'dist', 'cli.cjs');
    const text = readFileSync(bundle, 'utf8');
    writeFileSync(bundle, text.replaceAll('Usage: regferry', 'Usage: edited'));
    const caches = makeTempFolder('start');
    const env = { XDG_CACHE_HOME: caches };
    const file = join(copy, 'bin', 'regferry.js');
    expect((await start(['--help'], { env, file })).stdout).toContain('Usage: edited');
    writeFileSync(bundle, text.replaceAll('Usage: regferry', 'Usage: once more'));
    expect((await start(['--help'], { env, file })).stdout).toContain('Usage: once more');
  });

  it('with what Node has compiled, where Node keeps that, in a folder of the user', async () => {
    const caches = join(makeTempFolder('start'), 'cache');
    await start(['--help'], { env: { XDG_CACHE_HOME: caches } });
    const kept = existsSync(caches) ? readdirSync(caches) : [];
    expect(kept).toEqual('enableCompileCache' in module ? ['regferry'] : []);
  });

  it.each(['/proc', '/dev/null', '/nonexistent', ''])('where HOME is "%s"', async (home) => {
    const { exit, stdout } = await start(['--help'], { env: { HOME: home } });
    expect([exit, stdout]).toEqual([0, expect.stringContaining('Usage: regferry')]);
  });

  it('with a source map that leads back to the source', () => {
    const map = JSON.parse(readFileSync(join(root, 'dist', 'cli.cjs.map'), 'utf8')) as {
      sources: string[];
    };
    expect(map.sources).toContain('../src/cli/main.ts');
  });

  it('and shows lines of the source for a failure at the debug level', async () => {
    const { stderr } = await start(['tags', 'oci:/nonexistent', '--log-level', 'debug']);
    expect(stderr).toMatch(/src\/content\/[a-z-]+\.ts:\d+/);
  });
});

describe.skipIf(!isBuilt)('a user whom the system does not know', () => {
  const before = `
    import os from 'node:os';
    import { syncBuiltinESMExports } from 'node:module';
    os.homedir = () => { throw new Error('uv_os_homedir returned ENOENT'); };
    syncBuiltinESMExports();`;
  const env = { HOME: '' };

  it('can ask a registry', async () => {
    const { exit, stderr } = await start(['digest', 'localhost:1/app:1', '--retries', '0'], { before, env });
    expect([exit, stderr]).toEqual([7, expect.stringContaining('localhost:1')]);
  });

  it.each([[['login', 'localhost:1', '--username', 'me', '--password-stdin']], [['logout', 'localhost:1']]])(
    'is told what %j lacks',
    async (argv) => {
      const { exit, stderr } = await start(argv, { before, env });
      expect([exit, stderr.split('\n').length, stderr]).toEqual([2, 2, expect.stringContaining('set HOME')]);
    },
  );
});

describe.skipIf(!isBuilt)('a folder that is gone', () => {
  it.each([
    [['--version'], 0],
    [['--help'], 0],
    [['digest', 'localhost:1/app:1', '--retries', '0'], 7],
    [['tags', 'oci:x'], 2],
    [['copy', 'localhost:1/app:1', 'oci:x', '--retries', '0'], 2],
    [['copy', 'oci:x', 'localhost:1/app:1'], 2],
    [['promote', 'localhost:1/app:1', 'prod', '--receipt', 'r.json'], 2],
    [['serve', 'x', '--addr', '127.0.0.1:0'], 2],
    [['promote', '--undo', 'receipt.json'], 2],
    [['apply', 'plan.json'], 2],
  ])('is no reason for a bug in %j', async (argv, exit) => {
    const goneFolder = join(makeTempFolder('start'), 'gone');
    mkdirSync(goneFolder);
    const ended = await start(argv, { goneFolder });
    expect([ended.exit, ended.stderr.trim().split('\n').length]).toEqual([exit, 1]);
  });
});

describe.skipIf(!isBuilt)('what is written', () => {
  it.each([[['--version']], [['--help']], [['help', 'copy']], [['completion', 'bash']]])(
    'by %j may have no reader',
    async (argv) => {
      expect(await start(argv, { stdout: 'gone' })).toEqual({ exit: 0, stdout: '', stderr: '' });
    },
  );

  it.skipIf(!existsSync('/dev/full'))('by --version may find no room, which is said', async () => {
    const { exit, stderr } = await start(['--version'], { stdout: '/dev/full' });
    expect([exit, stderr]).toEqual([
      10,
      expect.stringMatching(/^regferry: could not write to standard output: ENOSPC.*\n$/),
    ]);
  });
});
