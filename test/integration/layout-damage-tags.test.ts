import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  copy,
  copyTags,
  createReceipt,
  digest,
  openLayout,
  plan,
  promote,
  undo,
  type CopyOptions,
} from '../../src/index.js';
import { OCI_INDEX } from '../../src/spec/media-types.js';
import { failureOf } from '../support/copy-run.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { artifact, describe as describeBytes } from '../support/fixtures/build.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const shared = blob(700, 1);
const image = (seed: number) => imageManifest({ layers: [shared, blob(500, seed)] });
const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
const index = indexOf(platforms.map((platform, at) => ({ image: image(at + 2), fields: { platform } })));
const [one, other] = [image(8), image(9)];
const rootOf = { v1: index.root.descriptor.digest, one: one.root.descriptor.digest };
const [, digestOfShared = '', digestOfLayer = ''] = one.blobs.keys();
const child = index.manifests[0]?.descriptor.digest ?? '';

let registry: TestRegistry;
let source = '';
let folder = '';
const notes: string[] = [];
const options: CopyOptions = {
  onEvent: (event) => event.type === 'note' && notes.push(event.message),
};

beforeAll(async () => {
  registry = await startRegistry();
  source = `${registry.host}/app`;
  await seed(registry.store('app'), index, 'v1');
  await seed(registry.store('app'), one, 'one');
  await seed(registry.store('app'), other, 'other');
});
beforeEach(async () => {
  folder = `oci:${makeTempFolder('damage')}`;
  await copyTags(source, folder, { tags: ['v1', 'one'] });
  notes.length = 0;
});
afterAll(() => registry.close());
afterAll(removeTempFolders);

const fileOf = (digest: string): string => join(folder.slice(4), 'blobs', digest.replace(':', '/'));
const told = (...digests: string[]): unknown => {
  const list = digests.join(', ');
  return expect.stringMatching(
    new RegExp(`^oci:.* lacks some of what it should hold, or it is damaged there: ${list}; `),
  );
};

/** Other bytes of the same size. */
function flip(digest: string): void {
  const bytes = readFileSync(fileOf(digest));
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  writeFileSync(fileOf(digest), bytes);
}

const rootDamages: [string, (digest: string) => void][] = [
  ['missing', (digest) => rmSync(fileOf(digest))],
  ['truncated', (digest) => truncateSync(fileOf(digest), 10)],
  ['changed', flip],
];

describe.each(rootDamages)('a tag of a layout whose manifest is %s', (_, damage) => {
  beforeEach(() => damage(rootOf.one));

  it('is there for a guard, and mended where the guard lets it be', async () => {
    const absent = { guards: { ifTarget: 'absent' } };
    expect(await failureOf(copy(`${source}:one`, `${folder}:one`, absent))).toMatchObject({
      code: 'E_GUARD',
    });
    const clobber = failureOf(copy(`${source}:other`, `${folder}:one`, { guards: { noClobber: true } }));
    expect(await clobber).toMatchObject({ code: 'E_GUARD' });
    const guards = { ifTarget: rootOf.one, noClobber: true };
    const { targets } = await copy(`${source}:one`, `${folder}:one`, { ...options, guards });
    expect(targets[0]).toMatchObject({ changed: false, previous: rootOf.one, verified: 'presence' });
    expect(notes).toEqual([told(rootOf.one)]);
    await expectSame(await openLayout(folder.slice(4), { access: 'read' }), one, 'one');
  });

  it('is planned as what it is, and what would be mended is told', async () => {
    const { targets } = await plan(`${source}:one`, `${folder}:one`, options);
    expect(targets[0]).toMatchObject({ changed: false, previous: rootOf.one, manifests: { copy: 1 } });
    expect(notes).toEqual([expect.stringMatching(/the copy would bring it again$/)]);
    const moved = await plan(`${source}:other`, `${folder}:one`);
    expect(moved.targets[0]).toMatchObject({ changed: true, previous: rootOf.one });
  });

  it('is what an undo finds, or what it cannot put back', async () => {
    const receipt = createReceipt(await promote(`${source}:other`, 'one', { to: [folder] }));
    expect(receipt.predicate.tags[0]).toMatchObject({ previous: rootOf.one, changed: true });
    await failureOf(undo(receipt));
    const fresh = createReceipt(await promote(`${source}:v1`, 'fresh', { to: [folder] }));
    damage(rootOf.v1);
    await undo(fresh, { deleteNewTags: true });
    const layout = await openLayout(folder.slice(4), { access: 'read' });
    expect(await layout.resolve({ tag: 'fresh' })).toBeUndefined();
  });

  it('has no digest for those who ask what is there', async () => {
    const failure = await failureOf(digest(`${folder}:one`));
    expect(failure.code).toMatch(/^E_(NOT_FOUND|.*_MISMATCH)$/);
    expect(failure.message).toMatch(new RegExp(`^${folder}.*${rootOf.one}`));
  });

  it('is mended, and told, under another tag', async () => {
    const { targets } = await copy(`${source}:one`, `${folder}:two`, options);
    expect(targets[0]).toMatchObject({ changed: true, previous: null, manifests: { copied: 1 } });
    expect(notes).toEqual([told(rootOf.one)]);
    await expectSame(await openLayout(folder.slice(4), { access: 'read' }), one, 'one');
  });
});

describe('a blob that another image shares, where it is', () => {
  it.each([
    ['truncated', () => truncateSync(fileOf(digestOfShared), 3)],
    ['missing', () => rmSync(fileOf(digestOfShared))],
  ])('%s, is brought, and that is told', async (_, damage) => {
    damage();
    const { targets } = await copy(`${source}:other`, `${folder}:other`, options);
    expect(targets[0]).toMatchObject({ blobs: { copied: 3 } });
    expect(notes).toEqual([told(digestOfShared)]);
  });

  it('right, says nothing, nor does what nobody had', async () => {
    await copy(`${source}:other`, `${folder}:other`, options);
    expect(notes).toEqual([]);
  });
});

describe('a damaged layout', () => {
  it('among several targets is mended, and the others are left alone', async () => {
    const whole = `oci:${makeTempFolder('whole')}`;
    await copy(`${source}:one`, `${whole}:one`);
    rmSync(fileOf(digestOfLayer));
    const targets = [`${folder}:one`, `${whole}:one`, `${registry.host}/app:one`];
    const report = await copy(`${source}:one`, targets, options);
    expect(report.targets).toMatchObject([
      { blobs: { copied: 1 }, verified: 'presence' },
      { blobs: { copied: 0 }, verified: 'presence' },
      { blobs: { copied: 0 }, verified: 'header' },
    ]);
    expect(notes).toEqual([told(digestOfLayer)]);
  });

  it('of which all tags are copied says of each how it was looked at', async () => {
    truncateSync(fileOf(digestOfLayer), 3);
    await seed(registry.store('fresh'), imageManifest({ layers: [blob(300, 50)] }), 'a');
    await seed(registry.store('fresh'), one, 'b');
    const { targets } = await copyTags(`${registry.host}/fresh`, folder, options);
    expect(targets).toMatchObject([{ verified: 'bytes' }, { verified: 'presence', blobs: { copied: 1 } }]);
    expect(notes).toEqual([told(digestOfLayer)]);
  });

  it('cannot mend itself', async () => {
    truncateSync(fileOf(digestOfLayer), 3);
    const itself = await failureOf(copy(`${folder}:one`, `${folder}:one`));
    expect(itself).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(itself.message).toContain(`${digestOfLayer}, which ${rootOf.one} names`);
    expect(itself.message).toContain('copy the image there again');
  });
});

describe('what an index lists under another type than it is', () => {
  const type = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const image = imageManifest({ layers: [blob(400, 70)] });
  const records = Buffer.from('{"layers":[],"records":[]}');
  const odd = 'application/vnd.buildkit.cacheconfig.v0';
  const document = { schemaVersion: 2, mediaType: OCI_INDEX };
  const cache = artifact({ ...document, manifests: [describeBytes(records, odd)] }, OCI_INDEX, [records]);
  const listing = indexOf([{ image, fields: { mediaType: type } }]);
  const [, layer = ''] = image.blobs.keys();

  it.each([
    ['a changed blob among manifests', cache, () => flip(describeBytes(records, odd).digest)],
    ['a missing layer of an image among layers', listing, () => rmSync(fileOf(layer))],
    ['a changed image among layers', listing, () => flip(image.root.descriptor.digest)],
  ])('is mended: %s', async (_, odd, damage) => {
    await seed(registry.store('odd'), odd, '1');
    const copied = () => copy(`${registry.host}/odd:1`, `${folder}:odd`, options);
    await copied();
    notes.length = 0;
    damage();
    await copied();
    expect(notes).toContainEqual(expect.stringMatching(/lacks some of what it should hold/));
    await expectSame(await openLayout(folder.slice(4), { access: 'read' }), odd, 'odd');
    const { targets } = await copied();
    expect(targets[0]).toMatchObject({ verified: 'presence', blobs: { copied: 0, skipped: 0 } });
  });
});

describe('what a layout need not hold', () => {
  it('is the other platforms, where one was asked for', async () => {
    const place = `oci:${makeTempFolder('one')}/x`;
    const narrow = { ...options, platform: 'linux/amd64' };
    await copy(`${source}:v1`, `${place}:v1`, narrow);
    const { targets } = await copy(`${source}:v1`, `${place}:v1`, narrow);
    expect(targets[0]).toMatchObject({ changed: false, verified: 'presence', blobs: { copied: 0 } });
    expect(notes).toEqual([]);
  });

  it('is a manifest that was left out of an index, for another tag there', async () => {
    rmSync(fileOf(child));
    const { targets } = await promote(`${folder}:v1`, 'prod', options);
    expect(targets[0]).toMatchObject({ changed: true, digest: rootOf.v1, verified: 'presence' });
    expect(notes).toEqual([expect.stringMatching(`does not have all manifests .*: ${child}; it stays`)]);
    expect(existsSync(fileOf(child))).toBe(false);
  });

  it('is a foreign layer, unless it is asked for', async () => {
    const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const foreign = imageManifest({ layers: [{ bytes: blob(200, 60), mediaType }, shared] });
    await seed(registry.store('win'), foreign, '1');
    const [from, to] = [`${registry.host}/win:1`, `${folder}:win`];
    await copy(from, to, options);
    const without = await copy(from, to, options);
    const included = await copy(from, to, { includeForeign: true });
    const again = await copy(from, to, { includeForeign: true });
    const counts = [without, included, again].map(({ targets }) => targets[0]?.blobs.copied);
    expect([counts, notes]).toEqual([[0, 1, 0], []]);
  });
});
