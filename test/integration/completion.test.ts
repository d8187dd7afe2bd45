import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openLayout } from '../../src/content/layout-store.js';
import { findProgram } from '../support/child.js';
import { imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const bin = fileURLToPath(new URL('../../bin/regferry.js', import.meta.url));
const run = promisify(execFile);

let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  registry = await startRegistry();
  for (const tag of ['1.0', '1.1', '2.0']) await seed(registry.store('app'), imageManifest(), tag);
  folder = makeTempFolder('completion');
  writeFileSync(join(folder, 'regferry'), `#!/bin/sh\nexec "${process.execPath}" "${bin}" "$@"\n`);
  chmodSync(join(folder, 'regferry'), 0o755);
  mkdirSync(join(folder, 'air', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'air', 'certificate.pem'), '');
  const layout = await openLayout(join(folder, 'air', 'app'), { access: 'write', create: true });
  await seed(layout, imageManifest(), 'kept');
  await layout.close();
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await run(process.execPath, [bin, 'completion', shell]);
    writeFileSync(join(folder, `completion.${shell}`), stdout);
  }
});
afterAll(async () => {
  await registry.close();
  removeTempFolders();
});

async function inShell(shell: string, words: readonly string[]): Promise<string[]> {
  const env = {
    ...process.env,
    PATH: [folder, process.env['PATH'] ?? ''].join(delimiter),
    HOME: folder,
    XDG_DATA_HOME: folder,
    XDG_CONFIG_HOME: folder,
  };
  const { stdout } = await run(findProgram(shell) ?? shell, words, { env, cwd: folder });
  return stdout.split('\n').filter((line) => line !== '');
}

/** What bash has for the end of the line, as it would put it behind the last of its word breaks. */
function bash(line: string): Promise<string[]> {
  const script = [
    'source completion.bash',
    'COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDBREAKS=$2',
    '_regferry regferry',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n');
  return inShell('bash', ['--norc', '-c', script, 'bash', line, ' \t\n"\'@><=;|&(:']);
}

/** What zsh has: the words that `compadd` is given. */
function zsh(line: string): Promise<string[]> {
  const script = [
    'compdef() { :; }; compset() { :; }; _files() { print files; }',
    'compadd() { while [[ $1 != -a ]]; do shift; done; print -l -- "${(@P)2}"; }',
    'source ./completion.zsh',
    'words=("${(@s: :)1}"); CURRENT=$#words; PREFIX=$words[-1]',
    '_regferry',
  ].join('\n');
  return inShell('zsh', ['-f', '-c', script, 'zsh', line]);
}

async function fish(line: string): Promise<string[]> {
  const script = 'source completion.fish; complete -C "$argv[1]"';
  const lines = await inShell('fish', ['--no-config', '-c', script, line]);
  return lines.map((found) => found.replace(/\t.*/, ''));
}

const hosted = (line: string): string => line.replace('HOST', registry.host);

describe('the completion for bash', () => {
  it.each([
    ['regferry comp', ['completion']],
    ['regferry copy --from-pl', ['--from-plain-http']],
    ['regferry copy --progress=t', ['tty']],
    ['regferry copy HOST/app:1.', ['1.0', '1.1']],
    ['regferry copy oci:air/app:kept HOST/app:', ['1.0', '1.1', '2.0']],
    ['regferry promote HOST/app:2.0 1', ['1.0', '1.1']],
    ['regferry copy oci:air/', ['air/app:', 'air/deep/']],
    ['regferry copy oci:air/app:', ['kept']],
    ['regferry digest --ca-file air/c', ['air/certificate.pem']],
    ['regferry digest --ca-file=air/c', ['air/certificate.pem']],
    ['regferry serve ai', ['air']],
  ])('goes on with "%s" by %j', async (line, words) => {
    const found = await bash(hosted(line));
    expect(found.sort()).toEqual([...words].sort());
  });
});

describe.skipIf(findProgram('zsh') === undefined)('the completion for zsh', () => {
  it.each([
    ['regferry comp', ['completion']],
    ['regferry copy --progress=t', ['--progress=tty']],
    ['regferry copy HOST/app:1.', ['HOST/app:1.0', 'HOST/app:1.1']],
    ['regferry copy oci:air/', ['oci:air/app:', 'oci:air/deep/']],
    ['regferry serve ', ['files']],
  ])('goes on with "%s" by %j', async (line, words) => {
    expect((await zsh(hosted(line))).sort()).toEqual(words.map(hosted).sort());
  });
});

describe.skipIf(findProgram('fish') === undefined)('the completion for fish', () => {
  it.each([
    ['regferry comp', ['completion']],
    ['regferry copy HOST/app:1.', ['HOST/app:1.0', 'HOST/app:1.1']],
    ['regferry copy oci:air/', ['oci:air/app:', 'oci:air/deep/']],
    ['regferry serve ai', ['air/']],
  ])('goes on with "%s" by %j', async (line, words) => {
    expect((await fish(hosted(line))).sort()).toEqual(words.map(hosted).sort());
  });
});
