import { afterEach, beforeEach, expect, it } from 'vitest';

import { createRegistry, digestOf, undo, type Registry } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const secret = 'canary/1-and-more';
const login = { username: 'me', password: secret };
const image = imageManifest({ layers: [blob(500, 1)] });
const { descriptor } = image.root;

let registry: TestRegistry;
let own: Registry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  registry = await startRegistry({ rules });
  await seed(registry.store('app'), image, 'v1');
  own = createRegistry(login);
});
afterEach(() => Promise.all([own.close(), registry.close()]));

/** Whatever is asked in this way is answered with the secret, where a manifest or a list is looked for. */
function repeating(method: string): void {
  rules.push(rule({ method, path: /manifests|tags/ }, answer(200, { body: `you sent ${secret}` })));
}

type Store = ReturnType<Registry['repository']>;
const drained = async (list: AsyncIterable<string>): Promise<void> => {
  for await (const tag of list) expect(tag).not.toContain('canary');
};

it.each<[string, (store: Store) => Promise<unknown>]>([
  ['tags', (store) => drained(store.tags())],
  ['fetch', (store) => store.fetch({ tag: 'v1' })],
  ['resolve', (store) => store.resolve({ tag: 'v1' }, { certainty: 'proved' })],
])('what a repository of a program’s own throws from %s has no secret in it', async (_, ask) => {
  repeating('GET');
  rules.push(rule({ method: 'HEAD' }, answer(405)));
  const error = await failureOf(ask(own.repository(`${registry.host}/app`)));
  expect(`${error.message} ${error.stack ?? ''}`).not.toContain('canary');
  expect(error.message).toContain('REDACTED');
});

it('what a source of one’s own throws into a put comes without secrets', async () => {
  const store = own.repository(`${registry.host}/app`, 'push');
  const broken = (): Promise<never> => Promise.reject(new Error(`no bytes with ${secret}`));
  const error: unknown = await store
    .put({ ...descriptor, digest: digestOf(Buffer.from('other')), size: 5 }, broken)
    .catch((thrown: unknown) => thrown);
  expect(String(error)).toContain('REDACTED');
});

it('what an undo says of a tag that it cannot delete has no secret in it', async () => {
  const reference = `${registry.host}/app:canary-1-and-more`;
  const tag = { reference, digest: digestOf(Buffer.from('other')), previous: null, changed: true };
  await seed(registry.store('app'), image, 'canary-1-and-more');
  const target = { username: 'me', password: 'canary-1-and-more' };
  const error = await failureOf(undo({ predicate: { tags: [tag] } }, { deleteNewTags: true, target }));
  expect(error).toMatchObject({
    code: 'E_GUARD',
    message: expect.stringContaining('app:REDACTED') as string,
  });
});
