import { readFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { testCertificates } from '../support/certificates.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { startNginx, type Nginx, type NginxOptions } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';

requirePrograms(
  'nginx',
  'openssl',
  'docker-registry',
)('an nginx in front of a registry', () => {
  let registry: DockerRegistry;
  let nginx: Nginx;
  beforeAll(async () => {
    registry = await startDockerRegistry();
  });
  afterAll(() => registry.stop());
  afterEach(() => nginx.stop());

  const front = async (options: Omit<NginxOptions, 'upstream'>) => {
    nginx = await startNginx({ ...options, upstream: registry.url });
    await registry.clearRequests();
  };

  it('speaks TLS and passes the registry’s answers on', async () => {
    const certificates = await testCertificates();
    const ca = readFileSync(certificates.ca);
    const tls = await certificates.serverFor('mirror.test');
    await front({ tls });

    const url = `${nginx.url}/v2/app/blobs/uploads/`;
    const answer = await send(url, { method: 'POST', ca, servername: 'mirror.test' });
    expect(answer.status).toBe(202);
    expect(answer.location).toMatch(new RegExp(`^https://${nginx.host}/v2/app/blobs/uploads/`));
    const seen = (await nginx.settledRequests()).map(({ method, path, status }) => [method, path, status]);
    expect(seen).toEqual([['POST', '/v2/app/blobs/uploads/', 202]]);
    expect(await registry.settledRequests()).toHaveLength(1);
    await expect(send(url, {})).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('wants a certificate of the client', async () => {
    const { ca, client, server } = await testCertificates();
    await front({ tls: server, clientCa: ca });
    const trust = { ca: readFileSync(ca) };
    const own = { cert: readFileSync(client.certificate), key: readFileSync(client.key) };
    expect((await send(`${nginx.url}/v2/`, trust)).status).toBe(400);
    expect((await send(`${nginx.url}/v2/`, { ...trust, ...own })).status).toBe(200);
  });

  it('wants a password, and refuses bodies that are too large', async () => {
    await front({
      basicAuth: { user: 'mia', password: 'sesame' },
      clientMaxBodySize: '1k',
      limitRate: '1m',
      serverConf: 'add_header X-Front nginx always;',
      locationConf: 'proxy_set_header X-From front;',
    });
    const url = `${nginx.url}/v2/`;
    const anonymous = await fetch(url);
    expect([anonymous.status, anonymous.headers.get('x-front')]).toEqual([401, 'nginx']);
    const headers = { authorization: `Basic ${Buffer.from('mia:sesame').toString('base64')}` };
    expect((await fetch(url, { headers })).status).toBe(200);
    const large = await fetch(url, { method: 'PUT', headers, body: 'x'.repeat(1025) });
    expect(large.status).toBe(413);
    const requests = await nginx.settledRequests();
    expect(requests.map(({ status, user }) => [status, user])).toEqual([
      [401, undefined],
      [200, 'mia'],
      [413, 'mia'],
    ]);
  });
});

function send(
  url: string,
  options: RequestOptions,
): Promise<{ status: number | undefined; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    request(url, { agent: false, ...options }, (response) => {
      response.resume();
      resolve({ status: response.statusCode, location: response.headers.location });
    })
      .once('error', reject)
      .end();
  });
}
