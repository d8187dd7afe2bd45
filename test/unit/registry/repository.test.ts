import { afterEach, describe, expect, it } from 'vitest';

import { fixtureImages, seed } from '../../support/fixtures.js';
import type { FixtureImage } from '../../support/fixtures.js';
import {
  blobSource,
  closeEverything,
  openRegistry,
  openRepository,
  read,
  requestsOf,
} from './open-repository.js';

afterEach(closeEverything);

describe('a repository', () => {
  it.each([
    ['docker.io', 'library/alpine', true],
    ['registry.example.com', 'app', false],
    ['Registry.example.com:5000', 'team/app', false],
  ])('at %s says where it is', (registry, repository, metered) => {
    const opened = openRepository('http://127.0.0.1:1', { registry, repository });
    expect(opened.repository.place).toEqual({ kind: 'registry', host: registry.toLowerCase(), repository });
    expect(opened.repository.toString()).toBe(`${registry}/${repository}`);
    expect(opened.repository.metered).toBe(metered);
  });

  it('asks for no more than pulling where it only reads', async () => {
    const registry = await openRegistry();
    const scopes: unknown[] = [];
    for (const access of ['pull', 'push'] as const) {
      const { client, repository } = openRepository(registry.url, { access });
      const send = client.send.bind(client);
      client.send = (call) => {
        scopes.push(call.scopes);
        return send(call);
      };
      await repository.resolve({ tag: '1' });
    }
    expect(scopes).toEqual([
      [{ repository: 'app', actions: ['pull'] }],
      [{ repository: 'app', actions: ['pull', 'push'] }],
    ]);
  });

  it('takes images of every shape, and gives them back byte for byte', async () => {
    const registry = await openRegistry();
    const { repository } = openRepository(registry.url);
    for (const [name, image] of Object.entries<FixtureImage>(fixtureImages())) {
      const tag = name.replaceAll(/[^a-z0-9]+/gi, '-');
      await seed(repository, image, tag);
      const { digest } = image.root.descriptor;
      expect(await repository.resolve({ tag }), name).toEqual(image.root.descriptor);
      expect((await repository.fetch({ digest })).bytes.equals(image.root.bytes), name).toBe(true);
    }
  });

  it('takes a blob, knows it, and gives it back', async () => {
    const source = blobSource(100_000);
    const registry = await openRegistry();
    const { repository } = openRepository(registry.url);
    expect(await repository.has(source.descriptor)).toBe(false);
    await repository.put(source.descriptor, source.open);
    expect(await repository.has(source.descriptor)).toBe(true);
    expect((await read(await repository.open(source.descriptor))).equals(source.bytes)).toBe(true);
    expect(requestsOf(registry)).toEqual(['HEAD 404', 'POST 202', 'PUT 201', 'HEAD 200', 'GET 200']);
  });
});
