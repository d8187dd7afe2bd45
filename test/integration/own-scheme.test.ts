import { afterAll, beforeAll, expect, it } from 'vitest';

import { copy, digest, promote, tags } from '../../src/index.js';
import { MemoryStore } from '../../src/content/memory-store.js';
import { Address, type Names } from '../../src/place/address.js';
import type { Scheme } from '../../src/place/scheme.js';
import { SCHEMES } from '../../src/place/schemes.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

/** Repositories that live as long as the test, by name: `shelf:NAME[:TAG]`. All that a scheme takes. */
class ShelfAddress extends Address {
  static readonly stores = new Map<string, MemoryStore>();
  readonly repository: string;
  readonly #name: string;

  constructor(name: string, names: Names = {}) {
    super(names);
    this.#name = name;
    this.repository = `shelf:${name}`;
  }

  named(names: Names): ShelfAddress {
    return new ShelfAddress(this.#name, names);
  }

  key(): Promise<string> {
    return Promise.resolve(this.repository);
  }

  read(): Promise<MemoryStore> {
    return this.write();
  }

  write(): Promise<MemoryStore> {
    const { stores } = ShelfAddress;
    const store = stores.get(this.#name) ?? new MemoryStore();
    stores.set(this.#name, store);
    return Promise.resolve(store);
  }
}

const shelf: Scheme = {
  prefix: 'shelf:',
  parse: (rest) => {
    const [name = '', tag] = rest.split(':');
    return new ShelfAddress(name, { tag });
  },
};

const image = imageManifest({ layers: [blob(2_000, 1), blob(300, 2)] });
/** What a scheme's one line in place/schemes.ts says, for as long as this file runs. */
const listed = SCHEMES as Scheme[];
let registry: TestRegistry;

beforeAll(async () => {
  listed.push(shelf);
  registry = await startRegistry();
  await seed(registry.store('app'), image, 'v1');
});
afterAll(async () => {
  listed.splice(listed.indexOf(shelf), 1);
  await registry.close();
});

it('a new scheme is known to every verb once it is listed', async () => {
  const { digest: wanted } = image.root.descriptor;
  const report = await copy(`${registry.host}/app:v1`, ['shelf:a', 'shelf:b:x']);
  expect(report.targets.map(({ reference }) => reference)).toEqual(['shelf:a:v1', 'shelf:b:x']);
  await promote('shelf:a:v1', ['prod'], { to: ['shelf:a', `${registry.host}/other`] });
  expect(await digest('shelf:a:prod')).toMatchObject({ digest: wanted, reference: 'shelf:a:prod' });
  const found: string[] = [];
  for await (const tag of tags('shelf:a')) found.push(tag);
  expect(found).toEqual(['v1', 'prod']);
  expect(registry.store('other').tagged('prod')).toBe(wanted);
});
