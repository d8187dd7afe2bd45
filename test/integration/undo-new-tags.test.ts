import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CopyError } from '../../src/api/copy.js';
import { createReceipt, openLayout, promote, undo, type Receipt } from '../../src/index.js';
import { failureOf } from '../support/copy-run.js';
import { rule, type Rule } from '../support/faults.js';
import { registryError } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const image = (seed: number) => imageManifest({ layers: [blob(500, seed)] });
const [next, first, another] = [image(1), image(2), image(3)];
const digestOf = (one: typeof next): string => one.root.descriptor.digest;

let registry: TestRegistry;
const rules: Rule[] = [];

beforeEach(async () => {
  rules.length = 0;
  registry = await startRegistry({ rules });
  await seed(registry.store('app'), next, 'build-1');
  await seed(registry.store('app'), first, 'prod');
});
afterEach(() => registry.close());

const tag = (name: string): string | undefined => registry.store('app').tagged(name);
const named = (name: string): string => `${registry.host}/app:${name}`;
const deletions = (): string[] =>
  registry.log.filter(({ method }) => method === 'DELETE').map(({ url }) => url);
const writes = (): number => registry.log.filter(({ method }) => !/^(GET|HEAD)$/.test(method)).length;

async function promoted(...tags: string[]): Promise<Receipt> {
  return createReceipt(await promote(named('build-1'), tags));
}

async function failedUndo(receipt: Receipt): Promise<CopyError> {
  const error = await failureOf(undo(receipt, { deleteNewTags: true }));
  if (!(error instanceof CopyError)) throw error;
  return error;
}

describe('undo with deleteNewTags', () => {
  it('deletes what was absent before by its name, and leaves the other tags of the image', async () => {
    const report = await undo(await promoted('fresh', 'prod'), { deleteNewTags: true });
    expect(report).toMatchObject({ ok: true, left: [] });
    expect(report.targets).toMatchObject([
      { reference: named('fresh'), deleted: true, changed: true, previous: digestOf(next) },
      { reference: named('prod'), digest: digestOf(first), changed: true },
    ]);
    expect(deletions()).toEqual(['/v2/app/manifests/fresh']);
    expect([tag('fresh'), tag('prod'), tag('build-1')]).toEqual([undefined, digestOf(first), digestOf(next)]);
  });

  it('does nothing the second time', async () => {
    const receipt = await promoted('fresh');
    await undo(receipt, { deleteNewTags: true });
    const before = writes();
    const report = await undo(receipt, { deleteNewTags: true });
    expect(report.targets).toMatchObject([{ deleted: true, changed: false }]);
    expect(writes()).toBe(before);
  });

  it('is undone by its own receipt', async () => {
    const receipt = await promoted('fresh', 'prod');
    await undo(createReceipt(await undo(receipt, { deleteNewTags: true })));
    expect([tag('fresh'), tag('prod')]).toEqual([digestOf(next), digestOf(next)]);
  });

  it('writes nothing at all where someone has moved the new tag', async () => {
    const receipt = await promoted('fresh', 'prod');
    await seed(registry.store('app'), another, 'fresh');
    const before = writes();
    expect(await failedUndo(receipt)).toMatchObject({ code: 'E_GUARD' });
    expect(writes()).toBe(before);
    expect([tag('fresh'), tag('prod')]).toEqual([digestOf(another), digestOf(next)]);
  });

  it.each([400, 405])(
    'says that a registry cannot (%i), leaves the tag, and puts the others back',
    async (status) => {
      const receipt = await promoted('fresh', 'prod');
      rules.push(rule({ method: 'DELETE' }, registryError(status, 'UNSUPPORTED')));
      const error = await failedUndo(receipt);
      expect(error.code).toBe('E_UNSUPPORTED');
      expect(error.message).toContain('cannot delete a tag by its name');
      expect(error.report.left).toEqual([named('fresh')]);
      expect([tag('fresh'), tag('prod')]).toEqual([digestOf(next), digestOf(first)]);
      expect(deletions()).toEqual(['/v2/app/manifests/fresh']);
    },
  );

  it('deletes nothing unless it is asked to', async () => {
    await undo(await promoted('fresh'));
    expect(deletions()).toEqual([]);
  });

  it('takes the name out of a layout folder, and leaves its image there', async () => {
    const folder = makeTempFolder('undo');
    try {
      const to = [`oci:${folder}/layout`];
      const receipt = createReceipt(await promote(named('build-1'), ['v1', 'v2'], { to }));
      const { predicate } = receipt;
      await undo({ predicate: { tags: predicate.tags.slice(0, 1) } }, { deleteNewTags: true });
      const layout = await openLayout(`${folder}/layout`, { access: 'read' });
      const names: string[] = [];
      for await (const name of layout.tags()) names.push(name);
      expect(names).toEqual(['v2']);
      expect(await layout.resolve(next.root.descriptor)).toBeDefined();
      await layout.close();
    } finally {
      removeTempFolder(folder);
    }
  });
});

describe('undo in a dry run', () => {
  it('says what would be, and writes nothing', async () => {
    const receipt = await promoted('fresh', 'prod');
    const before = writes();
    const report = await undo(receipt, { dryRun: true });
    expect(report).toMatchObject({ ok: true, dryRun: true, left: [named('fresh')] });
    expect(report.targets[1]).toMatchObject({
      digest: digestOf(first),
      previous: digestOf(next),
      changed: true,
    });
    const deleting = await undo(receipt, { dryRun: true, deleteNewTags: true });
    expect(deleting.targets[0]).toMatchObject({ deleted: true, changed: true });
    expect(writes()).toBe(before);
  });

  it('fails where the undo would', async () => {
    const receipt = await promoted('prod');
    await seed(registry.store('app'), another, 'prod');
    expect(await failureOf(undo(receipt, { dryRun: true }))).toMatchObject({ code: 'E_GUARD' });
  });
});

describe('a promotion whose record is there', () => {
  it('is refused for another image, before anything is written', async () => {
    const record = await promoted('prod');
    await seed(registry.store('app'), another, 'build-2');
    const before = writes();
    const error = await failureOf(promote(named('build-2'), 'prod', { repeatOf: record }));
    expect(error.code).toBe('E_CONFIG');
    expect(error.message).toContain(`as ${digestOf(next)}, and this is ${digestOf(another)}`);
    expect(writes()).toBe(before);
  });

  it('keeps what was before the first run', async () => {
    const record = await promoted('prod');
    const report = await promote(named('build-1'), 'prod', { repeatOf: record });
    const receipt = createReceipt(report, { repeatOf: record });
    expect(receipt.predicate).toMatchObject({
      repeat: { runs: 2 },
      tags: [{ previous: digestOf(first), changed: true }],
    });
    await undo(receipt);
    expect(tag('prod')).toBe(digestOf(first));
  });
});
