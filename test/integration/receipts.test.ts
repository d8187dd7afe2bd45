import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import * as library from '../../src/index.js';
import { isRecordable } from '../../src/api/receipt.js';
import { rule, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { cutResponse } from '../support/faults/cuts.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { run as runWith } from '../unit/cli/fake-io.js';

const image = (seed: number) => imageManifest({ layers: [blob(500, seed)] });
const [next, first, another] = [image(1), image(2), image(3)];
const digestOf = (one: typeof next): string => one.root.descriptor.digest;

let registry: TestRegistry;
let folder: string;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  folder = makeTempFolder('receipts');
  registry = await startRegistry({ rules });
  await seed(registry.store('app'), next, 'build-1');
  await seed(registry.store('app'), another, 'build-2');
  await seed(registry.store('app'), first, 'prod');
});
afterEach(async () => {
  await registry.close();
  removeTempFolder(folder);
});

const named = (name: string): string => `${registry.host}/app:${name}`;
const tag = (name: string): string | undefined => registry.store('app').tagged(name);
const file = (name = 'r.json'): string => join(folder, name);
const run = (...argv: string[]) => runWith([...argv, '--retries', '0'], { ...library, isRecordable });
const promoting = (...argv: string[]) => run('promote', '--receipt', file(), ...argv);
const undoing = (...argv: string[]) => run('promote', '--undo', file(), ...argv);
const tags = (): unknown => library.parseReceipt(readFileSync(file(), 'utf8')).predicate.tags;

describe('a receipt that is there', () => {
  it('keeps what the tags were when the same promotion is run again, which is said', async () => {
    expect((await promoting(named('build-1'), 'prod')).exit).toBe(0);
    const again = await promoting(named('build-1'), 'prod');
    expect(again.exit).toBe(0);
    expect(again.stderr).toContain('this was a repeat');
    expect(tags()).toMatchObject([{ previous: digestOf(first), changed: true }]);
    const undone = await undoing();
    expect(undone).toMatchObject({ exit: 0, stdout: `${named('prod')}@${digestOf(first)}\n` });
    expect(undone.stderr).toContain('put back');
    expect(tag('prod')).toBe(digestOf(first));
  });

  it.each([
    ['another image', () => [named('build-2'), 'prod']],
    ['another tag', () => [named('build-1'), 'stable']],
    ['a tag more', () => [named('build-1'), 'prod', 'stable']],
  ])('of a promotion of %s is kept, and nothing moves', async (_what, other) => {
    await promoting(named('build-1'), 'prod');
    const before = readFileSync(file(), 'utf8');
    const refused = await promoting(...other());
    expect(refused.exit).toBe(2);
    expect(refused.stderr).toContain('--overwrite-receipt');
    expect(readFileSync(file(), 'utf8')).toBe(before);
    expect([tag('prod'), tag('stable')]).toEqual([digestOf(next), undefined]);
    expect((await promoting('--overwrite-receipt', ...other())).exit).toBe(0);
    expect(readFileSync(file(), 'utf8')).not.toBe(before);
  });

  it.each(['not JSON', '{}', '{"regferryPlan":1}'])('and is none is kept: %s', async (content) => {
    writeFileSync(file(), content);
    registry.log.length = 0;
    expect((await promoting(named('build-1'), 'prod')).exit).toBe(2);
    expect(registry.log).toEqual([]);
    expect(readFileSync(file(), 'utf8')).toBe(content);
  });

  it('and is empty has nothing to lose', async () => {
    writeFileSync(file(), '');
    expect((await promoting(named('build-1'), 'prod')).exit).toBe(0);
  });

  it('is heeded by apply, too', async () => {
    const plan = file('plan.json');
    await run('promote', '--dry-run', '--plan-out', plan, named('build-1'), 'prod');
    const applying = () => run('apply', '--receipt', file(), plan);
    expect((await applying()).exit).toBe(0);
    expect((await applying()).stderr).toContain('this was a repeat');
    expect(tags()).toMatchObject([{ previous: digestOf(first), changed: true }]);
    await run('promote', '--dry-run', '--plan-out', plan, named('build-1'), 'stable');
    expect((await applying()).exit).toBe(2);
    expect(tag('stable')).toBeUndefined();
  });

  it('is not replaced by the receipt of its own undo', async () => {
    await promoting(named('build-1'), 'prod');
    expect((await undoing('--receipt', file())).exit).toBe(2);
    expect(tag('prod')).toBe(digestOf(next));
  });
});

describe('a promotion that is cut short and run again', () => {
  it('can be undone as a whole', async () => {
    rules.push(rule({ method: 'PUT', path: /manifests\/stable$/, nth: 1 }, answer(403)));
    const failed = await promoting(named('build-1'), 'prod', 'stable');
    expect(failed.exit).toBe(9);
    expect((await promoting(named('build-1'), 'prod', 'stable')).exit).toBe(0);
    expect(tags()).toMatchObject([
      { previous: digestOf(first), changed: true },
      { previous: null, changed: true },
    ]);
    expect((await undoing('--delete-new-tags')).exit).toBe(0);
    expect([tag('prod'), tag('stable')]).toEqual([digestOf(first), undefined]);
  });

  it('can be undone where the answer to the write was lost', async () => {
    rules.push(
      rule({ method: 'PUT', path: /manifests\/prod$/, nth: 1 }, cutResponse({ after: 0, by: 'rst' })),
    );
    rules.push(rule({ method: 'GET', path: /manifests\/prod$/ }, cutResponse({ after: 0, by: 'rst' })));
    expect((await promoting(named('build-1'), 'prod')).exit).toBe(7);
    expect(tag('prod')).toBe(digestOf(next));
    rules.length = 0;
    expect((await promoting(named('build-1'), 'prod')).exit).toBe(0);
    expect((await undoing()).exit).toBe(0);
    expect(tag('prod')).toBe(digestOf(first));
  });
});

describe('an undo', () => {
  it('says what it found to be right already', async () => {
    await promoting(named('build-1'), 'prod');
    await undoing();
    const again = await undoing();
    expect(again.exit).toBe(0);
    expect(again.stderr).toContain(`${named('prod')}: is ${digestOf(first)} already, as it was before`);
  });

  it('says that a receipt in which nothing changed is one', async () => {
    await run('promote', named('build-1'), 'prod');
    await promoting(named('build-1'), 'prod');
    const undone = await undoing();
    expect(undone.exit).toBe(0);
    expect(undone.stderr).toContain(
      'nothing to put back: no tag changed in the run that this receipt records',
    );
    expect(JSON.parse((await undoing('--json')).stdout)).toMatchObject({
      targets: [],
      unmoved: [named('prod')],
    });
  });

  it('leaves a tag that was absent before, says so, and succeeds', async () => {
    await promoting(named('build-1'), 'fresh', 'prod');
    const told = await undoing('--json');
    expect(told.exit).toBe(0);
    expect(JSON.parse(told.stdout)).toMatchObject({
      ok: true,
      left: [named('fresh')],
      targets: [
        { reference: named('fresh'), left: true },
        { reference: named('prod'), changed: true },
      ],
    });
    const again = await undoing();
    expect(again.stderr).toContain(`${named('fresh')}: was absent before, and is left as it is`);
    expect(again.stdout).toBe(`${named('prod')}@${digestOf(first)}\n`);
  });

  it.each([[], ['--dry-run']])('says what a tag that was absent before is now: %s', async (...dryRun) => {
    await promoting(named('build-1'), 'fresh', 'gone');
    await seed(registry.store('app'), another, 'fresh');
    await registry.store('app').untag('gone');
    const { exit, stdout, stderr } = await undoing(...dryRun);
    expect(exit).toBe(0);
    const stays = dryRun.length > 0 ? 'would be left' : 'is left';
    const told = stdout + stderr;
    expect(told).toContain(
      `${named('fresh')}: was absent before, and ${stays} as it is (${digestOf(another)}): someone has moved it since`,
    );
    expect(told).toContain(`${named('gone')}: was absent before, and is absent again`);
    expect(told).not.toContain('--delete-new-tags');
  });

  it('shows in a dry run what would be put back, and writes nothing', async () => {
    await promoting(named('build-1'), 'fresh', 'prod');
    registry.log.length = 0;
    const { exit, stdout } = await undoing('--dry-run', '--delete-new-tags');
    expect(exit).toBe(0);
    expect(stdout).toContain(
      `${named('prod')}: is ${digestOf(next)}, would be put back to ${digestOf(first)}\n`,
    );
    expect(stdout).toContain(`${named('fresh')}: is ${digestOf(next)}, would be deleted`);
    expect(stdout).toContain('nothing was written');
    expect(new Set(registry.log.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
    expect(JSON.parse((await undoing('--dry-run', '--json')).stdout)).toMatchObject({ dryRun: true });
  });

  it('fails for a registry that cannot be written, whatever else is left', async () => {
    await promoting(named('build-1'), 'fresh', 'prod');
    rules.push(rule({ method: 'PUT' }, answer(405)));
    expect((await undoing()).exit).toBe(6);
    expect(tag('prod')).toBe(digestOf(next));
  });

  it('names each reference once in a line', async () => {
    await promoting(named('build-1'), 'prod', 'stable');
    await seed(registry.store('app'), another, 'prod');
    const { exit, stderr } = await undoing();
    expect(exit).toBe(8);
    for (const line of stderr.split('\n')) expect(line.split(named('prod')).length).toBeLessThan(3);
  });

  it.each([
    ['--delete-new-tags', 'x', 'y'],
    ['--overwrite-receipt', 'x', 'y'],
    ['--undo', 'r.json', '--dry-run', '--receipt', 'x.json'],
    ['--undo', 'r.json', '--plan-out', 'x.json'],
  ])('takes no option that says nothing: %s %s %s', async (...argv) => {
    expect((await run('promote', ...argv)).exit).toBe(2);
  });
});
