import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { serve } from '../../src/api/serve.js';
import { staticCredentials, basicCredential } from '../../src/auth/credentials.js';
import { openLayout } from '../../src/content/layout-store.js';
import type { ServedRegistry } from '../../src/serve/server.js';
import { testCertificates } from '../support/certificates.js';
import { findProgram, runProgram } from '../support/child.js';
import { blob, imageManifest, indexOf } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { seed } from '../support/fixtures.js';
import { expectSame } from '../support/same-image.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const platforms = ['amd64', 'arm64'].map((architecture, at) => ({
  image: imageManifest({ layers: [blob(30_000, at)], platform: { os: 'linux', architecture } }),
  fields: { platform: { os: 'linux', architecture } },
}));
const image = indexOf(platforms);
const digest = image.root.descriptor.digest;
const policy = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

requirePrograms(
  'skopeo',
  'htpasswd',
  'openssl',
)('the server and the clients of others', () => {
  let folder: string;
  let work: string;
  let source: TestRegistry;
  let served: ServedRegistry;
  let closed: ServedRegistry;
  let certificates: string;

  beforeAll(async () => {
    folder = makeTempFolder('air');
    work = makeTempFolder('clients');
    writeFileSync(join(work, 'policy.json'), policy);
    const { stdout } = await runProgram('htpasswd', ['-bnBC', '5', 'ann', 'pass: word']);
    writeFileSync(join(work, 'users'), stdout);
    const { ca, server } = await testCertificates();
    certificates = join(work, 'certs');
    mkdirSync(certificates);
    copyFileSync(ca, join(certificates, 'ca.crt'));
    [source, served, closed] = await Promise.all([
      startRegistry(),
      serve({ folder }),
      serve({
        folder: join(folder, 'closed'),
        htpasswdFile: join(work, 'users'),
        tlsCertFile: server.certificate,
        tlsKeyFile: server.key,
      }),
    ]);
    await seed(source.store('app'), image, '1');
    await copy(`${source.host}/app:1`, `${served.host}/app:1`);
  });
  afterAll(async () => {
    await Promise.all([source.close(), served.close(), closed.close()]);
    removeTempFolders();
  });

  const skopeo = async (...words: string[]): Promise<string> =>
    (await runProgram('skopeo', ['--policy', join(work, 'policy.json'), ...words])).stdout.toString();

  it('are of one mind: skopeo copies to it and from it, lists and deletes', async () => {
    const plain = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await skopeo(
      'copy',
      '--all',
      '--preserve-digests',
      ...plain,
      `docker://${served.host}/app:1`,
      `docker://${served.host}/by/skopeo:2`,
    );
    const listed = await skopeo('list-tags', '--tls-verify=false', `docker://${served.host}/by/skopeo`);
    expect(JSON.parse(listed)).toMatchObject({ Tags: ['2'] });
    const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${served.host}/by/skopeo:2`);
    expect(raw).toBe(image.root.bytes.toString());
    await expectSame(await openLayout(join(folder, 'by/skopeo'), { access: 'read' }), image, '2');
    await skopeo('delete', '--tls-verify=false', `docker://${served.host}/by/skopeo:2`);
    expect((await fetch(`${served.url}/v2/by/skopeo/manifests/${digest}`)).status).toBe(404);
  });

  it('skopeo reads the layouts that it keeps, and it serves those of skopeo', async () => {
    const [first] = platforms;
    expect(await skopeo('inspect', '--raw', `oci:${folder}/app:1`)).toBe(image.root.bytes.toString());
    mkdirSync(join(folder, 'made'), { recursive: true });
    await skopeo(
      'copy',
      '--all',
      '--preserve-digests',
      `oci:${folder}/app:1`,
      `oci:${folder}/made/by-skopeo:3`,
    );
    const answer = await fetch(`${served.url}/v2/made/by-skopeo/manifests/3`);
    expect(answer.headers.get('docker-content-digest')).toBe(digest);
    const child = first?.image.root.descriptor.digest ?? '';
    expect((await fetch(`${served.url}/v2/made/by-skopeo/manifests/${child}`)).status).toBe(200);
  });

  it('skopeo pushes by https and with a password', async () => {
    const target = `docker://localhost:${closed.port}/app:1`;
    const words = [
      'copy',
      '--all',
      '--preserve-digests',
      '--src-tls-verify=false',
      `--dest-cert-dir=${certificates}`,
    ];
    const from = `docker://${served.host}/app:1`;
    await expect(skopeo(...words, '--dest-creds=ann:wrong', from, target)).rejects.toThrow(
      /authentication required|401/i,
    );
    await skopeo(...words, '--dest-creds=ann:pass: word', from, target);
    await expectSame(await openLayout(join(folder, 'closed/app'), { access: 'read' }), image, '1');
  });

  it('regferry pushes by https and with a password', async () => {
    const report = await copy(`${served.host}/app:1`, `localhost:${closed.port}/by/regferry:1`, {
      target: {
        caFile: join(certificates, 'ca.crt'),
        credentials: staticCredentials(basicCredential('ann', 'pass: word', 'this test')),
      },
    });
    expect(report.targets[0]?.digest).toBe(digest);
  });

  it.skipIf(findProgram('crane') === undefined)('crane copies, lists and deletes', async () => {
    const crane = async (...words: string[]): Promise<string> =>
      (await runProgram('crane', [...words, '--insecure'], { env: { HOME: work } })).stdout.toString().trim();
    await crane('copy', `${served.host}/app:1`, `${served.host}/by/crane:1`);
    expect(await crane('digest', `${served.host}/by/crane:1`)).toBe(digest);
    expect(await crane('ls', `${served.host}/by/crane`)).toBe('1');
    expect((await crane('catalog', served.host)).split('\n')).toContain('by/crane');
    await crane('delete', `${served.host}/by/crane:1`);
    expect(await crane('ls', `${served.host}/by/crane`)).toBe('');
  });

  it.skipIf(findProgram('oras') === undefined)('oras pushes, attaches and discovers', async () => {
    const oras = async (...words: string[]): Promise<string> =>
      (await runProgram('oras', words, { env: { HOME: work } })).stdout.toString();
    const file = join(work, 'note.txt');
    writeFileSync(file, 'a note');
    const flags = ['--plain-http', '--disable-path-validation'];
    await oras('push', ...flags, `${served.host}/by/oras:1`, `${file}:text/plain`);
    await oras(
      'attach',
      ...flags,
      '--artifact-type',
      'application/x-note',
      `${served.host}/by/oras:1`,
      `${file}:text/plain`,
    );
    const found = await oras(
      'discover',
      '--plain-http',
      '--artifact-type',
      'application/x-note',
      `${served.host}/by/oras:1`,
    );
    expect(found).toMatch(/application\/x-note[\s\S]*sha256:[0-9a-f]{64}/);
    await oras(
      'cp',
      '-r',
      '--from-plain-http',
      '--to-plain-http',
      `${served.host}/by/oras:1`,
      `${served.host}/by/oras-again:1`,
    );
    const again = await oras('discover', '--plain-http', `${served.host}/by/oras-again:1`);
    expect(again).toContain('application/x-note');
  });
});
