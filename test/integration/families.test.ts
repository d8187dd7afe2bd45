import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  copy,
  createRegistry,
  digest,
  fromEnvironment,
  isRegferryError,
  login,
  tags,
} from '../../src/index.js';
import { createRegistryHandler } from '../../src/serve/handler.js';
import { MemoryRegistry } from '../../src/serve/memory-registry.js';
import { listen, type ListeningServer } from '../../src/serve/server.js';
import { testCertificates } from '../support/certificates.js';
import type { Handler } from '../support/faults.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { readFileSync } from 'node:fs';

const image = imageManifest({ layers: [blob(300_000, 1), blob(2_000, 2)] });

/** One address family, as sockets and as references spell it. */
const families = [
  { name: 'IPv4', address: '127.0.0.1', spelled: '127.0.0.1' },
  { name: 'IPv6', address: '::1', spelled: '[::1]' },
];

/** A registry that wants a token of its own service, and has its blobs at a storage of another port. */
function guarded(registry: Handler, spelled: string, storage: () => ListeningServer): Handler {
  return (request, response) => {
    const { url = '', method } = request;
    const host = `${spelled}:${request.socket.localPort}`;
    if (url.startsWith('/token')) {
      response.end(JSON.stringify({ token: 'good' }));
    } else if (request.headers.authorization !== 'Bearer good') {
      const realm = `http://${host}/token`;
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
    } else if (method === 'GET' && url.includes('/blobs/')) {
      response.writeHead(307, { location: `http://${spelled}:${storage().port}${url}` }).end();
    } else {
      registry(request, response);
    }
  };
}

describe.each(families)('over $name', ({ address, spelled }) => {
  const content = new MemoryRegistry();
  const other = new MemoryRegistry();
  const servers: ListeningServer[] = [];
  let folder: string;
  let source: string;
  let target: string;

  async function start(handler: Handler, tls?: { cert: string; key: string }): Promise<ListeningServer> {
    const server = await listen(handler, { host: address, ...(tls === undefined ? {} : { tls }) });
    servers.push(server);
    return server;
  }

  beforeAll(async () => {
    folder = makeTempFolder('families');
    await seed(content.store('r/app'), image, 'v1');
    const registry = createRegistryHandler({ storage: content });
    const storage = await start(registry);
    source = `${spelled}:${(await start(guarded(registry, spelled, () => storage))).port}`;
    target = `${spelled}:${(await start(createRegistryHandler({ storage: other }))).port}`;
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.close()));
    removeTempFolder(folder);
  });

  it('copies from and to a registry, with tokens, redirects and connections opened ahead', async () => {
    const report = await copy(`${source}/r/app:v1`, `${target}/r/app`);
    expect(report.targets[0]).toMatchObject({ verified: 'bytes', digest: image.root.descriptor.digest });
  });

  it('tells digest and tags, and logs in', async () => {
    expect((await digest(`${source}/r/app:v1`)).digest).toBe(image.root.descriptor.digest);
    const found: string[] = [];
    for await (const tag of tags(`${source}/r/app`)) found.push(tag);
    expect(found).toEqual(['v1']);
    const environment = fromEnvironment({ env: { DOCKER_CONFIG: folder } });
    const entered = { username: 'u', password: 'p' };
    expect((await login(source, entered, { environment })).checked).toBe('accepted');
  });

  it('uses the login that was stored, however often it is asked', async () => {
    const environment = fromEnvironment({ env: { DOCKER_CONFIG: folder } });
    expect((await digest(`${source}/r/app:v1`, { environment })).digest).toBe(image.root.descriptor.digest);
  });

  it('checks the certificate against the address', async () => {
    const { server, ca } = await testCertificates();
    const pair = { cert: readFileSync(server.certificate, 'utf8'), key: readFileSync(server.key, 'utf8') };
    const host = `${spelled}:${(await start(createRegistryHandler({ storage: content }), pair)).port}`;
    const trusting = createRegistry({ caFile: ca });
    expect((await trusting.repository(`${host}/r/app`).fetch({ tag: 'v1' })).descriptor).toMatchObject({
      digest: image.root.descriptor.digest,
    });
    await trusting.close();
    const report = await copy(`${host}/r/app:v1`, `${target}/r/tls`, { source: { caFile: ca } });
    expect(report.ok).toBe(true);
  });

  it('names the host as it was spelled when nothing listens there', async () => {
    const closed = await listen(() => undefined, { host: address });
    const host = `${spelled}:${closed.port}`;
    await closed.close();
    const error: unknown = await digest(`${host}/r/app:v1`).catch((failure: unknown) => failure);
    expect(isRegferryError(error) && error.message).toContain(`${host} cannot be reached`);
  });
});
