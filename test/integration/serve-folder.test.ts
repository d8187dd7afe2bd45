import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { createRegistry, type Registry } from '../../src/api/registry.js';
import { serve } from '../../src/api/serve.js';
import { openLayout } from '../../src/content/layout-store.js';
import type { ServedRegistry } from '../../src/serve/server.js';
import { waitUntil } from '../support/child.js';
import { fixtureImages, imageManifest, repositoryFor, seed } from '../support/fixtures.js';
import { startRegferry } from '../support/regferry.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeMemoryFolder, removeTempFolders } from '../support/temp.js';

afterAll(removeTempFolders);

describe('a folder between registries', () => {
  const images = Object.entries(fixtureImages()).map(([name, image]) => ({
    image,
    repository: `team/${repositoryFor(name)}`,
  }));
  const folder = makeMemoryFolder('air');
  let source: TestRegistry;
  let target: TestRegistry;
  let served: ServedRegistry;
  let client: Registry;

  beforeAll(async () => {
    [source, target, served] = await Promise.all([startRegistry(), startRegistry(), serve({ folder })]);
    client = createRegistry();
    for (const { image, repository } of images) await seed(source.store(repository), image, 'v1');
  });
  afterAll(() => Promise.all([client.close(), source.close(), target.close(), served.close()]));

  it.each(images)(
    'keeps $repository on its way through a layout and the server',
    async ({ image, repository }) => {
      await copy(`${source.host}/${repository}:v1`, `oci:${folder}/${repository}:v1`);
      await expectSame(client.repository(`${served.host}/${repository}`), image, 'v1');
      await copy(`${served.host}/${repository}:v1`, `${target.host}/${repository}`);
      await expectSame(target.store(repository), image, 'v1');
    },
  );

  it.each(images)(
    'keeps $repository on its way through the server and a layout',
    async ({ image, repository }) => {
      await copy(`${source.host}/${repository}:v1`, `${served.host}/pushed/${repository}`);
      const layout = await openLayout(join(folder, 'pushed', repository), { access: 'read' });
      expect((await layout.single()).digest).toBe(image.root.descriptor.digest);
      await expectSame(layout, image, 'v1');
      await copy(`oci:${folder}/pushed/${repository}`, `${target.host}/pushed/${repository}`);
      await expectSame(target.store(`pushed/${repository}`), image, 'v1');
    },
  );

  it('needs no upload for what another repository of it has', async () => {
    const [{ image, repository } = { image: imageManifest(), repository: '' }] = images;
    const report = await copy(`${served.host}/${repository}:v1`, `${served.host}/mounted:v1`);
    expect(report.targets[0]?.blobs).toMatchObject({ copied: 0, mounted: image.blobs.size });
  });

  it('is not written by a copy while an upload runs, and is afterwards', async () => {
    const [{ repository } = { repository: '' }] = images;
    const opened = await fetch(`${served.url}/v2/busy/blobs/uploads/`, { method: 'POST' });
    const location = new URL(opened.headers.get('location') ?? '', served.url);
    const upload = request(location, { method: 'PATCH', headers: { 'content-length': 10 }, agent: false });
    upload.on('error', () => undefined).write('12345');
    await waitUntil('the lock is taken', () => existsSync(join(folder, 'busy/.regferry.lock')));
    // The lock is shared within a process, so that the copy has to be another one.
    const words = ['copy', `${source.host}/${repository}:v1`, `oci:${folder}/busy:1`];
    const refused = await startRegferry(words).ended;
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /^regferry: .*busy\/\.regferry\.lock is held by process \d+ on \S+, which writes/,
    );
    expect(refused.stderr.trim().split('\n')).toHaveLength(1);
    upload.destroy();
    await waitUntil('the lock is free', () => !existsSync(join(folder, 'busy/.regferry.lock')));
    expect((await startRegferry(words).ended).code).toBe(0);
    expect((await fetch(`${served.url}/v2/busy/manifests/1`)).status).toBe(200);
  });
});
