import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CopyError } from '../../src/api/copy.js';
import type { Guards } from '../../src/api/guards.js';
import { copy, plan, promote } from '../../src/index.js';
import { copyAtOnce, failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer, before } from '../support/faults/answers.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const image = (seed: number, architecture = 'amd64') =>
  imageManifest({ layers: [blob(500, seed)], platform: { os: 'linux', architecture } });
const index = indexOf(
  ['amd64', 'arm64'].map((architecture, at) => ({
    image: image(at, architecture),
    fields: { platform: { os: 'linux', architecture } },
  })),
);
const older = image(7);
const { digest } = index.root.descriptor;
const old = older.root.descriptor.digest;
const another = image(8).root.descriptor.digest;

let source: TestRegistry;
let target: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [source, target] = [await startRegistry(), await startRegistry({ rules })];
  await seed(source.store('app'), index, 'v1');
  await seed(source.store('app'), image(1), 'single');
  await seed(target.store('app'), older, 'prod');
});
afterEach(() => Promise.all([source.close(), target.close()]));

const writes = (): string[] =>
  target.log.filter(({ method }) => !['GET', 'HEAD'].includes(method)).map(({ url }) => url);

function copyWith(guards: Guards, to: string | string[] = `${target.host}/app:prod`, from = 'app:v1') {
  return copy(`${source.host}/${from}`, to, { guards });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await failureOf(work);
  expect(error).toMatchObject({ code: 'E_GUARD' });
  expect(writes()).toEqual([]);
  expect(target.store('app').tagged('prod')).toBe(old);
  return error.message;
}

describe('a guard that holds', () => {
  it.each<{ what: string; guards: Guards; tag?: string; from?: string }>([
    { what: 'the source', guards: { expect: digest } },
    { what: 'what the tag is', guards: { ifTarget: old } },
    { what: 'an absent tag', guards: { ifTarget: 'absent' }, tag: 'new' },
    { what: 'nothing to overwrite', guards: { noClobber: true }, tag: 'new' },
    { what: 'platforms of an index', guards: { requirePlatforms: ['linux/amd64', 'linux/arm64/v8'] } },
    { what: 'the platform of a manifest', guards: { requirePlatforms: ['linux/amd64'] }, from: 'app:single' },
    { what: 'several', guards: { expect: digest, ifTarget: old, requirePlatforms: ['linux/arm64'] } },
  ])('lets the copy be made: $what', async ({ guards, tag = 'prod', from = 'app:v1' }) => {
    const report = await copyWith(guards, `${target.host}/app:${tag}`, from);
    expect(report.targets[0]).toMatchObject({ changed: true, verified: 'bytes' });
    expect(target.store('app').tagged(tag)).toBe(report.source.digest);
  });

  it('takes an equal digest for success with noClobber, and writes nothing', async () => {
    await copyWith({});
    target.log.length = 0;
    const report = await copyWith({ noClobber: true });
    expect(report.targets[0]).toMatchObject({ changed: false, previous: digest, verified: 'header' });
    expect(writes()).toEqual([]);
  });

  it('takes what someone else set to the same digest meanwhile for success with noClobber', async () => {
    const race = () => seed(target.store('app'), index, 'new');
    rules.push(rule({ method: 'HEAD', path: /manifests\/new$/, nth: 2 }, before(race)));
    const report = await copyWith({ noClobber: true }, `${target.host}/app:new`);
    expect(report.targets[0]).toMatchObject({ changed: false, verified: 'header' });
  });
});

describe('a guard that does not hold writes nothing, and says what was expected and what is there:', () => {
  it('another source than expected', async () => {
    const message = await refusal(copyWith({ expect: another }));
    expect(message).toContain(another);
    expect(message).toContain(digest);
  });

  it('a tag that is another digest', async () => {
    const message = await refusal(copyWith({ ifTarget: another }));
    expect(message).toContain(`has to be ${another}, but is ${old}`);
  });

  it('a tag that is there, where it has to be absent', async () => {
    expect(await refusal(copyWith({ ifTarget: 'absent' }))).toContain(`has to be absent, but is ${old}`);
  });

  it('a tag that is absent, where it has to be there', async () => {
    const message = await refusal(copyWith({ ifTarget: old }, `${target.host}/app:new`));
    expect(message).toContain(`has to be ${old}, but is absent`);
  });

  it('a tag that would be overwritten', async () => {
    expect(await refusal(copyWith({ noClobber: true }))).toContain(`exists already as ${old}`);
  });

  it('a tag that is the source digest already, where it has to be another one', async () => {
    await seed(target.store('app'), index, 'done');
    const message = await refusal(copyWith({ ifTarget: old }, `${target.host}/app:done`));
    expect(message).toContain(`has to be ${old}, but is ${digest}`);
  });

  it('a platform that an index does not hold', async () => {
    const message = await refusal(copyWith({ requirePlatforms: ['linux/amd64', 'linux/s390x'] }));
    expect(message).toMatch(/has to hold linux\/s390x, but .* holds linux\/amd64, linux\/arm64/);
  });

  it('a platform that a lone manifest is not for', async () => {
    const message = await refusal(copyWith({ requirePlatforms: ['linux/arm64'] }, undefined, 'app:single'));
    expect(message).toMatch(/has to hold linux\/arm64, but .* holds linux\/amd64/);
  });

  it('one of several targets, which stops all of them', async () => {
    const both = [`${target.host}/app:new`, `${target.host}/app:prod`];
    const message = await refusal(copyWith({ noClobber: true }, both));
    expect(message).toContain('app:prod exists already');
    expect(target.store('app').tagged('new')).toBeUndefined();
  });

  it('one of several targets, where another one is right already', async () => {
    await seed(target.store('app'), index, 'done');
    const both = [`${target.host}/app:done`, `${target.host}/app:prod`];
    await refusal(copyWith({ noClobber: true }, both));
  });

  it('in a dry run too', async () => {
    const guards = { noClobber: true };
    await refusal(plan(`${source.host}/app:v1`, `${target.host}/app:prod`, { guards }));
  });
});

describe('a tag that cannot be looked at', () => {
  it.each([
    { status: 401, code: 'E_UNAUTHORIZED' },
    { status: 403, code: 'E_DENIED' },
    { status: 500, code: 'E_UNAVAILABLE' },
  ])('is never taken for absent: $status', async ({ status, code }) => {
    rules.push(rule({ method: ['HEAD', 'GET'], path: /manifests\/new$/ }, answer(status)));
    for (const guards of [{ ifTarget: 'absent' }, { noClobber: true }]) {
      const work = copyAtOnce(`${source.host}/app:v1`, `${target.host}/app:new`, { guards });
      expect(await failureOf(work)).toMatchObject({ code, side: 'target' });
    }
    expect(writes()).toEqual([]);
  });
});

describe('a tag that someone else moves', () => {
  const race = () => seed(target.store('app'), image(8), 'prod');

  it('before it is written is reported, and left as it is', async () => {
    rules.push(rule({ method: 'HEAD', path: /manifests\/prod$/, nth: 2 }, before(race)));
    const error = await failureOf(copyWith({ ifTarget: old }));
    expect(error).toMatchObject({ code: 'E_TAG_MOVED', side: 'target' });
    expect(error.message).toContain(`was ${old} when the copy began and is ${another}`);
    expect(target.store('app').tagged('prod')).toBe(another);
  });

  it('after it was written is reported', async () => {
    rules.push(rule({ method: 'GET', path: /manifests\/prod$/ }, before(race)));
    const error = await failureOf(copyWith({ ifTarget: old }));
    expect(error.code).toBe('E_TAG_MOVED');
    expect(error.message).toContain(`reads back as ${another}`);
  });

  it('leaves the tags after it as they were, and says which had moved', async () => {
    rules.push(rule({ method: 'HEAD', path: /manifests\/prod$/, nth: 2 }, before(race)));
    const error = await failureOf(
      promote(`${source.host}/app:v1`, ['first', 'prod', 'last'], { to: [`${target.host}/app`] }),
    );
    if (!(error instanceof CopyError)) throw error;
    expect(error.code).toBe('E_PARTIAL');
    expect(error.report.targets).toMatchObject([
      { changed: true, verified: 'bytes' },
      { changed: false, error: { code: 'E_TAG_MOVED' } },
      { changed: false, error: { code: 'E_TAG_MOVED' } },
    ]);
    expect(target.store('app').tagged('last')).toBeUndefined();
  });
});
