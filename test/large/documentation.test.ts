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
const older = imageManifest({ layers: [blob(700, 9)] });

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

/** Runs a program that uses the library. */
async function runExample(program: string): Promise<{ stdout: string }> {
  const file = join(folder, 'example.mjs');
  const library = pathToFileURL(join(root, 'dist/index.js')).href;
  writeFileSync(file, program.replace("'regferry'", `'${library}'`));
  return run(process.execPath, [file]);
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

describe('the story in docs/promote.md', () => {
  const story = read('docs/promote.md');

  beforeAll(async () => {
    await seed(other.store('registry.example.com/team/app'), image, '20230930.161912z');
    await seed(other.store('prod.example.net/app'), older, 'prod');
  });

  /** Its registries, as parts of one that runs here. */
  const local = (text: string): string =>
    text.replaceAll(/(?<=^|[\s="'])((?:registry|prod)\.example\.\w+\/)/gm, `${other.host}/$1`);

  it('goes as it says, one block after the other', async () => {
    const blocks = [...story.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
    expect(blocks).toHaveLength(9);
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder };
    const { stdout } = await run('sh', ['-euc', local(blocks.join('\n'))], { cwd: folder, env });
    expect(stdout).toContain(`"previous": "${older.root.descriptor.digest}"`);
    const hash = image.root.descriptor.digest.replace('sha256:', '');
    expect(stdout).toMatch(new RegExp(`^${hash} +-$`, 'm'));
  });

  it('is told by the library, too', async () => {
    const example = /```ts\n(.*?)```/s.exec(story)?.[1] ?? '';
    const { stdout } = await runExample(local(example));
    expect(stdout).toContain(`[ '${other.host}/prod.example.net/app:v1.5', null ]`);
    // What was absent before is left by the undo, and told.
    expect(stdout).toContain(`[ '${other.host}/prod.example.net/app:v1.5' ]`);
    expect(other.store('prod.example.net/app').tagged('stable')).toBe(image.root.descriptor.digest);
  });
});

describe('the library example in README.md', () => {
  it('copies, and prints what it says', async () => {
    const example = /```ts\n(.*?)```/s.exec(read('README.md'))?.[1];
    if (example === undefined) throw new Error('the example is gone');
    const local = example
      .replace('localhost:5000/', `${registry.host}/localhost-5000/`)
      .replace('localhost:5001/', `${other.host}/`);
    const { stdout } = await runExample(local);
    expect(stdout).toContain(`mirror/app:1.0 ${image.root.descriptor.digest}`);
    expect(stdout).toMatch(/sha256:[0-9a-f]{64} copied/);
    expect(other.store('mirror/app').tagged('1.0')).toBe(image.root.descriptor.digest);
  });
});
