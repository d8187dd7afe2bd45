import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CopyReport } from '../../src/copy/report.js';
import { planPromotion, promote, type PromoteOptions } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer, before } from '../support/faults/answers.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const image = (seed: number) => imageManifest({ layers: [blob(500, seed), blob(900, seed + 50)] });
const index = indexOf([1, 2].map((seed) => ({ image: image(seed) })));
const older = image(7);
const { digest } = index.root.descriptor;
const old = older.root.descriptor.digest;

let here: TestRegistry;
let there: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [here, there] = [await startRegistry({ rules }), await startRegistry({ rules })];
  await seed(here.store('app'), index, 'build-1');
  await seed(here.store('app'), older, 'prod');
});
afterEach(() => Promise.all([here.close(), there.close()]));

const requests = (registry: TestRegistry): string[] =>
  registry.log.map(({ method, url }) => `${method} ${url.replace('/v2/app/', '')}`);

describe('a promotion inside one repository', () => {
  it('is five requests, and none for a blob or a child', async () => {
    const report = await promote(`${here.host}/app:build-1`, 'prod');
    expect(requests(here).sort()).toEqual(
      ['GET', 'HEAD', 'HEAD', 'PUT', 'GET']
        .map((method, at) => `${method} manifests/${at === 0 ? 'build-1' : 'prod'}`)
        .sort(),
    );
    expect(report.targets).toMatchObject([
      { reference: `${here.host}/app:prod`, digest, previous: old, changed: true, verified: 'bytes' },
    ]);
    expect(here.store('app').tagged('prod')).toBe(digest);
  });

  it('changes nothing the second time', async () => {
    await promote(`${here.host}/app:build-1`, ['prod', 'stable']);
    here.log.length = 0;
    const report = await promote(`${here.host}/app:build-1`, ['prod', 'stable']);
    expect(report.targets.map(({ changed, verified }) => [changed, verified])).toEqual([
      [false, 'header'],
      [false, 'header'],
    ]);
    expect(requests(here).sort()).toEqual([
      'GET manifests/build-1',
      'HEAD manifests/prod',
      'HEAD manifests/stable',
    ]);
  });

  it('goes by digest too', async () => {
    await promote(`${here.host}/app@${digest}`, 'prod');
    expect(here.store('app').tagged('prod')).toBe(digest);
  });

  it('takes one login for both sides', async () => {
    const anonymous = rule(
      { when: ({ headers }) => headers.authorization === undefined },
      answer(401, { headers: { 'WWW-Authenticate': 'Basic realm="app"' } }),
    );
    rules.push(anonymous);
    const login = { username: 'ci', password: 'secret' };
    await promote(`${here.host}/app:build-1`, 'prod', { source: login });
    await promote(`${here.host}/app:build-1`, 'stable', { target: login, source: { plainHttp: true } });
    expect([here.store('app').tagged('prod'), here.store('app').tagged('stable')]).toEqual([digest, digest]);
    const apart = promote(`${here.host}/app:build-1`, 'x', { source: login, to: [`${here.host}/app`] });
    expect(await failureOf(apart)).toMatchObject({ code: 'E_UNAUTHORIZED', side: 'target' });
  });

  it('works in a layout folder', async () => {
    const folder = makeTempFolder('promote');
    try {
      await promote(`${here.host}/app:build-1`, 'build-1', { to: [`oci:${folder}/layout`] });
      const report = await promote(`oci:${folder}/layout:build-1`, 'prod');
      expect(report.targets).toMatchObject([{ reference: `oci:${folder}/layout:prod`, digest }]);
    } finally {
      removeTempFolder(folder);
    }
  });
});

describe('a promotion to other repositories', () => {
  it('copies what is missing there, and leaves the own repository alone unless it is named', async () => {
    await promote(`${here.host}/app:build-1`, ['prod', 'v1'], {
      to: [`${there.host}/app`, `${here.host}/mirror/app`],
    });
    for (const store of [there.store('app'), here.store('mirror/app')]) {
      await expectSame(store, index, 'prod');
      await expectSame(store, index, 'v1');
    }
    expect(here.store('app').tagged('prod')).toBe(old);
  });

  it('moves no tag before all content is everywhere', async () => {
    const tagsAtFailure: unknown[] = [];
    const note = () => void tagsAtFailure.push(here.store('app').tagged('prod'));
    rules.push(rule({ method: ['POST', 'PUT', 'PATCH'], path: /uploads/ }, before(note), answer(403)));
    const to = [`${here.host}/app`, `${there.host}/app`];
    const error = await failureOf(promote(`${here.host}/app:build-1`, 'prod', { to }));
    expect(error).toMatchObject({ code: 'E_DENIED', side: 'target' });
    expect(tagsAtFailure.length).toBeGreaterThan(0);
    expect(here.store('app').tagged('prod')).toBe(old);
    expect(there.store('app').tagged('prod')).toBeUndefined();
  });

  it('moves none at all when one of them cannot be looked at', async () => {
    rules.push(rule({ method: ['HEAD', 'GET'], path: /manifests\/prod$/ }, answer(400)));
    const error = await failureOf(promote(`${here.host}/app:build-1`, ['new', 'prod']));
    expect(error.code).toBe('E_REFUSED');
    expect(here.store('app').tagged('new')).toBeUndefined();
  });
});

describe('what a promotion is asked for wrongly', () => {
  it.each<{ why: string; tags: string | string[]; to?: string[]; code: string }>([
    { why: 'a tag that is none', tags: 'a/b', code: 'E_REFERENCE' },
    { why: 'no tag', tags: [], code: 'E_USAGE' },
    { why: 'no repository', tags: 'prod', to: [], code: 'E_USAGE' },
    { why: 'a repository with a tag', tags: 'prod', to: ['localhost/app:prod'], code: 'E_REFERENCE' },
    { why: 'a folder with a tag', tags: 'prod', to: ['oci:folder:prod'], code: 'E_REFERENCE' },
    { why: 'the same tag twice', tags: ['prod', 'prod'], code: 'E_USAGE' },
  ])('$why is $code', async ({ tags, to, code }) => {
    const options: PromoteOptions = to === undefined ? {} : { to };
    expect(await failureOf(promote(`${here.host}/app:build-1`, tags, options))).toMatchObject({ code });
    expect(here.log).toEqual([]);
  });
});

describe('the plan of a promotion', () => {
  const total = ({ requests }: CopyReport): number => requests.source + requests.target;

  interface Row {
    what: string;
    tags: string[];
    to: (() => string)[] | undefined;
    /** Requests that a new repository spares: a plan asks for its six blobs, the copy does not. */
    spared?: number;
  }
  it.each<Row>([
    { what: 'in one repository', tags: ['prod', 'new'], to: undefined },
    { what: 'into another registry', tags: ['prod'], to: [() => `${there.host}/app`], spared: 6 },
    { what: 'into another repository', tags: ['prod', 'new'], to: [() => `${here.host}/other`], spared: 6 },
    { what: 'that is done already', tags: ['build-1'], to: undefined },
  ])(
    'tells the tags, what would move and the number of requests: $what',
    async ({ tags, to, spared = 0 }) => {
      const options: PromoteOptions = to === undefined ? {} : { to: to.map((name) => name()) };
      const plan = await planPromotion(`${here.host}/app:build-1`, tags, options);
      const report = await promote(`${here.host}/app:build-1`, tags, options);
      expect(plan).toMatchObject({ ok: true, allOrNothing: true, source: report.source });
      expect(plan.targets.map(({ reference, digest, previous }) => [reference, digest, previous])).toEqual(
        report.targets.map(({ reference, digest, previous }) => [reference, digest, previous]),
      );
      expect(plan.targets.map(({ blobs }) => [blobs.copy, blobs.mount, blobs.skip])).toEqual(
        report.targets.map(({ blobs }) => [blobs.copied, blobs.mounted, blobs.skipped]),
      );
      expect((plan.expected?.source ?? 0) + (plan.expected?.target ?? 0)).toBe(total(report) + spared);
    },
  );

  it('writes nothing', async () => {
    await planPromotion(`${here.host}/app:build-1`, 'prod', { to: [`${there.host}/app`] });
    const methods = new Set([...here.log, ...there.log].map(({ method }) => method));
    expect([...methods].sort()).toEqual(['GET', 'HEAD']);
  });
});
