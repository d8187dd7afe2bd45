import { afterAll, beforeAll, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { createRegistry } from '../../src/api/registry.js';
import { MemoryStore } from '../../src/content/memory-store.js';
import type { RegferryEvent } from '../../src/copy/events.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { registryError } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const image = imageManifest({ layers: [blob(2_000, 1)] });
const rules: Rule[] = [];
let registry: TestRegistry;

beforeAll(async () => {
  registry = await startRegistry({ rules });
  await seed(registry.store('r/app'), image, 'v1');
});

afterAll(() => registry.close());

async function withRules<T>(planted: readonly Rule[], work: () => Promise<T>): Promise<T> {
  rules.splice(0, rules.length, ...planted);
  try {
    return await work();
  } finally {
    rules.length = 0;
  }
}

it.each([
  ['a manifest', 'PUT', /\/manifests\//],
  ['an upload', 'POST', /\/blobs\/uploads/],
  ['a tag', 'GET', /\/manifests\/v2$/],
] as const)(
  "a repository of one's own that is the target names that side when it refuses %s",
  async (_what, method, path) => {
    const own = createRegistry();
    const source = new MemoryStore();
    await seed(source, image, 'v1');
    const target = { store: own.repository(`${registry.host}/r/${method.toLowerCase()}`, 'push'), tag: 'v2' };
    const planted = [rule({ method, path }, registryError(400, 'UNSUPPORTED', 'no'))];
    const error = await withRules(planted, () => failureOf(copy({ store: source, tag: 'v1' }, target)));
    expect(error).toMatchObject({ status: 400, side: 'target' });
    await own.close();
  },
);

it("a repository of one's own that is the source names that side", async () => {
  const own = createRegistry();
  const source = { store: own.repository(`${registry.host}/r/app`), tag: 'none' };
  const error = await failureOf(copy(source, { store: new MemoryStore(), tag: 'v1' }));
  expect(error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
  await own.close();
});

it("a repository of one's own that is used by itself names no side, in errors and events", async () => {
  const events: RegferryEvent[] = [];
  const own = createRegistry({ onEvent: (event) => events.push(event) });
  const reading = own.repository(`${registry.host}/r/app`).fetch({ tag: 'none' });
  await expect(reading).rejects.toMatchObject({ code: 'E_NOT_FOUND', side: undefined });
  expect(events.filter(({ type }) => type === 'request')).not.toEqual([]);
  expect(events.filter((event) => 'side' in event)).toEqual([]);
  await own.close();
});
