import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { readAction, runAction, type ActionRun } from '../support/composite-action.js';
import { runProgram } from '../support/child.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { packRegferry } from '../support/package.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const image = indexOf(
  ['amd64', 'arm64'].map((architecture, at) => ({
    image: imageManifest({ layers: [blob(500 + at, at)], platform: { os: 'linux', architecture } }),
    fields: { platform: { os: 'linux', architecture } },
  })),
);
const older = imageManifest({ layers: [blob(500, 9)] });
const { digest } = image.root.descriptor;
const old = older.root.descriptor.digest;

let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  folder = makeTempFolder('ci');
  registry = await startRegistry();
});
afterAll(async () => {
  await registry.close();
  removeTempFolder(folder);
});

describe('the composite action', () => {
  const action = readAction(join(root, 'docs/ci/github/action.yml'));
  let tarball: string;
  let runs = 0;

  beforeAll(async () => {
    tarball = await packRegferry(folder);
  });
  beforeEach(async () => {
    await seed(registry.store('action/app'), image, 'build-1');
    await seed(registry.store('action/app'), older, 'prod');
  });

  function promote(inputs: Record<string, string>): Promise<ActionRun> {
    const workspace = join(folder, `workspace-${(runs += 1)}`);
    mkdirSync(workspace);
    const all = { source: `${registry.host}/action/app:build-1`, tarball, ...inputs };
    // What the first run has installed stays for the others.
    const steps = runs === 1 || inputs['tarball'] === '' ? action.steps : action.steps.slice(1);
    return runAction({ ...action, steps }, all, workspace, join(folder, 'runner'));
  }

  it('installs a tarball, promotes, and has outputs and a summary', async () => {
    const ran = await promote({
      tags: 'prod\n  stable',
      expect: digest,
      'require-platform': 'linux/amd64,linux/arm64',
    });
    expect(ran).toMatchObject({ code: 0, outputs: { digest, changed: 'true' } });
    expect(ran.outputs['previous']).toBe(
      `${registry.host}/action/app:prod ${old}\n${registry.host}/action/app:stable absent`,
    );
    expect(ran.summary).toContain('### regferry promote');
    expect(registry.store('action/app').tagged('stable')).toBe(digest);
  });

  it('fails with an annotation when a guard does not hold, and nothing in an input becomes a command', async () => {
    const ran = await promote({ tags: 'prod', 'if-target': 'absent', to: `${registry.host}/action/app` });
    expect(ran).toMatchObject({ code: 8, outputs: { digest, changed: 'false', previous: old } });
    expect(ran.stderr).toMatch(/^::error::regferry: .*has to be absent, but is sha256:/m);
    const hostile = await promote({ tags: '$(touch${IFS}owned) `id` ;id', 'no-clobber': 'false' });
    expect(hostile.code).toBe(2);
    expect(hostile.stdout).toBe('');
    expect(hostile.stderr).toMatch(/^::error::regferry: .*is not a tag/m);
  });

  it('says so when it is not told what to install', async () => {
    const ran = await promote({ tags: 'prod', tarball: '' });
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining('::error::') as string });
  });

  it('has no expression inside a script', () => {
    expect(action.steps).toHaveLength(2);
    for (const { script } of action.steps) expect(script).not.toContain('${{');
  });
});

describe('docs/ci/shell.md', () => {
  it('does what it says, block after block', async () => {
    const text = readFileSync(join(root, 'docs/ci/shell.md'), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
    expect(blocks).toHaveLength(5);
    const script = blocks
      .join('\n')
      .replaceAll(/(?<=^|[\s=])((?:registry|prod)\.example\.\w+\/)/gm, `${registry.host}/$1`);
    await seed(registry.store('registry.example.com/team/app'), image, '20230930.161912z');
    await seed(registry.store('prod.example.net/app'), older, 'prod');
    const program = join(folder, 'regferry');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'bin/regferry.js')}" "$@"\n`);
    chmodSync(program, 0o755);
    // The undo of the last block is of what the second one did, and "apply" has moved nothing since.
    const { stdout } = await runProgram('sh', ['-euc', `cd ${folder}; ${script}`], {
      env: { HOME: folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` },
    });
    expect(stdout.toString()).toContain('v1.4 is released\n');
    const tested = registry.store('registry.example.com/team/app');
    expect([tested.tagged('testing'), tested.tagged('v1.4')]).toEqual([digest, digest]);
    const prod = registry.store('prod.example.net/app');
    expect([prod.tagged('prod'), prod.tagged('stable')]).toEqual([old, digest]);
  });
});
