import { request } from 'node:http';

import { afterEach, expect, it } from 'vitest';

import { startDockerRegistry } from '../support/docker-registry.js';
import { requirePrograms } from '../support/programs.js';
import { startSquid, type Squid, type SquidOptions } from '../support/squid.js';

requirePrograms(
  'squid',
  'openssl',
  'docker-registry',
)('a squid', () => {
  const running: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });

  const proxy = async (options: SquidOptions) => {
    const squid = await startSquid(options);
    running.push(squid);
    return squid;
  };

  it('knows made-up hosts and asks for a password', async () => {
    const registry = await startDockerRegistry();
    running.push(registry);
    const squid = await proxy({
      auth: { user: 'mia', password: 'sesame' },
      hosts: { 'registry.example': '127.0.0.1' },
      conf: 'via off',
    });
    const url = `http://registry.example:${registry.port}/v2/?n=1`;
    const login = { 'proxy-authorization': `Basic ${Buffer.from('mia:sesame').toString('base64')}` };
    expect(await statusThrough(squid, 'GET', url)).toBe(407);
    expect(await statusThrough(squid, 'GET', url, login)).toBe(200);

    const seen = (await squid.settledRequests()).map((entry) => [entry.url, entry.status, entry.user]);
    expect(seen).toEqual([
      [url, 407, undefined],
      [url, 200, 'mia'],
    ]);
    expect(await registry.settledRequests()).toHaveLength(1);
  });

  it('tunnels only to the ports that it was told', async () => {
    const registry = await startDockerRegistry();
    running.push(registry);
    const squid = await proxy({ hosts: { 'registry.example': '127.0.0.1' }, connectPorts: [registry.port] });
    const status = (port: number) => statusThrough(squid, 'CONNECT', `registry.example:${port}`);
    expect(await status(registry.port)).toBe(200);
    expect(await status(1)).toBe(403);
  });
});

function statusThrough(
  squid: Squid,
  method: string,
  url: string,
  headers: Record<string, string> = {},
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: squid.port, method, path: url, headers, agent: false });
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once('connect', (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    });
    sent.once('error', reject);
    sent.end();
  });
}
