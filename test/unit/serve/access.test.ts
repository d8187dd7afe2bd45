import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

import { hashSync } from 'bcryptjs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { serve } from '../../../src/api/serve.js';
import type { HashingTask } from '../../../src/serve/bcrypt-thread.js';
import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { PasswordFile } from '../../../src/serve/password-file.js';
import { serveRegistry, type ServedRegistry } from '../../../src/serve/server.js';
import { testCertificates } from '../../support/certificates.js';
import { blob, imageManifest, seed, seedHttp } from '../../support/fixtures.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { errorCodes } from './answer.js';

const open: ServedRegistry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});

const header = `Basic ${Buffer.from('ann:secret').toString('base64')}`;

describe('a registry with passwords', () => {
  async function start(): Promise<{ url: string; memory: MemoryRegistry }> {
    const storage = new MemoryRegistry();
    const isAllowed = (authorization: string | undefined): boolean => authorization === header;
    const registry = await serveRegistry({ storage, isAllowed });
    open.push(registry);
    return { url: registry.url, memory: storage };
  }

  it.each([
    ['GET', '/v2/'],
    ['GET', '/v2/_catalog'],
    ['HEAD', '/v2/app/manifests/1'],
    ['GET', '/v2/app/tags/list'],
    ['POST', '/v2/app/blobs/uploads/'],
    ['DELETE', '/v2/app/manifests/1'],
    ['GET', '/elsewhere'],
  ])('answers no %s %s without one', async (method, path) => {
    const { url } = await start();
    for (const authorization of ['', 'Basic x', header.toLowerCase()]) {
      const answer = await fetch(`${url}${path}`, { method, headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="regferry", charset="UTF-8"');
      expect(method === 'HEAD' ? ['UNAUTHORIZED'] : await errorCodes(answer)).toEqual(['UNAUTHORIZED']);
    }
  });

  it('can be used with one', async () => {
    const { url, memory } = await start();
    await seedHttp(url, 'app', imageManifest(), '1', { authorization: header });
    expect(memory.store('app').tagged('1')).toBe(imageManifest().root.descriptor.digest);
  });

  it('keeps nothing of a push without one, and the connection is of use afterwards', async () => {
    const { url, memory } = await start();
    const body = new Uint8Array(blob(300_000, 1));
    const refused = await fetch(`${url}/v2/app/blobs/uploads/?digest=sha256:00`, { method: 'POST', body });
    expect(refused.status).toBe(401);
    expect(memory.usedBytes).toBe(0);
    expect((await fetch(`${url}/v2/`, { headers: { authorization: header } })).status).toBe(200);
  });
});

describe('a registry that may only be read', () => {
  it('answers reads, and refuses every write', async () => {
    const storage = new MemoryRegistry();
    const image = imageManifest();
    await seed(storage.store('app'), image, '1');
    const registry = await serveRegistry({ storage, readOnly: true });
    open.push(registry);
    expect((await fetch(`${registry.url}/v2/app/manifests/1`)).status).toBe(200);
    for (const [method, path] of [
      ['POST', 'blobs/uploads/'],
      ['PUT', 'manifests/2'],
      ['DELETE', 'manifests/1'],
      ['DELETE', `blobs/${image.root.descriptor.digest}`],
    ] as const) {
      const answer = await fetch(`${registry.url}/v2/app/${path}`, { method });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
      expect(await errorCodes(answer)).toEqual(['UNSUPPORTED']);
    }
  });
});

describe('a registry with a certificate', () => {
  it('speaks https', async () => {
    const { ca, server } = await testCertificates();
    const registry = await serve({ tlsCertFile: server.certificate, tlsKeyFile: server.key });
    open.push(registry);
    expect(registry.url).toBe(`https://127.0.0.1:${registry.port}`);
    const status = await new Promise((resolve, reject) => {
      request(`https://localhost:${registry.port}/v2/`, { ca: readFileSync(ca) }, (answer) => {
        resolve(answer.resume().statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(200);
  });

  it('says what is wrong with its files', async () => {
    const { ca, server } = await testCertificates();
    const tlsCertFile = server.certificate;
    await expect(serve({ tlsCertFile })).rejects.toMatchObject({ code: 'E_CONFIG' });
    await expect(serve({ tlsCertFile, tlsKeyFile: '/nonexistent' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: 'cannot read /nonexistent: ENOENT: no such file or directory',
    });
    for (const tlsKeyFile of [ca, tlsCertFile]) {
      await expect(serve({ tlsCertFile, tlsKeyFile })).rejects.toMatchObject({
        code: 'E_CONFIG',
        message: expect.stringMatching(/^cannot use the certificate and key: [^\n]+$/) as unknown,
      });
    }
    await expect(serve({ htpasswdFile: ca })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining(`${ca}, line 1`) as unknown,
    });
  });
});

describe('a registry with a password file', () => {
  const users = 'ann:$2y$05$6Wbs2pMwstesusyIioenJunbTmPISXofvOwNdjKija8QJ5qJd2Yui\n';
  const login = (password: string): { authorization: string } => ({
    authorization: `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`,
  });

  it('answers logins that it knows, and requests without one, while wrong passwords are checked', async () => {
    const hash = vi.fn(({ password, salts }: HashingTask) =>
      Promise.resolve(salts.map((salt) => hashSync(password, salt))),
    );
    const passwords = PasswordFile.parse(users, 'users', { hash, close: () => Promise.resolve() });
    const registry = await serveRegistry({
      isAllowed: (authorization, client) => passwords.isAllowed(authorization, client),
    });
    open.push(registry);
    const ping = async (headers = {}): Promise<(number | string | null)[]> => {
      const answer = await fetch(`${registry.url}/v2/`, { headers });
      return [answer.status, answer.headers.get('retry-after')];
    };
    expect(await ping(login('password'))).toEqual([200, null]);
    hash.mockReturnValue(new Promise(() => undefined));
    const wrong = Array.from({ length: 20 }, (_, at) => ping(login(`wrong ${at}`)).catch(() => undefined));
    expect(await Promise.race(wrong)).toEqual([429, '1']);
    expect(await ping(login('password'))).toEqual([200, null]);
    expect(await ping()).toEqual([401, null]);
    await registry.close();
    await Promise.all(wrong);
  });

  it('ends the thread that checks passwords when it is closed', async () => {
    const folder = makeTempFolder('passwords');
    const htpasswdFile = join(folder, 'users');
    writeFileSync(htpasswdFile, users);
    const registry = await serve({ htpasswdFile });
    const answer = await fetch(`${registry.url}/v2/`, { headers: login('password') });
    expect(answer.status).toBe(200);
    const threads = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    await registry.close();
    await registry.close();
    expect(threads()).toBe(0);
    removeTempFolders();
  });
});
