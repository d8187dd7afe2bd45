import { execFile } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

function read(document: string): string {
  return readFileSync(join(root, document), 'utf8');
}

/** Command lines in a document: indented, or in a fence for the shell, and about regferry. */
function commands(document: string): string[] {
  const lines = read(document).split('\n');
  return lines
    .filter(
      (line) => /^ {4}(\$ )?(\S.* )?"?(\$\()?regferry /.test(line) && !/[<…]|\.\.\.|docker run/.test(line),
    )
    .map((line) => line.trim().replace(/^\$ /, ''))
    .filter((line) => !/^regferry (serve|login|logout)\b/.test(line));
}

const platforms = ['amd64', 'arm64'].map((architecture, at) => ({
  image: imageManifest({ layers: [blob(500 + at, at)], platform: { os: 'linux', architecture } }),
  fields: { platform: { os: 'linux', architecture } },
}));
const image = indexOf(platforms);

let registry: TestRegistry;
let other: TestRegistry;
let folder: string;

beforeAll(async () => {
  [registry, other] = [await startRegistry(), await startRegistry()];
  folder = makeTempFolder('documentation');
  writeFileSync(
    join(folder, 'regferry'),
    `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'bin/regferry.js')}" "$@"\n`,
  );
  chmodSync(join(folder, 'regferry'), 0o755);
  const seeded: [repository: string, tag: string][] = [
    ['docker.io/library/alpine', '3.20'],
    ['docker.io/library/app', '1'],
    ['registry.example.com/app', '20230930.161912z'],
    ['registry.example.com/team/app', '20230930.161912z'],
    ['localhost-5000/app', '1.0'],
  ];
  for (const [repository, tag] of seeded) await seed(registry.store(repository), image, tag);
  await copy(`${registry.host}/docker.io/library/app:1`, `oci:${folder}/build:1`);
});
afterAll(async () => {
  await Promise.all([registry.close(), other.close()]);
  removeTempFolder(folder);
});

/** The example with every registry that it names turned into a part of the one that runs here. */
function localised(command: string): string {
  return command
    .replaceAll(/(?<=\s)(alpine|app)(?=[:\s])/g, 'docker.io/library/$1')
    .replaceAll(/(?<=\s)((?:[a-z-]+\.)+(?:com|net|io|org)\/)/g, `${registry.host}/$1`);
}

describe.each(['README.md', 'docs/cli.md'])('the commands in %s', (document) => {
  it('are there', () => {
    expect(commands(document).length).toBeGreaterThan(1);
  });

  it.each(commands(document).map((command) => ({ command })))('$command', async ({ command }) => {
    const reference = `${registry.host}/docker.io/library/alpine:3.20`;
    const env = {
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      HOME: folder,
      TOKEN: 't',
      A: reference,
      B: reference,
    };
    await run('sh', ['-ec', localised(command)], { cwd: folder, env });
  });
});

describe('the library example in README.md', () => {
  it('copies, and prints what it says', async () => {
    const example = /```ts\n(.*?)```/s.exec(read('README.md'))?.[1];
    if (example === undefined) throw new Error('the example is gone');
    const file = join(folder, 'example.mjs');
    const library = pathToFileURL(join(root, 'dist/index.js')).href;
    const local = example
      .replace("'regferry'", `'${library}'`)
      .replace('localhost:5000/', `${registry.host}/localhost-5000/`)
      .replace('localhost:5001/', `${other.host}/`);
    writeFileSync(file, local);
    const { stdout } = await run(process.execPath, [file]);
    expect(stdout).toContain(`mirror/app:1.0 ${image.root.descriptor.digest}`);
    expect(stdout).toMatch(/sha256:[0-9a-f]{64} copied/);
    expect(other.store('mirror/app').tagged('1.0')).toBe(image.root.descriptor.digest);
  });
});
