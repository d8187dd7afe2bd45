import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { fromEnvironment } from '../../../src/api/environment.js';
import { login, type LoginOptions, logout } from '../../../src/api/login.js';
import type { RegferryEvent } from '../../../src/copy/events.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

const accepted = `Basic ${Buffer.from('ann:secret').toString('base64')}`;

let folder: string;
let server: Server;
let registry: string;
let open: boolean;

beforeEach(async () => {
  folder = makeTempFolder('login');
  open = false;
  server = createServer((request, response) => {
    const welcome = open || request.headers.authorization === accepted;
    response
      .writeHead(welcome ? 200 : 401, welcome ? {} : { 'www-authenticate': 'Basic realm="here"' })
      .end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  removeTempFolder(folder);
});

function options(onEvent?: (event: RegferryEvent) => void): LoginOptions {
  const environment = fromEnvironment({
    env: {},
    home: folder,
    authfile: join(folder, 'auth.json'),
    createAuthfile: true,
  });
  return { environment, onEvent };
}

function stored(): unknown {
  return JSON.parse(readFileSync(join(folder, 'auth.json'), 'utf8'));
}

describe('a login', () => {
  it('is stored once the registry has accepted it, and can be removed again', async () => {
    const outcome = await login(registry, { username: 'ann', password: 'secret' }, options());
    expect(outcome).toMatchObject({ checked: 'accepted', stored: { kind: 'file' } });
    expect(stored()).toEqual({
      auths: { [registry]: { auth: Buffer.from('ann:secret').toString('base64') } },
    });
    await expect(logout(registry, options())).resolves.toBe(true);
    expect(stored()).toEqual({ auths: {} });
    await expect(logout(registry, options())).resolves.toBe(false);
  });

  it('is not stored when the registry refuses it', async () => {
    writeFileSync(join(folder, 'auth.json'), '{"auths":{}}');
    const refused = login(registry, { username: 'ann', password: 'hunter2' }, options());
    await expect(refused).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    await expect(refused).rejects.not.toThrow(/hunter2/);
    expect(stored()).toEqual({ auths: {} });
  });

  it('is stored unchecked where the registry wants none', async () => {
    open = true;
    const outcome = await login(registry, { username: 'ann', password: 'secret' }, options());
    expect(outcome.checked).toBe('unchecked');
    expect(stored()).toMatchObject({ auths: { [registry]: {} } });
  });

  it('tells of its requests, without the password', async () => {
    const events: RegferryEvent[] = [];
    await login(
      registry,
      { username: 'ann', password: 'secret' },
      options((event) => events.push(event)),
    );
    expect(events).toMatchObject([
      { type: 'request', method: 'GET', status: 401 },
      { type: 'request', method: 'GET', status: 200 },
    ]);
    expect(JSON.stringify(events)).not.toContain('secret');
  });

  it.each(['r.example.com/../x', 'r.example.com#x', 'user@r.example.com', 'https://r.example.com', 'word'])(
    'has to be for a registry: not for %s',
    async (name) => {
      const refusal = { code: 'E_REFERENCE' };
      await expect(login(name, { username: 'ann', password: 'x' }, options())).rejects.toMatchObject(refusal);
      await expect(logout(name, options())).rejects.toMatchObject(refusal);
    },
  );
});
