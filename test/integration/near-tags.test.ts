import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  apply,
  copy,
  copyTags,
  createRegistry,
  digest,
  isRegferryError,
  manifest,
  plan,
  promote,
  tags,
  type RegferryError,
} from '../../src/index.js';
import { commandLine } from '../support/command-line.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer, hang, redirect, registryError } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const image = imageManifest({ layers: [blob(500, 1)] });
const absent = `sha256:${'a'.repeat(64)}`;

let registry: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  registry = await startRegistry({ rules });
  await seed(registry.store('r/app'), image, 'v1');
  await seed(registry.store('r/app'), image, 'v1.1');
  registry.log.length = 0;
});
afterEach(() => registry.close());

const named = (rest: string): string => `${registry.host}/r/${rest}`;
const lists = (): string[] => registry.log.map(({ url }) => url).filter((url) => url.includes('/tags/list'));
const planned = { reference: 'r/x', previous: null };

/** What asks for r/app:v2. */
const verbs: [string, () => Promise<unknown>][] = [
  ['copy', () => copy(named('app:v2'), named('b:x'))],
  ['plan', () => plan(named('app:v2'), named('b:x'))],
  ['promote', () => promote(named('app:v2'), ['prod'])],
  ['digest', () => digest(named('app:v2'))],
  ['digest of a platform', () => digest(named('app:v2'), { platform: 'linux/amd64' })],
  ['manifest', () => manifest(named('app:v2'))],
  [
    'apply',
    () =>
      apply({
        source: { reference: named('app:v2'), digest: absent },
        targets: [{ ...planned, reference: named('b:x') }],
      }),
  ],
];

describe.each(verbs)('%s of a tag that is not there', (_, run) => {
  it('says which there are, as data too, for one request more', async () => {
    const error = await failureOf(run());
    expect(error).toMatchObject({
      code: 'E_NOT_FOUND',
      side: 'source',
      status: 404,
      registryCodes: ['MANIFEST_UNKNOWN'],
      message: `no tag "v2" in ${named('app')}; it has v1, v1.1`,
      hint: { code: 'list-tags', repository: named('app'), near: ['v1', 'v1.1'] },
    });
    expect(lists()).toEqual(['/v2/r/app/tags/list?n=1000']);
    expect(registry.log.at(-1)?.url).toBe('/v2/r/app/tags/list?n=1000');
  });
});

describe('where a registry does not have what was asked for', () => {
  const unlisted = async (fault: Rule): Promise<RegferryError> => {
    rules.push(fault);
    const error = await failureOf(digest(named('app:v2')));
    expect(lists()).toHaveLength(1);
    return error;
  };
  const list = { method: 'GET', path: /tags\/list/ };

  it('the command line words it, and names its own command', async () => {
    const failed = await commandLine(['digest', named('app:v2')]);
    expect(failed.code).toBe(4);
    expect(failed.stderr).toContain(
      `no tag "v2" in ${named('app')}; it has v1, v1.1 (regferry tags ${named('app')})\n`,
    );
  });

  it('nothing is asked for where all goes well', async () => {
    await copy(named('app:v1'), named('b:x'));
    await digest(named('app:v1'));
    expect(lists()).toEqual([]);
  });

  it('a digest is said to be absent, for no request more', async () => {
    const error = await failureOf(digest(named(`app@${absent}`)));
    expect(error).toMatchObject({
      code: 'E_NOT_FOUND',
      digest: absent,
      hint: undefined,
      message: `no manifest ${absent} in ${named('app')}`,
    });
    expect(lists()).toEqual([]);
  });

  it.each(['a tag', 'all tags', 'its list'])(
    'a repository that is not there is said to be so: %s',
    async (what) => {
      const none = named('none');
      // As distribution answers.
      rules.push(rule({ path: /none\/manifests/ }, registryError(404, 'MANIFEST_UNKNOWN')));
      const run = {
        'a tag': () => digest(`${none}:v2`),
        'all tags': () => copyTags(none, named('b')),
        'its list': async () => {
          for await (const tag of tags(none)) expect(tag).toBe('');
        },
      }[what];
      expect(await failureOf(run?.() ?? Promise.resolve())).toMatchObject({
        code: 'E_NOT_FOUND',
        message: `there is no repository ${none}, or it may not be seen with this login`,
      });
      expect(lists()).toHaveLength(1);
    },
  );

  it('a registry that has named the repository in its 404 is asked for nothing more', async () => {
    rules.push(rule({ path: /manifests/ }, registryError(404, 'NAME_UNKNOWN')));
    const error = await failureOf(digest(named('app:v2')));
    expect(error.message).toContain('there is no repository');
    expect(lists()).toEqual([]);
  });

  it('the nearest of many are named, and how many there are besides', async () => {
    const body = JSON.stringify({
      tags: ['dev', 'prod', ...Array.from({ length: 20 }, (_, at) => `v2.${at}`)],
    });
    const error = await unlisted(rule(list, answer(200, { body })));
    expect(error.message).toBe(
      `no tag "v2" in ${named('app')}; it has v2.0, v2.1, v2.2, v2.3, v2.4 and 17 more`,
    );
  });

  it('a list that goes on is not read on', async () => {
    const headers = { link: '</v2/r/app/tags/list?n=1000&last=b>; rel="next"' };
    const error = await unlisted(rule(list, answer(200, { headers, body: '{"tags":["a","b"]}' })));
    expect(error.message).toMatch(/; it has [ab], [ab] and more$/);
  });

  it('what is no tag is not repeated', async () => {
    const body = JSON.stringify({ tags: ['v3', '\u001b[2Jx', '../v2', 'a b', 7, null, '##[error]'] });
    const error = await unlisted(rule(list, answer(200, { body })));
    expect(error.message).toBe(`no tag "v2" in ${named('app')}; it has v3`);
  });

  it('a secret among the tags is not shown', async () => {
    rules.push(rule(list, answer(200, { body: '{"tags":["hunter2-hunter2","v1"]}' })));
    const source = { username: 'me', password: 'hunter2-hunter2' };
    const error = await failureOf(digest(named('app:v2'), { source }));
    expect(JSON.stringify([error.message, error.hint])).not.toContain('hunter2');
  });

  it('a repository without tags is said to have none', async () => {
    const error = await unlisted(rule(list, answer(200, { body: '{"tags":null}' })));
    expect(error.message).toBe(`no tag "v2" in ${named('app')}; it has no tags`);
  });

  it('a tag that is in the list all the same is not said to be missing', async () => {
    const error = await unlisted(rule(list, answer(200, { body: '{"tags":["v2"]}' })));
    expect(error.message).toMatch(/^GET http.* answered 404 MANIFEST_UNKNOWN/);
    expect(error.message).toMatch(/, though \S+\/r\/app lists the tag "v2"$/);
  });

  it.each([
    ['401', answer(401, { headers: { 'www-authenticate': 'Basic realm="x"' } })],
    ['403', registryError(403, 'DENIED')],
    ['404 without a word', answer(404)],
    ['429', answer(429, { headers: { 'retry-after': '1' } })],
    ['503', answer(503)],
    ['a page', answer(200, { headers: { 'content-type': 'text/html' }, body: '<html>' })],
    ['nonsense', answer(200, { body: '[[' })],
    ['a redirect into nowhere', redirect('http://127.0.0.1:1/')],
  ])('a list that is answered with %s is let be', async (_, fault) => {
    const error = await unlisted(rule(list, fault));
    expect(error.message).toBe(`no tag "v2" in ${named('app')}`);
    expect(error.hint).toEqual({ code: 'list-tags', repository: named('app') });
  });

  it('a list that does not come is not waited for by whoever stops', async () => {
    rules.push(rule(list, hang()));
    const stop = new AbortController();
    const failing = failureOf(digest(named('app:v2'), { signal: stop.signal }));
    await expect.poll(lists).toHaveLength(1);
    stop.abort();
    const error = await failing;
    expect(isRegferryError(error) && error.code).toMatch(/^E_(NOT_FOUND|ABORTED)$/);
  });

  it("a repository of a program's own is asked in the same way", async () => {
    const own = createRegistry();
    const store = own.repository(named('app'));
    const error = await failureOf(copy({ store, tag: 'v2' }, named('b:x')));
    expect(error.message).toBe(`no tag "v2" in ${named('app')}; it has v1, v1.1`);
    await own.close();
  });
});
