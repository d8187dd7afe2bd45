import { afterEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { copyAtOnce } from '../../support/copy-run.js';
import { fakeRegistries, type FakeRegistry } from '../../support/fake-registries.js';
import { rule } from '../../support/faults.js';
import { cutRequest } from '../../support/faults/cuts.js';
import { tokens, type TokenStyle } from '../../support/faults/tokens.js';
import { blob, imageManifest, indexOf, seed } from '../../support/fixtures.js';
import type { TestRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';
import {
  closeEverything,
  openRegistry,
  openRepository,
  type Settings,
} from '../../unit/registry/open-repository.js';

const MiB = 1024 * 1024;
const layer = blob(11 * MiB, 1);
const image = indexOf([
  { image: imageManifest({ layers: [layer, blob(2_000, 2)] }) },
  { image: imageManifest({ layers: [blob(3_000, 3)] }) },
]);

afterEach(closeEverything);

/** The fake on a port of its own, and another origin with the same content. */
async function start(fake: FakeRegistry): Promise<TestRegistry> {
  const storage = await openRegistry();
  const rules = fake.rules({ storage: storage.url });
  return openRegistry({ ...fake.options, storage: storage.storage, rules });
}

/** A repository of the fake, under the name that it has in the world. */
function repositoryOf(fake: FakeRegistry, registry: TestRegistry, settings: Settings = {}) {
  return openRepository(registry.url, { registry: fake.host, ...settings }).repository;
}

function requests(registry: TestRegistry, method: string, path: RegExp) {
  return registry.log.filter((entry) => entry.method === method && path.test(entry.url));
}

describe.each(fakeRegistries.map((fake) => [`${fake.name}, which ${fake.does},`, fake] as const))(
  '%s',
  (_name, fake) => {
    it.each<[string, Settings]>([
      ['as it likes it', {}],
      ['in chunks', { chunkSize: 6 * MiB }],
    ])('takes an image %s', async (_how, settings) => {
      const registry = await start(fake);
      const plain = await openRegistry();
      await seed(plain.store('app'), image, 'v1');
      const store = repositoryOf(fake, registry, settings);
      const report = await copyAtOnce(`${plain.host}/app:v1`, { store, tag: 'v1' });
      expect(report.targets[0]?.verified).toBe('bytes');
      await expectSame(registry.store('app'), image, 'v1');
    });

    it('gives an image', async () => {
      const registry = await start(fake);
      const plain = await openRegistry();
      await seed(registry.store('app'), image, 'v1');
      const store = repositoryOf(fake, registry, { access: 'pull', side: 'source' });
      await copyAtOnce({ store, tag: 'v1' }, `${plain.host}/app`);
      await expectSame(plain.store('app'), image, 'v1');
    });

    it('has an image copied from one repository to another', async () => {
      const registry = await start(fake);
      await seed(registry.store('app'), image, 'v1');
      const from = repositoryOf(fake, registry, { access: 'pull', side: 'source' });
      const to = repositoryOf(fake, registry, { repository: 'mirror/app' });
      await copyAtOnce({ store: from, tag: 'v1' }, { store: to, tag: 'v1' });
      await expectSame(registry.store('mirror/app'), image, 'v1');
    });

    it('takes an image of which a chunk is cut', async () => {
      const registry = await start(fake);
      const plain = await openRegistry();
      await seed(plain.store('app'), image, 'v1');
      const cut = rule({ method: 'PATCH', nth: 2 }, cutRequest({ after: MiB, by: 'rst' }));
      const door = await openRegistry({
        storage: registry.storage,
        rules: [cut, ...fake.rules({ storage: registry.url })],
        ...fake.options,
      });
      const store = repositoryOf(fake, door, { chunkSize: 6 * MiB });
      await copyAtOnce(`${plain.host}/app:v1`, { store, tag: 'v1' });
      await expectSame(registry.store('app'), image, 'v1');
    });
  },
);

function named(name: string): FakeRegistry {
  const fake = fakeRegistries.find((one) => one.name.startsWith(name));
  if (fake === undefined) throw new Error(`there is no fake called ${name}`);
  return fake;
}

describe('Docker Hub', () => {
  it('is asked by HEAD first, and not at all for a manifest that the target has', async () => {
    const hub = await start(named('Docker Hub'));
    const plain = await openRegistry();
    await seed(hub.store('library/app'), image, 'v1');
    const settings = { repository: 'library/app', access: 'pull', side: 'source' } as const;
    const copyIt = () => {
      const store = repositoryOf(named('Docker Hub'), hub, settings);
      return copyAtOnce({ store, tag: 'v1' }, `${plain.host}/app`);
    };
    await copyIt();
    expect(requests(hub, 'GET', /\/manifests\/v1/)).toHaveLength(1);
    hub.log.length = 0;
    await copyIt();
    expect(requests(hub, 'GET', /\/manifests\//)).toHaveLength(0);
    await expectSame(plain.store('app'), image, 'v1');
  });
});

describe('the way a blob of 11 MiB takes', () => {
  it.each<[string, Settings, readonly (readonly [string, number])[]]>([
    ['GHCR', {}, [['PUT', 11]]],
    [
      'GHCR',
      { chunkSize: 6 * MiB },
      [
        ['PATCH', 4],
        ['PATCH', 4],
        ['PATCH', 3],
        ['PUT', 0],
      ],
    ],
    [
      'ECR',
      { chunkSize: 5 * MiB },
      [
        ['PATCH', 5],
        ['PATCH', 5],
        ['PUT', 1],
      ],
    ],
    ['ECR', {}, [['PUT', 11]]],
    ['Google', {}, [['PUT', 11]]],
    [
      'Cloudflare',
      {},
      [
        ['PATCH', 5],
        ['PATCH', 5],
        ['PATCH', 1],
        ['PUT', 0],
      ],
    ],
  ])('to %s (%o)', async (name, settings, expected) => {
    const fake = named(name);
    const registry = await start(fake);
    const plain = await openRegistry();
    const single = imageManifest({ layers: [layer] });
    await seed(plain.store('app'), single, 'v1');
    await copyAtOnce(`${plain.host}/app:v1`, { store: repositoryOf(fake, registry, settings), tag: 'v1' });
    const closing = requests(registry, 'PUT', new RegExp(digestOf(layer)))[0];
    const session = closing?.url.split('?')[0]?.split('/').at(-1) ?? '';
    const way = registry.log
      .filter(({ method, url }) => method !== 'POST' && url.includes(session))
      .map(({ method, bytesIn }) => [method, Math.round(bytesIn / MiB)]);
    expect(way).toEqual(expected);
  });
});

describe('a copy within a registry that wants tokens', () => {
  it.each<[string, TokenStyle, number]>([
    ['takes one for each side', {}, 2],
    ['takes one more where they are for the last of their scopes alone', { scopes: 1 }, 3],
  ])('%s', async (_name, style, count) => {
    const registry = await openRegistry({ rules: [rule({}, tokens(style))] });
    await seed(registry.store('app'), image, 'v1');
    const guards = { ifTarget: 'absent' } as const;
    await copyAtOnce(`${registry.host}/app:v1`, `${registry.host}/mirror/app`, { guards });
    await expectSame(registry.store('mirror/app'), image, 'v1');
    const asked = requests(registry, 'GET', /^\/token/).map(({ url }) =>
      new URL(url, registry.url).searchParams.getAll('scope'),
    );
    expect(asked).toHaveLength(count);
    expect(asked).toContainEqual(['repository:mirror/app:pull,push', 'repository:app:pull']);
  });
});
