import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(root, 'docs/library.md'), 'utf8');
const run = promisify(execFile);

const child = imageManifest({ layers: [blob(50_000, 1)] });
const image = indexOf([{ image: child }]);

let registry: TestRegistry;
let other: TestRegistry;
let folder: string;

beforeAll(async () => {
  [registry, other] = [await startRegistry(), await startRegistry()];
  folder = makeTempFolder('library');
  mkdirSync(join(folder, 'air'));
  await seed(registry.store('app'), image, '1.0');
  await seed(registry.store('app'), child, 'single');
});
afterAll(async () => {
  await Promise.all([registry.close(), other.close()]);
  removeTempFolders();
});

/** The examples, each with the heading under which it stands. */
const examples = [...page.matchAll(/^## (.+)$|```ts\n([\s\S]*?)```/gm)].reduce<
  { heading: string; code: string }[]
>((found, [, heading, code]) => {
  const last = found.at(-1)?.heading ?? '';
  if (heading !== undefined) return [...found, { heading, code: '' }];
  return [...found, { heading: last, code: code ?? '' }];
}, []);

/** What each example prints, by its first few words. */
const prints: Record<string, readonly RegExp[]> = {
  'Copying, with progress': [/mirror\/app:1\.0 sha256:[0-9a-f]{64} is new \{ copied: 2/],
  'When a copy fails': [/\/app:1\.0 done\n.*\/unreachable:1\.0 E_NETWORK/, /^my words, without (?!k3y)/],
  'All tags of a repository': [/backup\/app:1\.0 was copied\n.*backup\/app:single was copied\n$/],
  'Logins, proxies and certificates': [/^promoted\n$/],
  'A registry client': [
    new RegExp(`tag 1.0\ntag single\n${image.root.descriptor.digest} .*index.*\n(blob sha256:.*\n){2}`),
    /^saved sha256:[0-9a-f]{64}\n$/,
  ],
  'Pushing an artifact': [/\/notes:friday@sha256:[0-9a-f]{64}\n$/],
  Stores: [new RegExp(`^${image.root.descriptor.digest}\n$`)],
  'A registry in a test': [/^# pass 1$/m],
};

/** The example as a program for this machine: JavaScript, with the library that was built and the registries that run. */
function localised(code: string): string {
  const library = pathToFileURL(join(root, 'dist/index.js')).href;
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  return ts
    .transpileModule(code, { compilerOptions })
    .outputText.replaceAll("'regferry'", `'${library}'`)
    .replaceAll('localhost:5000', registry.host)
    .replaceAll('localhost:5001', other.host);
}

async function outputOf(code: string, name: string): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, localised(code));
  const env = { PATH: process.env['PATH'], HOME: folder };
  return (await run(process.execPath, ['--test-reporter=tap', file], { cwd: folder, env })).stdout;
}

describe('the examples in docs/library.md', () => {
  it.each(Object.keys(prints))('under "%s" do what is said of them', async (heading) => {
    const own = examples.filter((example) => example.heading === heading && example.code !== '');
    const expected = prints[heading] ?? [];
    expect(own).toHaveLength(expected.length);
    for (const [at, { code }] of own.entries()) {
      const name = `${heading.replaceAll(/\W+/g, '-').toLowerCase()}-${at}`;
      expect(await outputOf(code, name)).toMatch(expected[at] ?? /^$/);
    }
  });

  it('are all run', () => {
    const headings = new Set(examples.filter(({ code }) => code !== '').map(({ heading }) => heading));
    expect([...headings]).toEqual(Object.keys(prints));
  });
});
