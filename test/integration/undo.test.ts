import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CopyError } from '../../src/api/copy.js';
import { createReceipt, formatReceipt, parseReceipt, promote, undo, type Receipt } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const image = (seed: number) => imageManifest({ layers: [blob(500, seed)] });
const [next, first, second, another] = [image(1), image(2), image(3), image(4)];
const digestOf = (one: typeof next): string => one.root.descriptor.digest;

let registry: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  registry = await startRegistry({ rules });
  await seed(registry.store('app'), next, 'build-1');
  await seed(registry.store('app'), first, 'prod');
  await seed(registry.store('app'), first, 'stable');
  await seed(registry.store('app'), second, 'edge');
});
afterEach(() => registry.close());

async function promoted(...tags: string[]): Promise<Receipt> {
  return createReceipt(await promote(`${registry.host}/app:build-1`, tags));
}

const tag = (name: string): string | undefined => registry.store('app').tagged(name);
const named = (name: string): string => `${registry.host}/app:${name}`;
const writes = (): number => registry.log.filter(({ method }) => method === 'PUT').length;

async function failedUndo(receipt: Receipt): Promise<CopyError> {
  const error = await failureOf(undo(receipt));
  if (!(error instanceof CopyError)) throw error;
  return error;
}

describe('undo', () => {
  it('puts tags back to what each of them was', async () => {
    const receipt = await promoted('prod', 'stable', 'edge');
    const report = await undo(parseReceipt(formatReceipt(receipt)));
    expect(report.ok).toBe(true);
    expect(report.targets).toMatchObject([
      { reference: named('prod'), digest: digestOf(first), previous: digestOf(next), verified: 'bytes' },
      { reference: named('stable'), digest: digestOf(first), changed: true },
      { reference: named('edge'), digest: digestOf(second), changed: true },
    ]);
    expect([tag('prod'), tag('stable'), tag('edge')]).toEqual([first, first, second].map(digestOf));
  });

  it('is undone by its own receipt', async () => {
    const report = await undo(await promoted('prod', 'edge'));
    await undo(createReceipt(report));
    expect([tag('prod'), tag('edge')]).toEqual([digestOf(next), digestOf(next)]);
  });

  it('finds its tags however they are written in the receipt', async () => {
    const { predicate } = await promoted('prod');
    const tags = predicate.tags.map((one) => ({ ...one, reference: `docker://${one.reference}` }));
    expect((await undo({ predicate: { tags } })).targets).toMatchObject([{ reference: named('prod') }]);
    expect(tag('prod')).toBe(digestOf(first));
  });

  it('changes nothing the second time', async () => {
    const receipt = await promoted('prod');
    await undo(receipt);
    const before = writes();
    expect((await undo(receipt)).targets).toMatchObject([{ changed: false, digest: digestOf(first) }]);
    expect(writes()).toBe(before);
  });

  it('does nothing for a receipt of what changed nothing', async () => {
    await promoted('prod');
    const report = await undo(await promoted('prod'));
    expect(report).toMatchObject({ ok: true, targets: [], left: [], unmoved: [named('prod')] });
  });

  it('leaves everything as it is when one of the tags was moved since', async () => {
    const receipt = await promoted('prod', 'edge');
    await seed(registry.store('app'), another, 'edge');
    const before = writes();
    const error = await failedUndo(receipt);
    expect(error.code).toBe('E_GUARD');
    expect(error.message).toContain(`has to be ${digestOf(next)}, but is ${digestOf(another)}`);
    expect(error.report.targets.map((target) => target.error?.code)).toEqual(['E_GUARD', 'E_GUARD']);
    expect(writes()).toBe(before);
    expect(tag('prod')).toBe(digestOf(next));
  });

  it('names a tag that was absent before, and leaves it', async () => {
    const report = await undo(await promoted('fresh'));
    expect(report).toMatchObject({ ok: true, left: [named('fresh')] });
    expect(report.targets).toMatchObject([{ reference: named('fresh'), left: true, changed: false }]);
    expect(tag('fresh')).toBe(digestOf(next));
  });

  it('puts the others back all the same', async () => {
    const report = await undo(await promoted('fresh', 'prod', 'brandnew'));
    expect(report.left).toEqual([named('fresh'), named('brandnew')]);
    expect(report.targets.map(({ changed }) => changed)).toEqual([false, true, false]);
    expect(tag('prod')).toBe(digestOf(first));
  });

  it('tells what a tag that was absent before is now, when someone has moved it, and puts the others back', async () => {
    const receipt = await promoted('fresh', 'prod');
    await seed(registry.store('app'), another, 'fresh');
    const { targets, left } = await undo(receipt);
    const is = { left: true, movedSince: true, previous: digestOf(another), changed: false };
    expect(left).toEqual([named('fresh')]);
    expect(targets).toMatchObject([is, { reference: named('prod'), changed: true }]);
    expect([tag('fresh'), tag('prod')]).toEqual([digestOf(another), digestOf(first)]);
  });

  it('does not call a tag left that is absent again, and records nothing of it', async () => {
    const receipt = await promoted('fresh', 'prod');
    await registry.store('app').untag('fresh');
    const report = await undo(receipt);
    expect(report).toMatchObject({ ok: true, left: [] });
    expect(report.targets[0]).toMatchObject({ deleted: true, previous: null, changed: false });
    expect(createReceipt(report).predicate.tags.map(({ reference }) => reference)).toEqual([named('prod')]);
  });

  it('puts the others back, and fails, where a tag that is left cannot be looked at', async () => {
    const receipt = await promoted('fresh', 'prod');
    rules.push(rule({ path: /manifests\/fresh$/ }, answer(403)));
    const error = await failedUndo(receipt);
    expect(error.code).toBe('E_DENIED');
    expect(error.report.left).toEqual([named('fresh')]);
    expect(tag('prod')).toBe(digestOf(first));
  });

  it('leaves everything as it is when what a tag was is gone', async () => {
    const receipt = await promoted('prod', 'edge');
    rules.push(rule({ path: new RegExp(digestOf(second)) }, answer(404)));
    const error = await failedUndo(receipt);
    expect(error.code).toBe('E_NOT_FOUND');
    expect(error.message).toContain(`${named('edge')} cannot be put back`);
    expect(error.message).toContain(`${digestOf(second)} is gone`);
    expect(tag('prod')).toBe(digestOf(next));
  });

  it('takes one login for both sides', async () => {
    const receipt = await promoted('prod');
    rules.push(
      rule(
        { when: ({ headers }) => headers.authorization === undefined },
        answer(401, { headers: { 'WWW-Authenticate': 'Basic realm="app"' } }),
      ),
    );
    await undo(receipt, { target: { username: 'ci', password: 'secret' } });
    expect(tag('prod')).toBe(digestOf(first));
  });

  it('sends no login to two registries', async () => {
    const [one] = (await promoted('prod')).predicate.tags;
    if (one === undefined) throw new Error('the receipt is empty');
    const tags = [one, { ...one, reference: 'registry.example.com/app:prod' }];
    const options = { target: { username: 'u', password: 'p' } };
    registry.log.length = 0;
    expect(await failureOf(undo({ predicate: { tags } }, options))).toMatchObject({ code: 'E_USAGE' });
    expect(registry.log).toEqual([]);
  });
});
