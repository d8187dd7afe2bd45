import { afterAll, beforeAll, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { createRegistry, type Registry } from '../../src/api/registry.js';
import { runProgram } from '../support/child.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { fixtureImages, refusedByDistribution, seedHttp } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const images = Object.entries(fixtureImages())
  .filter(([name]) => !refusedByDistribution.has(name))
  .map(([name, image]) => ({
    name,
    image,
    repository: name.replaceAll(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''),
  }));

requirePrograms('docker-registry', 'skopeo')('between two docker-registry servers', () => {
  let source: DockerRegistry;
  let target: DockerRegistry;
  let own: TestRegistry;
  let client: Registry;
  let folder: string;

  beforeAll(async () => {
    [source, target, own] = await Promise.all([
      startDockerRegistry(),
      startDockerRegistry(),
      startRegistry(),
    ]);
    client = createRegistry();
    folder = makeTempFolder('fidelity');
    await Promise.all(images.map(({ image, repository }) => seedHttp(source.url, repository, image, 'v1')));
  });
  afterAll(async () => {
    await Promise.all([client.close(), source.stop(), target.stop(), own.close()]);
    removeTempFolder(folder);
  });

  it.each(images)('copies an image with $name byte for byte', async ({ image, repository }) => {
    await copy(`${source.host}/${repository}:v1`, `${target.host}/${repository}`);
    await expectSame(client.repository(`${target.host}/${repository}`), image, 'v1');
  });

  it.each(images)(
    'takes $name by way of our own registry and a layout folder',
    async ({ image, repository }) => {
      const layout = `oci:${folder}/${repository}:v1`;
      await copy(`${source.host}/${repository}:v1`, `${own.host}/${repository}`);
      await copy(`${own.host}/${repository}:v1`, layout);
      await copy(layout, `${target.host}/back/${repository}`);
      await expectSame(client.repository(`${target.host}/back/${repository}`), image, 'v1');
    },
  );

  it('leaves what skopeo sees as the same bytes', async () => {
    for (const { image, repository } of images.filter(({ name }) =>
      /crlf|index|big|empty config/.test(name),
    )) {
      await copy(`${source.host}/${repository}:v1`, `${target.host}/seen/${repository}`);
      const reference = `docker://${target.host}/seen/${repository}:v1`;
      const { stdout } = await runProgram('skopeo', ['inspect', '--raw', '--tls-verify=false', reference]);
      expect(stdout.equals(image.root.bytes), repository).toBe(true);
    }
  });
});
