import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, it, vi } from 'vitest';

import type { ReadOptions } from '../../../src/api/options.js';
import type { Api } from '../../../src/cli/api.js';
import { commands } from '../../../src/cli/commands.js';
import { main } from '../../../src/cli/main.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { brokenSink, fakeApi, fakeIo, run } from './fake-io.js';

afterAll(removeTempFolders);

const nothing = (): Promise<Api> => Promise.reject(new Error('the library was loaded'));

/** The candidates for the last word, without what is said about them. The library must not be loaded. */
async function complete(...words: string[]): Promise<string[]> {
  const io = fakeIo();
  expect(await main(['__complete', ...words], io, nothing)).toBe(0);
  expect(io.stderr.text).toBe('');
  return valuesIn(io.stdout.text);
}

function valuesIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/\t.*/, ''));
}

interface Asked {
  readonly repository: string;
  readonly options: ReadOptions;
}

/** As {@link complete}, with a registry that has these tags. */
async function completeWith(
  tags: readonly string[],
  ...words: string[]
): Promise<{ found: string[]; asked: Asked[] }> {
  const io = fakeIo();
  const asked: Asked[] = [];
  const environment = {} as ReturnType<Api['fromEnvironment']>;
  const api = fakeApi({
    fromEnvironment: () => environment,
    tags: async function* (repository, options) {
      asked.push({ repository, options: options ?? {} });
      await Promise.resolve();
      yield* tags;
    },
  });
  expect(await main(['__complete', ...words], io, () => Promise.resolve(api))).toBe(0);
  expect(io.stderr.text).toBe('');
  return { found: valuesIn(io.stdout.text), asked };
}

describe('a first word', () => {
  it('is a command', async () => {
    expect(await complete('')).toEqual([...commands.map(({ name }) => name), 'help']);
    expect(await complete('ma')).toEqual(['manifest']);
    expect(await complete()).toContain('copy');
  });

  it('comes with what it does', async () => {
    const io = fakeIo();
    await main(['__complete', 'dig'], io, nothing);
    expect(io.stdout.text).toBe('digest\tprint the digest of an image\n');
  });

  it('may be help or completion, which go on with commands and shells', async () => {
    expect(await complete('help', 'd')).toEqual(['digest']);
    expect(await complete('help', 'digest', '')).toEqual([]);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });
});

describe('an option', () => {
  it('is one of the command', async () => {
    expect(await complete('digest', '--pl')).toEqual(['--plain-http', '--platform'].sort().reverse());
    expect(await complete('copy', '--from-us')).toEqual(['--from-username']);
    expect(await complete('nonsense', '--h')).toEqual(['--help']);
  });

  it('is not offered twice, unless it may be given twice', async () => {
    expect(await complete('copy', '--quiet', '--qui')).toEqual([]);
    expect(await complete('copy', '--trusted-realm', 'a', '--trusted')).toEqual(['--trusted-realm']);
  });

  it.each([
    [
      ['copy', '--progress', ''],
      ['auto', 'tty', 'plain', 'none'],
    ],
    [['copy', '--progress', 'p'], ['plain']],
    [['copy', '--progress=p'], ['--progress=plain']],
    [['copy', '--from-ca-file', 'x'], [':files']],
    [['copy', '--from-ca-file='], [':files']],
    [['copy', '--retries', ''], []],
    [['copy', '--nonsense='], []],
    [['copy', '--toString', ''], []],
    [['apply', ''], [':files']],
    [['serve', ''], [':files']],
    [['serve', 'air', ''], []],
    [['login', ''], []],
  ])('or a word after it: %j gives %j', async (words, values) => {
    expect(await complete(...words)).toEqual(values);
  });
});

describe('an image', () => {
  const tags = ['1.0', '1.1', '2.0'];

  it('goes on with the tags of its repository', async () => {
    const { found, asked } = await completeWith(tags, 'copy', 'localhost:5000/team/app:1.');
    expect(found).toEqual(['localhost:5000/team/app:1.0', 'localhost:5000/team/app:1.1']);
    expect(asked[0]?.repository).toBe('localhost:5000/team/app');
    expect((await completeWith(tags, 'digest', 'alpine:')).asked[0]?.repository).toBe('alpine');
  });

  it('goes on with the tags of a layout, in the current folder as elsewhere', async () => {
    for (const layout of ['oci:air', 'oci:air/app', 'oci:/srv/air', 'oci:my.air']) {
      const { found, asked } = await completeWith(tags, 'copy', `${layout}:`);
      expect(found).toEqual(tags.map((tag) => `${layout}:${tag}`));
      expect(asked[0]?.repository).toBe(layout);
    }
  });

  it('is asked for as the options of its side say', async () => {
    const words = ['copy', '--from-plain-http', '--to-insecure', 'r.example.com/a:1'];
    const target = await completeWith(tags, ...words, 'r.example.com/b:2');
    expect(target.found).toEqual(['r.example.com/b:2.0']);
    expect(target.asked[0]?.options.source).toMatchObject({ insecure: true });
    expect(target.asked[0]?.options.source?.plainHttp).toBeUndefined();
    const source = await completeWith(tags, ...words);
    expect(source.asked[0]?.options).toMatchObject({ source: { plainHttp: true }, retries: 0 });
  });

  it('of a promotion gives its tags to the words behind it', async () => {
    const { found, asked } = await completeWith(tags, 'promote', 'localhost:5000/app:1.0', '2');
    expect(found).toEqual(['2.0']);
    expect(asked[0]?.repository).toBe('localhost:5000/app');
    const byDigest = await completeWith(tags, 'promote', 'app@sha256:00', '1.1', '');
    expect([byDigest.found, byDigest.asked[0]?.repository]).toEqual([tags, 'app']);
  });

  it.each(['app', 'localhost:50', 'registry.example.com:5', 'app@sha256:', '', ':', 'app:1/', 'a/b:1@'])(
    'is not asked for as long as it is "%s"',
    async (word) => {
      expect(await complete('copy', word)).toEqual([]);
    },
  );

  it('is a repository where all tags are meant', async () => {
    const words = ['copy', '--all-tags', 'localhost:5000/app:'];
    expect(await completeWith(tags, ...words)).toEqual({ found: [], asked: [] });
    expect(await completeWith(tags, ...words.slice(0, 2), 'a', 'b/c:')).toEqual({ found: [], asked: [] });
    expect(await complete('copy', '--ex')).toEqual(['--exclude-tags', '--expect']);
    expect(await complete('copy', '--tags', 'v*', '--ta')).toEqual(['--tags']);
  });

  it('is not asked for where there is no tag to give', async () => {
    expect(await complete('tags', 'app:')).toEqual([]);
  });

  it('does not bring along what a shell would stumble over', async () => {
    const { found } = await completeWith(['ok', 'a b', 'a\tb', 'a\u001b[31m', '\u202eevil'], 'copy', 'app:');
    expect(found).toEqual(['app:ok']);
  });

  it('has no tags when the registry fails, or takes too long', async () => {
    const failing = fakeApi({
      fromEnvironment: () => {
        throw new Error('no such file');
      },
    });
    const io = fakeIo();
    expect(await main(['__complete', 'copy', 'app:'], io, () => Promise.resolve(failing))).toBe(0);
    expect([io.stdout.text, io.stderr.text]).toEqual(['', '']);
    const slow = fakeIo();
    const hanging = fakeApi({
      fromEnvironment: () => ({}) as ReturnType<Api['fromEnvironment']>,
      tags: async function* (_, options) {
        yield 'first';
        await new Promise((_resolve, reject) => {
          options?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
        });
      },
    });
    const ended = main(['__complete', 'copy', 'app:'], slow, () => Promise.resolve(hanging));
    await vi.waitFor(() => expect(slow.clock.pending).toBe(1), { interval: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    slow.clock.advance(3_000);
    expect(await ended).toBe(0);
    expect(slow.stdout.text).toBe('app:first\n');
    expect(slow.clock.pending).toBe(0);
  });

  it('in a layout goes on with folders, and behind a layout with its tags', async () => {
    const folder = makeTempFolder('layouts');
    for (const name of ['app', 'deep', '.hidden']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'app', 'oci-layout'), '');
    writeFileSync(join(folder, 'file'), '');
    const found = await complete('copy', `oci:${folder}/`);
    expect(found.sort()).toEqual([`oci:${folder}/app:`, `oci:${folder}/deep/`]);
    expect(await complete('tags', `oci:${folder}/a`)).toEqual([`oci:${folder}/app:`]);
    expect(await complete('copy', 'oci:/nonexistent/')).toEqual([]);
    const inside = await completeWith(tags, 'copy', `oci:${folder}/app:2`);
    expect([inside.found, inside.asked[0]?.repository]).toEqual([
      [`oci:${folder}/app:2.0`],
      `oci:${folder}/app`,
    ]);
  });
});

it('a reader that is gone is no failure', async () => {
  const io = { ...fakeIo(), stdout: brokenSink('EPIPE') };
  expect(await main(['__complete', 'c'], io, nothing)).toBe(0);
});

describe('regferry completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    const { exit, stdout, stderr } = await run(['completion', shell]);
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`regferry completion ${shell}`);
    expect(stdout).not.toContain('§');
  });

  it.each([[['completion']], [['completion', 'cmd']], [['completion', 'bash', 'zsh']]])(
    'refuses %j',
    async (words) => {
      expect(await run(words)).toMatchObject({ exit: 2, stdout: '' });
    },
  );
});
