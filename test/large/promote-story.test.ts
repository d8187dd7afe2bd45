import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as send, type Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { promote } from '../../src/index.js';
import { runProgram } from '../support/child.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, indexOf, seedHttp } from '../support/fixtures.js';
import { schemaErrors } from '../support/json-schema.js';
import { requirePrograms } from '../support/programs.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const images = [1, 2, 3].map((seed) =>
  indexOf([0, 1].map((at) => ({ image: imageManifest({ layers: [blob(2_000, seed * 10 + at)] }) }))),
);
const tags = ['20230930.161912z', '20231001.090000z', '20231002.120000z'];

requirePrograms('docker-registry')('a release, with real registries:', () => {
  let builds: DockerRegistry;
  let prod: DockerRegistry;
  let folder: string;

  beforeAll(async () => {
    folder = makeTempFolder('promote');
    [builds, prod] = await Promise.all([startDockerRegistry(), startDockerRegistry()]);
    for (const [at, image] of images.entries()) await seedHttp(builds.url, 'team/app', image, tags[at]);
  });
  afterAll(async () => {
    await Promise.all([builds.stop(), prod.stop()]);
    removeTempFolder(folder);
  });
  beforeEach(() => builds.clearRequests());

  it('a new tag in the same repository costs seven requests, and none of them is about a blob', async () => {
    await promote(`${builds.host}/team/app:${tags[0]}`, 'retag');
    const paths = (await builds.settledRequests()).map(({ method, path }) => `${method} ${path}`);
    expect(paths.sort()).toEqual([
      'GET /v2/team/app/manifests/20230930.161912z',
      'GET /v2/team/app/manifests/retag',
      'GET /v2/team/app/manifests/retag',
      'GET /v2/team/app/manifests/retag',
      'HEAD /v2/team/app/manifests/retag',
      'HEAD /v2/team/app/manifests/retag',
      'PUT /v2/team/app/manifests/retag',
    ]);
  });

  it('the whole story, from a build to the rollback', async () => {
    const program = join(folder, 'regferry');
    writeFileSync(program, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'bin/regferry.js')}" "$@"\n`);
    chmodSync(program, 0o755);
    await runProgram('mkfifo', [join(folder, 'held'), join(folder, 'go')]);
    const gate = await startGate(prod.port, folder);
    try {
      const script = join(root, 'test/large/promote-story.sh');
      const { stdout } = await runProgram(
        'sh',
        ['-c', 'cd "$0" && exec sh "$@"', folder, script, builds.host, prod.host, gate.host],
        { env: { HOME: folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` } },
      );
      expect(stdout.toString()).toMatch(/the story is told\n$/);
    } finally {
      gate.close();
    }
    const schema: unknown = JSON.parse(readFileSync(join(root, 'docs/receipt.schema.json'), 'utf8'));
    for (const receipt of ['first.json', 'second.json', 'third.json', 'job.json']) {
      const document: unknown = JSON.parse(readFileSync(join(folder, receipt), 'utf8'));
      expect(schemaErrors(schema, document), receipt).toEqual([]);
    }
  }, 120_000);
});

/** Another door to a server of this machine. Its first upload waits at the pipes `held` and `go`. */
async function startGate(port: number, folder: string): Promise<{ host: string; close(): void }> {
  let isOpen = false;
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const pass = (): void => {
      const onward = send({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    };
    if (isOpen || method !== 'POST') {
      pass();
      return;
    }
    isOpen = true;
    void writeFile(join(folder, 'held'), '\n')
      .then(() => readFile(join(folder, 'go')))
      .then(pass);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: `127.0.0.1:${portOf(server)}`, close: () => closeNow(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return address.port;
}

function closeNow(server: Server): void {
  server.closeAllConnections();
  server.close();
}
