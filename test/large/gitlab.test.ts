import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { runProgram } from '../support/child.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { regferry } from '../support/regferry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const login = { user: 'ci', password: 'job token' };
const image = imageManifest({ layers: [blob(500, 1)] });
const older = imageManifest({ layers: [blob(500, 2)] });

/** A list of a job in a YAML block: the items of `script:`, each a line. */
function list(job: string, name: string): string[] {
  const items = new RegExp(`^  ${name}:\\n((?:    - .*\\n)+)`, 'm').exec(job)?.[1] ?? '';
  return items
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace('    - ', ''));
}

requirePrograms('docker-registry', 'htpasswd')('the jobs in docs/ci/gitlab.md', () => {
  const jobs = [...readFileSync(join(root, 'docs/ci/gitlab.md'), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)];
  const [promote = '', rollback = ''] = jobs.map(([, job = '']) => job);
  let registry: DockerRegistry;
  let folder: string;

  beforeAll(async () => {
    folder = makeTempFolder('gitlab');
    registry = await startDockerRegistry({ auth: { htpasswd: login } });
    const headers = { authorization: `Basic ${btoa(`${login.user}:${login.password}`)}` };
    await seedHttp(registry.url, 'team/app', image, 'abc123', headers);
    await seedHttp(registry.url, 'team/app', older, 'prod', headers);
    const program = join(folder, 'regferry');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'bin/regferry.js')}" "$@"\n`);
    chmodSync(program, 0o755);
  });
  afterAll(async () => {
    await registry.stop();
    removeTempFolder(folder);
  });

  /** Runs the lines as the runner's shell does. */
  async function run(lines: readonly string[]): Promise<void> {
    const env = {
      HOME: folder,
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      CI: 'true',
      CI_REGISTRY: registry.host,
      CI_REGISTRY_IMAGE: `${registry.host}/team/app`,
      CI_REGISTRY_USER: login.user,
      CI_REGISTRY_PASSWORD: login.password,
      CI_COMMIT_TAG: 'v1.4',
      SOURCE: `${registry.host}/team/app:abc123`,
    };
    expect(promote).toContain('SOURCE: $CI_REGISTRY_IMAGE:$CI_COMMIT_SHA\n');
    await runProgram('sh', ['-euc', [`cd ${folder}`, ...lines].join('\n')], { env });
  }

  async function digest(tag: string): Promise<string> {
    const args = ['digest', `${registry.host}/team/app:${tag}`, '--username', login.user];
    return (await regferry(args, { env: { REGFERRY_PASSWORD: login.password } })).stdout.toString().trim();
  }

  it('promote, and go back', async () => {
    expect(list(promote, 'script')).toHaveLength(2);
    await run([...list(promote, 'before_script'), ...list(promote, 'script')]);
    expect([await digest('prod'), await digest('v1.4')]).toEqual(
      [image, image].map(({ root: { descriptor } }) => descriptor.digest),
    );
    await run([...list(promote, 'before_script'), ...list(rollback, 'script')]);
    expect([await digest('prod'), await digest('v1.4')]).toEqual(
      [older, image].map(({ root: { descriptor } }) => descriptor.digest),
    );
  });
});
