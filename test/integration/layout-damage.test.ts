import { appendFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  copy,
  copyTags,
  openLayout,
  plan,
  promote,
  type CopyOptions,
  type CopyReport,
} from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const shared = blob(700, 1);
const image = (seed: number) => imageManifest({ layers: [shared, blob(500, seed)] });
const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
const index = indexOf(platforms.map((platform, at) => ({ image: image(at + 2), fields: { platform } })));
const other = image(9);
const child = index.manifests[0]?.descriptor;
const [, digestOfShared = '', digestOfLayer = ''] = image(2).blobs.keys();

let registry: TestRegistry;
let folder = '';
let source = '';
const notes: string[] = [];
const options: CopyOptions = {
  onEvent: (event) => event.type === 'note' && notes.push(event.message),
};

beforeAll(async () => {
  registry = await startRegistry();
  source = `${registry.host}/app`;
  await seed(registry.store('app'), index, 'v1');
  await seed(registry.store('app'), other, 'other');
});
beforeEach(async () => {
  notes.length = 0;
  folder = makeTempFolder('damage');
  await copy(`${source}:v1`, `oci:${folder}:v1`);
});
afterAll(() => registry.close());
afterAll(removeTempFolders);

const fileOf = (digest: string): string => join(folder, 'blobs', digest.replace(':', '/'));

const damages: [string, () => void][] = [
  ['a missing layer', () => rmSync(fileOf(digestOfLayer))],
  ['a truncated layer', () => truncateSync(fileOf(digestOfLayer), 3)],
  ['an empty layer', () => truncateSync(fileOf(digestOfLayer), 0)],
  ['a layer that has grown', () => appendFileSync(fileOf(digestOfLayer), 'x')],
  ['a missing child manifest', () => rmSync(fileOf(child?.digest ?? ''))],
  ['a child manifest of other bytes', () => flip(child?.digest ?? '')],
  ['an index of other bytes', () => flip(index.root.descriptor.digest)],
];

/** Other bytes of the same size. */
function flip(digest: string): void {
  const bytes = readFileSync(fileOf(digest));
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  writeFileSync(fileOf(digest), bytes);
}

async function expectMended(report: CopyReport, tag: string): Promise<void> {
  const [{ blobs, manifests } = { blobs: { copied: 0 }, manifests: { copied: 0 } }] = report.targets;
  expect(blobs.copied + manifests.copied).toBeGreaterThan(0);
  const store = await openLayout(folder, { access: 'read' });
  await expectSame(store, index, tag);
}

describe('a layout with', () => {
  it.each(damages)('%s is mended by the same tag again, which is said', async (_, damage) => {
    damage();
    const report = await copy(`${source}:v1`, `oci:${folder}:v1`, options);
    await expectMended(report, 'v1');
    expect(report.targets[0]).toMatchObject({ changed: false, previous: index.root.descriptor.digest });
    expect(notes).toEqual([expect.stringMatching(/lacks some of .*sha256:.*brings it again/)]);
    const again = await copy(`${source}:v1`, `oci:${folder}:v1`);
    expect(again.targets[0]).toMatchObject({ changed: false, verified: 'presence', blobs: { copied: 0 } });
  });

  it.each(damages)('%s is mended by another tag of the image', async (_, damage) => {
    damage();
    const report = await copy(`${source}:v1`, `oci:${folder}:v2`, options);
    await expectMended(report, 'v2');
    expect(report.targets[0]).toMatchObject({ changed: true, previous: null });
  });

  it.each(damages)('%s is mended by a copy of all tags', async (_, damage) => {
    damage();
    const report = await copyTags(source, `oci:${folder}`, { ...options, tags: ['v1'] });
    await expectMended(report, 'v1');
  });

  it('a missing layer is planned to be mended, and nothing is written', async () => {
    rmSync(fileOf(digestOfLayer));
    const { targets } = await plan(`${source}:v1`, `oci:${folder}:v1`);
    expect(targets[0]).toMatchObject({ changed: false, blobs: { copy: 1 } });
    expect(existsSync(fileOf(digestOfLayer))).toBe(false);
  });

  it('a missing layer that another image shares is brought with that', async () => {
    truncateSync(fileOf(digestOfShared), 3);
    const report = await copy(`${source}:other`, `oci:${folder}:other`, options);
    expect(report.targets[0]).toMatchObject({ blobs: { copied: 3 }, verified: 'bytes' });
  });

  it('nothing wrong says whether all was read, or what was there was looked at', async () => {
    const fresh = await copy(`${source}:v1`, `oci:${makeTempFolder('fresh')}/x:v1`);
    const same = await copy(`${source}:v1`, `oci:${folder}:v1`);
    const another = await copy(`${source}:v1`, `oci:${folder}:v2`);
    expect([fresh, same, another].map(({ targets }) => targets[0]?.verified)).toEqual([
      'bytes',
      'presence',
      'presence',
    ]);
  });

  it('a hole is no place for another tag of its own, nor a source, and the hole is named', async () => {
    rmSync(fileOf(digestOfLayer));
    const own = await failureOf(promote(`oci:${folder}:v1`, 'prod'));
    expect(own).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(own.message).toContain(digestOfLayer);
    const away = await failureOf(copy(`oci:${folder}:v1`, `${registry.host}/away:v1`));
    expect(away).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(away.message).toMatch(new RegExp(`^linux/amd64 in .* has no blob ${digestOfLayer}`));
  });

  it('a truncated layer is a source that is damaged, not one that was cut', async () => {
    truncateSync(fileOf(digestOfLayer), 3);
    const away = await failureOf(copy(`oci:${folder}:v1`, `${registry.host}/away:v2`));
    expect(away).toMatchObject({ code: 'E_SIZE_MISMATCH', side: 'source' });
    expect(away.message).toContain(`${digestOfLayer} has 3 bytes and not`);
    expect(away.message).toContain('linux/amd64');
  });
});
