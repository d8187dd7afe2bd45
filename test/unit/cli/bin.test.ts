import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

import { afterEach, describe, expect, it } from 'vitest';

import { version } from '../../../src/version.js';

const program = fileURLToPath(new URL('../../../bin/regferry.js', import.meta.url));
const isBuilt = existsSync(fileURLToPath(new URL('../../../dist/cli.cjs', import.meta.url)));
const children: ChildProcess[] = [];

interface Running {
  readonly child: ChildProcess;
  /** The first line on stdout; empty when the program ended before it wrote one. */
  readonly firstLine: Promise<string>;
  readonly ended: Promise<{ exit: number | null; stdout: string; stderr: string }>;
}

function start(argv: readonly string[], nodeOptions: readonly string[] = []): Running {
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent' };
  const child = spawn(process.execPath, [...nodeOptions, program, ...argv], { env });
  children.push(child);
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  const ended = once(child, 'close').then(() => ({ exit: child.exitCode, ...text }));
  const written = once(child.stdout, 'data') as Promise<[Buffer]>;
  const firstLine = Promise.race([written.then(([line]) => line.toString().trim()), ended.then(() => '')]);
  return { child, firstLine, ended };
}

function run(...argv: string[]): Running['ended'] {
  return start(argv).ended;
}

/** Another value for process.version, before the program looks at it. */
function pretend(node: string): string[] {
  const code = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${node}'}})`;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

describe.skipIf(!isBuilt)('the program', () => {
  it('tells its version', async () => {
    await expect(run('--version')).resolves.toEqual({ exit: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each(['18.20.8', '20.18.3', '8.17.0'])('says in one line that Node.js %s is too old', async (node) => {
    await expect(start(['--version'], pretend(node)).ended).resolves.toEqual({
      exit: 2,
      stdout: '',
      stderr: `regferry: needs Node.js 20.19 or newer, and this is ${node}\n`,
    });
  });

  it.each(['20.19.0', '22.0.0', '100.0.0'])('takes Node.js %s', async (node) => {
    await expect(start(['--version'], pretend(node)).ended).resolves.toMatchObject({ exit: 0 });
  });

  it('exits with 2 when it is not understood', async () => {
    await expect(run('copy', 'a')).resolves.toEqual({
      exit: 2,
      stdout: '',
      stderr: 'regferry: copy needs at least one target, after the source (see: regferry help copy)\n',
    });
  });

  it('serves until it is told to end, and answers other runs meanwhile', async () => {
    const server = start(['serve', '--addr', '127.0.0.1:0']);
    const host = await server.firstLine;
    expect(host).toMatch(/^localhost:\d+$/);
    const missing = await run('digest', '--json', `${host}/app:1`);
    expect(missing.exit).toBe(4);
    expect(JSON.parse(missing.stdout)).toMatchObject({ ok: false, error: { code: 'E_NOT_FOUND', exit: 4 } });
    server.child.kill('SIGTERM');
    await expect(server.ended).resolves.toMatchObject({ exit: 0, stdout: `${host}\n` });
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends cleanly on %s, with exit code %d', async (signal, exit) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const { child, ended } = start(['digest', `127.0.0.1:${port}/app:1`]);
    const connected = once(silent, 'connection') as Promise<[Socket]>;
    await Promise.race([connected, ended]);
    child.kill(signal);
    await expect(ended).resolves.toEqual({
      exit,
      stdout: '',
      stderr: `regferry: interrupted by ${signal}\n`,
    });
    (await connected)[0].destroy();
    silent.close();
  });
});
