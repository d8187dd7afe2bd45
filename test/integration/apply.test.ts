import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { apply, copy, formatPlan, parsePlan, plan, planPromotion, type CopyPlan } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';

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

let here: TestRegistry;
let there: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  [here, there] = [await startRegistry(), await startRegistry({ rules })];
  await seed(here.store('app'), index, 'build-1');
  await seed(there.store('app'), older, 'prod');
});
afterEach(() => Promise.all([here.close(), there.close()]));

const writes = (): string[] =>
  there.log.filter(({ method }) => !['GET', 'HEAD'].includes(method)).map(({ url }) => url);

function planned(tags: string[] = ['prod', 'new']): Promise<CopyPlan> {
  return planPromotion(`${here.host}/app:build-1`, tags, { to: [`${there.host}/app`] });
}

async function refused(work: Promise<unknown>): Promise<string> {
  const error = await failureOf(work);
  expect(error.code).toBe('E_GUARD');
  expect(writes()).toEqual([]);
  return error.message;
}

describe('a plan', () => {
  it('is done as it says, also from a file', async () => {
    const report = await apply(parsePlan(formatPlan(await planned())));
    expect(report.targets).toMatchObject([
      { reference: `${there.host}/app:prod`, digest, previous: old, changed: true, verified: 'bytes' },
      { reference: `${there.host}/app:new`, digest, previous: null, changed: true, verified: 'bytes' },
    ]);
    await expectSame(there.store('app'), index, 'prod');
  });

  it('is refused when the source has moved since', async () => {
    const plan = await planned();
    await seed(here.store('app'), image(9), 'build-1');
    const message = await refused(apply(plan));
    expect(message).toContain(digest);
    expect(message).toContain(image(9).root.descriptor.digest);
    expect(there.store('app').tagged('prod')).toBe(old);
  });

  it('is refused when a tag has moved since', async () => {
    const plan = await planned();
    await seed(there.store('app'), image(9), 'prod');
    expect(await refused(apply(plan))).toContain(`has to be ${old}, but is`);
    expect(there.store('app').tagged('new')).toBeUndefined();
  });

  it('is refused when a tag that was absent is there by now', async () => {
    const plan = await planned();
    await seed(there.store('app'), image(9), 'new');
    expect(await refused(apply(plan))).toContain('has to be absent, but is');
    expect(there.store('app').tagged('prod')).toBe(old);
  });

  it('whose execution was cut short can be applied again', async () => {
    const plan = await planned();
    const broken = rule({ method: 'PUT', path: /manifests\/new$/ }, answer(403));
    rules.push(broken);
    expect(await failureOf(apply(plan))).toMatchObject({ code: 'E_PARTIAL' });
    rules.length = 0;
    const report = await apply(plan);
    expect(report.targets).toMatchObject([
      { changed: false, previous: digest },
      { changed: true, previous: null },
    ]);
  });

  it('is bound to its tags however they are written in it', async () => {
    const written = `docker://${there.host}/app:prod@${digest}`;
    const made = await planned(['prod']);
    const other = { ...made, targets: [{ reference: written, previous: image(9).root.descriptor.digest }] };
    expect(await refused(apply(other))).toContain(`${there.host}/app:prod has to be`);
    await apply({ ...made, targets: [{ reference: written, previous: old }] });
    expect(there.store('app').tagged('prod')).toBe(digest);
  });

  it('may bring its blobs on another way than was planned', async () => {
    const plan = await planned();
    await seed(there.store('elsewhere'), index, 'x');
    await seed(there.store('app'), index);
    const report = await apply(plan);
    expect(plan.targets[0]?.blobs).toMatchObject({ copy: 4 });
    expect(report.targets[0]).toMatchObject({ blobs: { copied: 0 }, changed: true });
  });
});

describe('the plan of a copy', () => {
  it('keeps the platform, and leaves tags that do not depend on each other to themselves', async () => {
    const made = await plan(`${here.host}/app:build-1`, `${there.host}/app:arm`, { platform: 'linux/arm64' });
    await apply(parsePlan(formatPlan(made)));
    expect(there.store('app').tagged('arm')).toBe(image(1, 'arm64').root.descriptor.digest);
    expect(parsePlan(formatPlan(made))).toMatchObject({ platform: 'linux/arm64', allOrNothing: false });
  });

  it('pushes by digest what was planned without a tag', async () => {
    const made = await plan(`${here.host}/app:build-1`, `${there.host}/app@${digest}`);
    const report = await apply(parsePlan(formatPlan(made)));
    expect(report.targets[0]).toMatchObject({ reference: `${there.host}/app`, digest, changed: true });
    expect(await there.store('app').resolve({ digest })).toBeDefined();
    expect(there.store('app').tagged('build-1')).toBeUndefined();
  });

  it('can be applied after it was copied, and changes nothing then', async () => {
    const made = await plan(`${here.host}/app:build-1`, `${there.host}/app`);
    await copy(`${here.host}/app:build-1`, `${there.host}/app`);
    expect((await apply(made)).targets[0]).toMatchObject({ changed: false });
  });

  it('is bound to nothing where the login may not see the tag, and cannot be saved or applied', async () => {
    rules.push(rule({ method: ['HEAD', 'GET'], path: /manifests\/prod$/ }, answer(403)));
    const made = await plan(`${here.host}/app:build-1`, `${there.host}/app:prod`);
    expect(() => formatPlan(made)).toThrow(/cannot be bound to what .*app:prod is now/);
    expect(await failureOf(apply(made))).toMatchObject({ code: 'E_DENIED' });
  });
});
