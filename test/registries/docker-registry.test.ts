import { request } from 'node:https';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { testCertificates } from '../support/certificates.js';
import { runProgram } from '../support/child.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { requirePrograms } from '../support/programs.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

requirePrograms(
  'docker-registry',
  'htpasswd',
  'openssl',
)('a docker-registry', () => {
  let registry: DockerRegistry | undefined;
  afterEach(() => registry?.stop());

  it('answers, logs what it was asked, and leaves nothing behind', async () => {
    registry = await startDockerRegistry();
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
    expect((await fetch(`${registry.url}/v2/app/tags/list?n=2`)).status).toBe(404);

    const requests = await registry.settledRequests();
    expect(requests.map(({ method, url, path, status }) => [method, url, path, status])).toEqual([
      ['GET', '/v2/', '/v2/', 200],
      ['GET', '/v2/app/tags/list?n=2', '/v2/app/tags/list', 404],
    ]);
    await registry.clearRequests();
    expect(await registry.settledRequests()).toEqual([]);

    await registry.stop();
    expect(existsSync(registry.folder)).toBe(false);
    await expect(fetch(`${registry.url}/v2/`)).rejects.toThrow();
  });

  it('asks for a password', async () => {
    const login = { user: 'mia', password: 'a:pass word' };
    registry = await startDockerRegistry({ auth: { htpasswd: login } });
    const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64');
    const anonymous = await fetch(`${registry.url}/v2/`);
    const known = await fetch(`${registry.url}/v2/`, { headers: { authorization: `Basic ${basic}` } });
    expect([anonymous.status, known.status]).toEqual([401, 200]);
  });

  it('sends clients to a token service', async () => {
    const { server } = await testCertificates();
    const realm = 'http://127.0.0.1:9/token';
    const token = { realm, service: 'test', issuer: 'test', rootcertbundle: server.certificate };
    registry = await startDockerRegistry({ auth: { token } });
    const { status, headers } = await fetch(`${registry.url}/v2/`);
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toContain(`Bearer realm="${realm}",service="test"`);
  });

  it('serves https with a certificate of the private authority', async () => {
    const { ca, server, expired } = await testCertificates();
    registry = await startDockerRegistry({ tls: server });
    expect(await getStatus(`https://localhost:${registry.port}/v2/`, ca)).toBe(200);
    expect((await registry.settledRequests()).map(({ path }) => path)).toEqual(['/v2/']);
    await registry.stop();
    registry = await startDockerRegistry({ tls: expired });
    await expect(getStatus(`https://localhost:${registry.port}/v2/`, ca)).rejects.toMatchObject({
      code: 'CERT_HAS_EXPIRED',
    });
  });
});

requirePrograms('docker-registry', 'skopeo')('skopeo and a docker-registry', () => {
  let registry: DockerRegistry;
  const folder = makeTempFolder('skopeo');
  beforeAll(async () => {
    registry = await startDockerRegistry({ delete: true });
  });
  afterAll(async () => {
    await registry.stop();
    removeTempFolder(folder);
  });

  it('copies an image layout to it and reads the same manifest back', async () => {
    const manifest = writeLayout(folder);
    const image = `docker://${registry.host}/app:1.0`;
    const env = { HOME: folder };
    await runProgram(
      'skopeo',
      [
        ...['--insecure-policy', '--tmpdir', folder, 'copy', '--preserve-digests', '--dest-tls-verify=false'],
        ...[`oci:${folder}:1.0`, image],
      ],
      { env },
    );
    const { stdout } = await runProgram('skopeo', ['inspect', '--raw', '--tls-verify=false', image], { env });
    expect(stdout.equals(manifest)).toBe(true);
    const writes = (await registry.settledRequests()).filter(({ method }) => method === 'PUT');
    expect(writes.map(({ status }) => status)).toEqual([201, 201]);
    const stored = `storage/docker/registry/v2/blobs/sha256/${hash(manifest).slice(0, 2)}/${hash(manifest)}/data`;
    expect(readFileSync(join(registry.folder, stored)).equals(manifest)).toBe(true);
  });
});

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The smallest image there is, tagged 1.0, as an image layout. Returns its manifest. */
function writeLayout(folder: string): Buffer {
  const blobs = join(folder, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const put = (mediaType: string, bytes: Buffer) => {
    writeFileSync(join(blobs, hash(bytes)), bytes);
    return { mediaType, digest: `sha256:${hash(bytes)}`, size: bytes.length };
  };
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = Buffer.from(
    `${JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] }, null, 3)}\n`,
  );
  const annotations = { 'org.opencontainers.image.ref.name': '1.0' };
  const index = { schemaVersion: 2, manifests: [{ ...put(mediaType, manifest), annotations }] };
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return manifest;
}

function getStatus(url: string, caFile: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(url, { ca: readFileSync(caFile), agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .once('error', reject)
      .end();
  });
}
