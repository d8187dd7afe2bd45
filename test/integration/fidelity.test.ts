import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { fixtureImages, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { expectSame } from '../support/same-image.js';
import { openLayout } from '../../src/content/layout-store.js';

let source: TestRegistry;
let target: TestRegistry;
let folder: string;

beforeAll(async () => {
  [source, target] = [await startRegistry(), await startRegistry()];
  folder = makeTempFolder('fidelity');
});
afterAll(async () => {
  await Promise.all([source.close(), target.close()]);
  removeTempFolder(folder);
});

describe.each(Object.entries(fixtureImages()))('an image with %s', (name, image) => {
  const repository = name.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '');

  it('arrives at another registry byte for byte', async () => {
    await seed(source.store(repository), image, 'v1');
    const report = await copy(`${source.host}/${repository}:v1`, `${target.host}/${repository}`);
    expect(report.targets[0]?.digest).toBe(image.root.descriptor.digest);
    await expectSame(target.store(repository), image, 'v1');
  });

  it('goes through a layout folder and comes back byte for byte', async () => {
    await seed(source.store(repository), image, 'v1');
    const layout = `oci:${folder}/${repository}:v1`;
    await copy(`${source.host}/${repository}:v1`, layout);
    const opened = await openLayout(`${folder}/${repository}`, { access: 'read' });
    await expectSame(opened, image, 'v1');
    await copy(layout, `${target.host}/back/${repository}`);
    await expectSame(target.store(`back/${repository}`), image, 'v1');
  });
});
