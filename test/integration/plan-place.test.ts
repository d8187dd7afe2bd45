import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import * as library from '../../src/index.js';
import { isRecordable } from '../../src/api/receipt.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { run as runWith } from '../unit/cli/fake-io.js';

let registry: TestRegistry;
let folder: string;

beforeEach(async () => {
  folder = makeTempFolder('plans');
  registry = await startRegistry();
  await seed(registry.store('app'), imageManifest({ layers: [blob(500, 1)] }), 'build-1');
});
afterEach(async () => {
  await registry.close();
  removeTempFolder(folder);
});

const named = (name: string): string => `${registry.host}/app:${name}`;
const file = (): string => join(folder, 'plan.json');
const content = (): string => readFileSync(file(), 'utf8');
const run = (...argv: string[]) => runWith(argv, { ...library, isRecordable });
const promoting = (tag: string) => run('promote', '--dry-run', '--plan-out', file(), named('build-1'), tag);
const copying = () => run('copy', '--dry-run', '--plan-out', file(), named('build-1'), named('copied'));

describe('the file of --plan-out', () => {
  it.each([
    ['a key', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'],
    ['any JSON', '{"auths":{}}'],
    ['a plan of another version', '{"regferryPlan":99}'],
    ['a plan that was cut off', '{"regferryPlan":1,'],
  ])('stays as it is when it holds %s, and nothing is asked', async (_what, text) => {
    writeFileSync(file(), text);
    for (const planning of [() => promoting('prod'), copying]) {
      const { exit, stdout, stderr } = await planning();
      expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
      expect(stderr).toContain(`${file()} is there already, and is no plan`);
      expect(stderr).toContain('name another file by --plan-out');
      expect(stderr).not.toContain('PRIVATE');
    }
    expect(content()).toBe(text);
    expect(registry.log).toEqual([]);
  });

  it('stays as it is when it holds a receipt', async () => {
    await run('promote', '--receipt', file(), named('build-1'), 'prod');
    const receipt = content();
    expect((await promoting('stable')).exit).toBe(2);
    expect(content()).toBe(receipt);
  });

  it('is replaced when it is empty, or an older plan', async () => {
    writeFileSync(file(), '\n');
    expect((await promoting('prod')).exit).toBe(0);
    expect((await promoting('stable')).exit).toBe(0);
    expect(content()).toContain(`"${named('stable')}"`);
    expect((await run('apply', file())).exit).toBe(0);
  });
});
