import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { Buildah, npmMount } from '../support/buildah.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { requirePrograms } from '../support/programs.js';
import { regferry } from '../support/regferry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const base = 'localhost/base';
const image = 'localhost/regferry';
/** Set by npm; what npm ci has just installed here is in it, so that nothing has to be fetched again. */
const cache = process.env['npm_config_cache'] ?? join(homedir(), '.npm');

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}

requirePrograms('buildah', 'docker-registry')('the container image', () => {
  let folder: string;
  let buildah: Buildah;
  let container: string;
  let first: DockerRegistry;
  let second: DockerRegistry;

  beforeAll(async () => {
    folder = makeTempFolder('container-image');
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(folder, 'npmrc'), 'prefer-offline=true\nupdate-notifier=false\n');
    buildah = new Buildah(folder);
    [first, second] = await Promise.all([startDockerRegistry(), startDockerRegistry()]);
    await buildah.commitBase(base);
    const mounts = [npmMount(), `${cache}:/root/.npm`, `${join(folder, 'npmrc')}:/root/.npmrc:ro`].flatMap(
      (mount) => ['-v', mount],
    );
    await buildah.run('build', '--quiet', ...mounts, '--build-arg', `BASE=${base}`, '-t', image, root);
    container = (await buildah.run('from', '--pull-never', image)).stdout.toString().trim();
  }, 240_000);
  afterAll(async () => {
    await buildah.run('rm', '--all');
    await Promise.all([first.stop(), second.stop()]);
    removeTempFolder(folder);
  }, 60_000);

  const inside = async (...command: string[]): Promise<string> =>
    (await buildah.run('run', container, '--', ...command)).stdout.toString();

  it('starts regferry, and as nobody who may do anything', async () => {
    const { stdout } = await buildah.run('inspect', '--type', 'image', image);
    expect(JSON.parse(stdout.toString())).toMatchObject({
      OCIv1: { config: { User: '65532:65532', Entrypoint: ['regferry'], WorkingDir: '/work' } },
    });
    const { version } = readJson(join(root, 'package.json')) as { version: string };
    expect(await inside('regferry', '--version')).toBe(`${version}\n`);
    const facts = 'process.getuid(), require("fs").readdirSync("/work").length';
    expect(await inside('node', '-p', `[${facts}].join()`)).toBe('65532,0\n');
  });

  it('holds what runs, and nothing that builds or tests', async () => {
    const read = async (path: string): Promise<string> =>
      (await inside('node', '-p', `require("fs").readdirSync("${path}").join()`)).trim();
    expect(await read('/opt/regferry')).toBe('CHANGELOG.md,LICENSE,README.md,bin,dist,package.json');
    expect(await read('/opt/regferry/bin')).toBe('regferry.js');
    expect(await read('/opt/regferry/dist')).toBe(
      'cli-bcrypt.cjs,cli-licences.txt,cli.cjs,cli.cjs.map,version.js',
    );
  });

  it('is pushed by regferry, and copies itself onward', async () => {
    await buildah.run('push', '--quiet', image, `oci:${folder}/layout:1`);
    const pushed = await regferry(['copy', `oci:${folder}/layout:1`, `${first.host}/regferry`]);
    expect(pushed).toMatchObject({ code: 0 });
    const from = `${first.host}/regferry:1`;
    const copied = await inside('regferry', 'copy', from, `${second.host}/mirror/regferry`);
    const digest = /@(sha256:[0-9a-f]{64})\n$/.exec(copied)?.[1];
    expect(pushed.stdout.toString()).toBe(`${from}@${digest}\n`);
    expect(copied).toBe(`${second.host}/mirror/regferry:1@${digest}\n`);
  });
});
