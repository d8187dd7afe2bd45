import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copy, copyTags, MemoryRegistry, MemoryStore, openLayout, plan, serve } from '../../src/index.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const image = imageManifest({ layers: [blob(3_000, 1), blob(200, 2)] });
let folder = '';

beforeEach(() => {
  folder = makeTempFolder('same-place');
});

afterEach(() => removeTempFolder(folder));

describe('a copy between stores in memory', () => {
  it('moves everything, though both were made with no options', async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await seed(from, image, '1');
    const report = await copy({ store: from, tag: '1' }, { store: to, tag: '2' });
    expect(report.targets).toMatchObject([{ verified: 'bytes', blobs: { copied: 3, mounted: 0 } }]);
    await expectSame(to, image, '2');
  });

  it('moves everything to each of several, and its plan says so', async () => {
    const [from, ...to] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
    await seed(from, image, '1');
    const targets = to.map((store) => ({ store, tag: '1' }));
    const planned = await plan({ store: from, tag: '1' }, targets);
    expect(planned.targets.map(({ blobs }) => blobs.copy)).toEqual([3, 3]);
    await copy({ store: from, tag: '1' }, targets);
    for (const store of to) await expectSame(store, image, '1');
  });

  it('of all tags takes two stores for two, and one for itself', async () => {
    const [from, ...to] = [new MemoryStore(), new MemoryStore(), new MemoryStore()];
    await seed(from, image, '1');
    await copyTags(from, to);
    for (const store of to) await expectSame(store, image, '1');
    await expect(copyTags(from, from)).rejects.toMatchObject({ code: 'E_USAGE' });
    await expect(copyTags(from, [...to, ...to])).rejects.toThrow('is given twice');
  });

  it('finds what a registry serves of the same store there already', async () => {
    const memory = new MemoryRegistry();
    const store = memory.store('app');
    await seed(store, image, '1');
    const registry = await serve({ memory });
    try {
      const report = await copy({ store, tag: '1' }, `${registry.host}/app:2`);
      expect(report.targets).toMatchObject([{ verified: 'bytes', blobs: { copied: 0, skipped: 3 } }]);
    } finally {
      await registry.close();
    }
  });
});

describe('a copy within one registry', () => {
  it('moves nothing to the same repository in other letters', async () => {
    const memory = new MemoryRegistry();
    await seed(memory.store('app'), image, '1');
    const registry = await serve({ memory });
    try {
      const port = registry.host.split(':').at(-1) ?? '';
      const report = await copy(`localhost:${port}/app:1`, `LocalHost:${port}/app:2`);
      expect(report.targets).toMatchObject([{ verified: 'bytes', blobs: { copied: 0, skipped: 0 } }]);
      const twice = copy(`localhost:${port}/app:1`, [`localhost:${port}/b:2`, `LOCALHOST:${port}/b:2`]);
      await expect(twice).rejects.toThrow('is given twice');
    } finally {
      await registry.close();
    }
  });
});

describe('a folder under two names', () => {
  const spellings: readonly (readonly [string, () => string])[] = [
    ['with a slash at the end', () => `${join(folder, 'app')}/`],
    ['by a detour', () => `${folder}/./x/../app`],
    ['through a link to it', () => join(folder, 'link')],
    ['through a link to what it is in', () => join(folder, 'up', 'app')],
  ];

  beforeEach(() => {
    symlinkSync(join(folder, 'app'), join(folder, 'link'));
    symlinkSync(folder, join(folder, 'up'));
  });

  it.each(spellings)('is one source and target, %s', async (_how, spelled) => {
    const layout = await openLayout(join(folder, 'app'), { access: 'write', create: true });
    await seed(layout, image, '1');
    await layout.close();
    const report = await copy(`oci:${join(folder, 'app')}:1`, `oci:${spelled()}:2`);
    expect(report.targets).toMatchObject([{ verified: 'presence', blobs: { copied: 0, skipped: 0 } }]);
    await expect(copyTags(`oci:${join(folder, 'app')}`, `oci:${spelled()}`)).rejects.toThrow(
      'is the source itself',
    );
  });

  it.each(spellings)('is one target for several tags, %s', async (_how, spelled) => {
    const from = new MemoryStore();
    await seed(from, image, '1');
    if (!spelled().endsWith('link')) mkdirSync(join(folder, 'x'));
    else mkdirSync(join(folder, 'app'));
    const [one, other] = [`oci:${join(folder, 'app')}`, `oci:${spelled()}`];
    await expect(copy({ store: from, tag: '1' }, [`${one}:2`, `${other}:2`])).rejects.toThrow('given twice');
    await expect(copyTags(from, [one, other])).rejects.toThrow('given twice');
    const report = await copy({ store: from, tag: '1' }, [`${one}:2`, `${other}:3`]);
    expect(report.targets.map(({ verified }) => verified)).toEqual(['bytes', 'bytes']);
  });
});
