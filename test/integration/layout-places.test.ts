import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { copy, plan } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const isRoot = process.getuid?.() === 0;
const image = imageManifest({ layers: [blob(500, 1)] });

let registry: TestRegistry;
let root = '';
let source = '';
beforeAll(async () => {
  registry = await startRegistry();
  source = `${registry.host}/app:v1`;
  await seed(registry.store('app'), image, 'v1');
});
beforeEach(() => (root = makeTempFolder('places')));
afterAll(() => registry.close());
afterAll(removeTempFolders);

describe('a plan and a copy agree on a target that is', () => {
  it.each<[string, (path: string) => void]>([
    ['a missing folder', () => undefined],
    ['an empty folder', (path) => mkdirSync(path)],
    [
      'a layout that was only begun',
      (path) => {
        mkdirSync(path);
        writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      },
    ],
    [
      'a link to an empty folder',
      (path) => {
        mkdirSync(`${path}-real`);
        symlinkSync(`${path}-real`, path);
      },
    ],
  ])('%s: it can be written', async (_, prepare) => {
    const path = join(root, 'target');
    prepare(path);
    const before = existsSync(path) ? readdirSync(path) : undefined;
    const planned = await plan(source, `oci:${path}`);
    expect(planned.targets[0]).toMatchObject({ changed: true, previous: null, blobs: { copy: 2 } });
    expect(existsSync(path) ? readdirSync(path) : undefined).toEqual(before);
    const done = await copy(source, `oci:${path}`);
    expect(done.targets[0]).toMatchObject({ changed: true, previous: null, blobs: { copied: 2 } });
  });

  it.each<[string, (path: string) => string]>([
    ['a file', (path) => (writeFileSync(path, ''), path)],
    ['below a file', (path) => (writeFileSync(path, ''), join(path, 'x'))],
    ['a link to nothing', (path) => (symlinkSync('nowhere', path), path)],
    ['below a link to nothing', (path) => (symlinkSync('nowhere', path), join(path, 'x'))],
    ['a link in a circle', (path) => (symlinkSync('target', path), path)],
    ['a name that is too long', (path) => join(path, 'x'.repeat(300))],
    ['a folder with other things in it', () => root],
    ['in a file system of the kernel', () => '/proc/nope/x'],
    ['in that of its terminals', () => '/dev/pts/x'],
  ])('%s: both are refused, before anything is asked', async (_, prepare) => {
    writeFileSync(join(root, 'other'), '');
    await refusedAlike(prepare(join(root, 'target')));
  });

  it.skipIf(isRoot).each([
    ['that may not be written', ''],
    ['above it that may not be written', 'x'],
  ])('a folder %s: both are refused', async (_, below) => {
    chmodSync(root, 0o555);
    try {
      await refusedAlike(join(root, below));
    } finally {
      chmodSync(root, 0o755);
    }
  });

  it.skipIf(isRoot)('a whole layout that may not be written: both are refused', async () => {
    await copy(source, `oci:${root}`);
    chmodSync(root, 0o555);
    try {
      await refusedAlike(root);
    } finally {
      chmodSync(root, 0o755);
    }
  });
});

async function refusedAlike(path: string): Promise<void> {
  registry.log.length = 0;
  const [planned, done] = [
    await failureOf(plan(source, `oci:${path}`)),
    await failureOf(copy(source, `oci:${path}`)),
  ];
  expect(planned).toMatchObject({ code: 'E_LAYOUT', message: done.message });
  expect(done).toMatchObject({ code: 'E_LAYOUT' });
  expect(registry.log).toEqual([]);
}
