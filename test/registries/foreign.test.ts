import { afterEach, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { createRegistry } from '../../src/api/registry.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { fixtureImages, seed } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';

const image = fixtureImages()['foreign layers'];

requirePrograms('docker-registry')('an image with foreign layers', () => {
  let source: TestRegistry | undefined;
  let target: DockerRegistry | undefined;
  afterEach(() => Promise.all([source?.close(), target?.stop()]));

  async function start(env: Record<string, string>): Promise<{ from: string; to: string }> {
    if (image === undefined) throw new Error('the fixture is gone');
    [source, target] = await Promise.all([startRegistry(), startDockerRegistry({ env })]);
    await seed(source.store('app'), image, 'v1');
    return { from: `${source.host}/app:v1`, to: `${target.host}/app` };
  }

  it('is refused at once with the name of the setting by a registry that allows no urls', async () => {
    const { from, to } = await start({});
    await expect(copy(from, to)).rejects.toMatchObject({
      code: 'E_UNSUPPORTED',
      message: expect.stringContaining('validation.manifests.urls.allow') as string,
      report: { retries: 0 },
    });
    const puts = (await target?.settledRequests())?.filter(
      ({ method, path }) => method === 'PUT' && path.includes('/manifests/'),
    );
    // Twice, since a 500 may be any passing trouble; no waits and no uploads in between.
    expect(puts).toHaveLength(2);
  });

  it('arrives without the blobs that the registry does not ask for', async () => {
    const { from, to } = await start({
      REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW: '["^https://store\\\\.example\\\\.com/"]',
    });
    const report = await copy(from, to);
    expect(report.targets[0]?.blobs).toMatchObject({ foreign: 1, copied: 2 });
    const client = createRegistry();
    if (image !== undefined) await expectSame(client.repository(to), image, 'v1');
    await client.close();
  });
});
