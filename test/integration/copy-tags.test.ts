import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CopyError } from '../../src/api/copy.js';
import { copyTags, planTags } from '../../src/api/copy-tags.js';
import type { CopyReport } from '../../src/copy/report.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../support/fixtures.js';
import { commandLine } from '../support/command-line.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const base = blob(3_000, 1);

/** An image with a layer and a config of its own on the shared base. */
function own(at: number): FixtureImage {
  return imageManifest({ config: blob(60, 5_000 + at), layers: [base, blob(800, 100 + at)] });
}

const shared = { image: own(1), fields: { platform: { os: 'linux', architecture: 'amd64' } } };
const images: Readonly<Record<string, FixtureImage>> = {
  '1.0': own(0),
  '1.1': indexOf([shared, { image: own(2) }]),
  '1.2': indexOf([shared, { image: own(3) }]),
  latest: own(0),
  'v2-rc1': own(4),
};
const tags = Object.keys(images);

let source: TestRegistry;
let target: TestRegistry;
const atSource: Rule[] = [];
const atTarget: Rule[] = [];

beforeEach(async () => {
  atSource.length = 0;
  atTarget.length = 0;
  [source, target] = [await startRegistry({ rules: atSource }), await startRegistry({ rules: atTarget })];
  for (const [tag, image] of Object.entries(images)) await seed(source.store('app'), image, tag);
});
afterEach(() => Promise.all([source.close(), target.close()]));

const from = (): string => `${source.host}/app`;
const to = (): string => `${target.host}/mirror/app`;

function asked({ log }: TestRegistry, pattern: RegExp): string[] {
  return log.map(({ method, url }) => `${method} ${url}`).filter((request) => pattern.test(request));
}

async function failed(work: Promise<unknown>): Promise<CopyError> {
  const error = await work.then(() => undefined).catch((caught: unknown) => caught);
  if (!(error instanceof CopyError)) throw new Error('it did not fail as a copy does', { cause: error });
  return error;
}

const references = ({ targets }: CopyReport): string[] => targets.map(({ reference }) => reference);

describe('a copy of all tags', () => {
  it('brings every tag, and each blob and child manifest once', async () => {
    const report = await copyTags(from(), to());
    for (const [tag, image] of Object.entries(images))
      await expectSame(target.store('mirror/app'), image, tag);
    expect(references(report)).toEqual(tags.map((tag) => `${to()}:${tag}`));
    expect(report).toMatchObject({ ok: true, source: { reference: from() } });
    expect(report.targets.every(({ changed, verified }) => changed && verified === 'bytes')).toBe(true);
    const blobs = asked(source, /blobs/);
    expect(new Set(blobs).size).toBe(blobs.length);
    const puts = asked(target, /^PUT .*manifests\/sha256/);
    expect(new Set(puts).size).toBe(puts.length);
    expect(asked(target, /^HEAD .*manifests\/(?!sha256)/)).toEqual([]);
    expect(asked(target, /tags\/list/)).toHaveLength(1);
  });

  it('costs one HEAD a side and tag where nothing has changed, and the lists', async () => {
    await copyTags(from(), to());
    for (const { log } of [source, target]) log.length = 0;
    const report = await copyTags(from(), to());
    expect(report.targets.every(({ changed, verified }) => !changed && verified === 'header')).toBe(true);
    for (const registry of [source, target]) {
      expect(asked(registry, /^HEAD .*manifests/)).toHaveLength(tags.length);
      expect(asked(registry, /^GET/)).toHaveLength(1);
      expect(registry.log).toHaveLength(tags.length + 1);
    }
  });

  it('copies what has changed, and leaves alone what only the target has', async () => {
    await copyTags(from(), to());
    await seed(target.store('mirror/app'), own(7), 'only-here');
    await seed(source.store('app'), own(8), 'latest');
    for (const { log } of [source, target]) log.length = 0;
    const report = await copyTags(from(), to());
    expect(report.targets.filter(({ changed }) => changed).map(({ reference }) => reference)).toEqual([
      `${to()}:latest`,
    ]);
    expect(asked(source, /manifests\/latest/)).toEqual([
      expect.stringContaining('HEAD'),
      expect.stringContaining('GET'),
    ]);
    await expectSame(target.store('mirror/app'), own(7), 'only-here');
    await expectSame(target.store('mirror/app'), own(8), 'latest');
  });

  it('chooses by patterns', async () => {
    const report = await copyTags(from(), to(), { tags: ['1.*', 'v*'], excludeTags: ['*-rc?', '1.0'] });
    expect(references(report)).toEqual([`${to()}:1.1`, `${to()}:1.2`]);
  });

  it('goes to several repositories, and to and from a layout', async () => {
    const folder = makeTempFolder('tags');
    try {
      const other = `${target.host}/other`;
      const report = await copyTags(from(), [to(), other, `oci:${folder}/layout`]);
      expect(references(report).slice(0, 3)).toEqual([
        `${to()}:1.0`,
        `${other}:1.0`,
        `oci:${folder}/layout:1.0`,
      ]);
      expect(report.targets).toHaveLength(tags.length * 3);
      const back = await copyTags(`oci:${folder}/layout`, `${target.host}/back`);
      expect(back.targets).toHaveLength(tags.length);
      for (const repository of ['mirror/app', 'other', 'back']) {
        for (const [tag, image] of Object.entries(images)) {
          await expectSame(target.store(repository), image, tag);
        }
      }
    } finally {
      removeTempFolder(folder);
    }
  });

  it('reads what several registries lack once, however many tags need it', async () => {
    const other = await startRegistry();
    try {
      const many = Array.from({ length: 60 }, (_, at) => own(50 + at));
      for (const [at, image] of many.entries()) await seed(source.store('many'), image, `t${at}`);
      const report = await copyTags(`${source.host}/many`, [to(), `${other.host}/many`]);
      expect(report.targets.filter(({ verified }) => verified === 'bytes')).toHaveLength(120);
      expect(asked(source, /^GET .*manifests/)).toHaveLength(60);
      const blobs = asked(source, /^GET .*blobs/);
      expect(new Set(blobs).size).toBe(121);
      expect(blobs).toHaveLength(121);
    } finally {
      await other.close();
    }
  });

  it('lets a registry that refuses everything not keep the others from anything', async () => {
    const refusing = await startRegistry({ rules: [rule({ method: ['POST', 'PUT'] }, answer(403))] });
    try {
      const { code, message, report } = await failed(copyTags(from(), [to(), `${refusing.host}/app`]));
      expect([code, message]).toEqual(['E_PARTIAL', '5 of 5 tags failed, at 1 of 2 targets']);
      expect(report.targets.map(({ error }) => error?.code)).toEqual(
        tags.flatMap(() => [undefined, 'E_DENIED']),
      );
      for (const [tag, image] of Object.entries(images)) {
        await expectSame(target.store('mirror/app'), image, tag);
      }
    } finally {
      await refusing.close();
    }
  });

  it('lets a tag fail alone, and those that need the same', async () => {
    const broken = images['1.1']?.manifests.find(({ descriptor }) => {
      return descriptor.digest === shared.image.root.descriptor.digest;
    });
    atSource.push(rule({ path: new RegExp(`manifests/${broken?.descriptor.digest}`) }, answer(404)));
    const { code, message, report } = await failed(copyTags(from(), to()));
    expect([code, message]).toEqual(['E_PARTIAL', '2 of 5 tags failed']);
    expect(report.targets.map(({ error }) => error?.code)).toEqual([
      undefined,
      'E_NOT_FOUND',
      'E_NOT_FOUND',
      undefined,
      undefined,
    ]);
    await expectSame(target.store('mirror/app'), own(0), 'latest');
    expect(target.store('mirror/app').tagged('1.1')).toBeUndefined();
  });

  it('has the code that all tags have in common', async () => {
    atTarget.push(rule({ method: 'PUT', path: /manifests/ }, answer(403)));
    const { code, message } = await failed(copyTags(from(), to()));
    expect([code, message]).toEqual(['E_DENIED', '5 of 5 tags failed']);
  });

  it('finds nothing where no tag is to be copied, and says how many there are', async () => {
    const none = await failed(copyTags(from(), to(), { tags: ['nope'] }));
    expect(none).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(none.message).toBe(`${from()} has 5 tags, but none that is asked for`);
    await expect(copyTags(`${source.host}/nowhere`, to())).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    expect(asked(target, /PUT|POST/)).toEqual([]);
  });

  it('asks for each tag where the target does not tell its tags', async () => {
    atTarget.push(rule({ path: /tags\/list/ }, answer(403)));
    const report = await copyTags(from(), to());
    expect(report.ok).toBe(true);
    expect(asked(target, /^HEAD .*manifests\/(?!sha256)/)).toHaveLength(tags.length);
  });

  it('keeps a guard for each tag by itself', async () => {
    await seed(target.store('mirror/app'), own(9), 'latest');
    await seed(target.store('mirror/app'), own(0), '1.0');
    const { code, report } = await failed(copyTags(from(), to(), { guards: { noClobber: true } }));
    expect(code).toBe('E_PARTIAL');
    expect(report.targets.map(({ changed, error }) => error?.code ?? changed)).toEqual([
      ...[false, true, true, 'E_GUARD', true],
    ]);
    await expectSame(target.store('mirror/app'), own(9), 'latest');
  });

  it('says what it would do, and writes nothing', async () => {
    await seed(target.store('mirror/app'), own(0), '1.0');
    const plan = await planTags(from(), to());
    expect(plan.targets.map(({ changed, digest }) => [changed, digest])).toEqual(
      Object.values(images).map(({ root }, at) => [at > 0, root.descriptor.digest]),
    );
    // Which of two tags brings what both need is open.
    expect(plan.targets.reduce((sum, { blobs }) => sum + blobs.copy, 0)).toBe(8);
    expect(asked(target, /PUT|POST|PATCH/)).toEqual([]);
  });

  it.each([
    ['a tag at the source', () => copyTags(`${from()}:1.0`, to()), 'leave out the tag'],
    [
      'a digest at a target',
      () => copyTags(from(), `${to()}@${own(0).root.descriptor.digest}`),
      'leave out the digest',
    ],
    ['a tag of a layout', () => copyTags(from(), 'oci:/tmp/x:1'), 'without a tag or digest: oci:/tmp/x'],
    ['no target', () => copyTags(from(), []), 'at least one target'],
    ['a target twice', () => copyTags(from(), [to(), to()]), 'is given twice'],
    ['the source as target', () => copyTags(from(), from()), 'is the source itself'],
    ['a bad pattern', () => copyTags(from(), to(), { tags: ['['] }), 'is not a tag pattern'],
  ])('refuses %s before it asks anything', async (_, call, why) => {
    const error = await call().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringContaining(why) as string });
    expect(source.log).toEqual([]);
    expect(target.log).toEqual([]);
  });
});

describe('regferry copy --all-tags', () => {
  const run = (...args: readonly string[]): ReturnType<typeof commandLine> =>
    commandLine(['copy', '--all-tags', ...args]);

  it('prints a line a tag as the source lists them, and what it comes to', async () => {
    const { code, stdout, stderr } = await run(from(), to());
    expect(code).toBe(0);
    expect(stdout).toBe(
      Object.entries(images)
        .map(([tag, { root }]) => `${to()}:${tag}@${root.descriptor.digest}\n`)
        .join(''),
    );
    expect(stderr.match(/^copied .*\/app:.*$/gm)).toHaveLength(5);
    expect(stderr).toMatch(/^5 tags copied \(11 blobs, 7\.3 kB\), 0 unchanged, 0 failed; .*\n$/m);
  });

  it('says which tags failed and why, and ends with 9', async () => {
    atSource.push(rule({ path: /manifests\/v2-rc1/ }, answer(404)));
    await copyTags(from(), to(), { tags: ['1.0'] });
    const { code, stdout, stderr } = await run(from(), to());
    expect(code).toBe(9);
    expect(stdout.split('\n')).toHaveLength(tags.length);
    const lines = stderr.trim().split('\n');
    expect(lines.filter((line) => /^copied .*mirror\/app:/.test(line))).toHaveLength(3);
    const [summary, failure, whole, ...rest] = lines.filter((line) => !line.startsWith('copied '));
    expect(summary).toMatch(/^3 tags copied .*, 1 unchanged, 1 failed; /);
    expect(failure).toMatch(/mirror\/app:v2-rc1: GET .*404/);
    expect(whole).toBe('regferry: 1 of 5 tags failed');
    expect(rest).toEqual([]);
  });

  it('has one JSON document, with an entry a tag', async () => {
    atSource.push(rule({ path: /manifests\/v2-rc1/ }, answer(404)));
    const { code, stdout } = await run('--json', from(), to());
    expect(code).toBe(9);
    const document = JSON.parse(stdout) as { targets: { reference: string; error?: { code: string } }[] };
    expect(document).toMatchObject({
      ok: false,
      source: { reference: from() },
      error: { code: 'E_PARTIAL', exit: 9 },
    });
    expect(document.targets.map(({ reference, error }) => [reference, error?.code])).toEqual(
      tags.map((tag) => [`${to()}:${tag}`, tag === 'v2-rc1' ? 'E_NOT_FOUND' : undefined]),
    );
  });

  it('takes patterns, repeated or with commas', async () => {
    const { stdout } = await run(
      '--tags',
      '1.*,latest',
      '--tags',
      'v*',
      '--exclude-tags',
      '1.[01]',
      from(),
      to(),
    );
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/^.*\/app:|@.*$/g, '')),
    ).toEqual([...['1.2', 'latest', 'v2-rc1']]);
  });

  it('ends with 4 where there is no such tag', async () => {
    const { code, stdout, stderr } = await run('--tags', 'nope', from(), to());
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toBe(`regferry: source: ${from()} has 5 tags, but none that is asked for\n`);
  });

  it('has a dry run with a line a tag', async () => {
    await copyTags(from(), to(), { tags: ['1.0'] });
    const { code, stdout } = await run('--dry-run', from(), to());
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines[0]).toBe(`source ${from()}`);
    expect(lines[1]).toMatch(/^target .*:1\.0: sha256:\w+, stays$/);
    expect(lines[2]).toMatch(
      /^target .*:1\.1: absent, becomes sha256:\w+; blobs copy \d \(.*\), mount 0, skip \d$/,
    );
    expect(lines.slice(-2)).toEqual([
      expect.stringMatching(/^4 tags to copy \(\d blobs, .*\), 1 unchanged, 0 failed$/),
      'nothing was written: this was a dry run',
    ]);
  });

  it.each([
    [['--platform', 'linux/amd64'], '--all-tags copies each tag as it is: leave out --platform'],
    [['--expect', own(0).root.descriptor.digest], 'leave out --expect'],
    [['--require-platform', 'linux/amd64'], 'leave out --require-platform'],
    [['--dry-run', '--plan-out', 'x'], 'leave out --plan-out'],
    [['--tags', '^v'], 'is not a tag pattern'],
  ])('refuses %j', async (options, why) => {
    const { code, stderr } = await run(...options, from(), to());
    expect(code).toBe(2);
    expect(stderr).toContain(why);
    expect(source.log).toEqual([]);
  });

  it('refuses patterns for one image', async () => {
    const { code, stderr } = await commandLine(['copy', '--exclude-tags', 'v*', `${from()}:1.0`, to()]);
    expect(code).toBe(2);
    expect(stderr).toContain('--exclude-tags chooses among all tags: give --all-tags, too');
    const inJob = await commandLine(['copy', `${from()}:1.0`, to()], { env: { REGFERRY_TAGS: 'v*' } });
    expect(inJob.code).toBe(0);
  });
});
