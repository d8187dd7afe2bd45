import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { Readable } from 'node:stream';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import type { RequestEntry } from '../../../src/serve/exchange.js';
import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { serveRegistry } from '../../../src/serve/server.js';
import type { ServedRegistry, ServeOptions } from '../../../src/serve/server.js';
import type { RegistryStorage } from '../../../src/serve/storage.js';
import { digestOf } from '../../../src/spec/digest.js';

const open: ServedRegistry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});
async function serve(options: ServeOptions = {}): Promise<ServedRegistry> {
  const registry = await serveRegistry(options);
  open.push(registry);
  return registry;
}

describe('serveRegistry', () => {
  it('listens on a free loopback port and says how to name it', async () => {
    const registry = await serve();
    expect(registry.host).toBe(`localhost:${registry.port}`);
    expect(registry.url).toBe(`http://127.0.0.1:${registry.port}`);
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  it.each([
    ['::1', (port: number) => `[::1]:${port}`, (port: number) => `http://[::1]:${port}`],
    [
      '0:0:0:0:0:0:0:1',
      (port: number) => `[::1]:${port}`,
      (port: number) => `http://[0:0:0:0:0:0:0:1]:${port}`,
    ],
    ['::', (port: number) => `localhost:${port}`, (port: number) => `http://[::]:${port}`],
    ['0.0.0.0', (port: number) => `localhost:${port}`, (port: number) => `http://0.0.0.0:${port}`],
    ['127.0.0.2', (port: number) => `127.0.0.2:${port}`, (port: number) => `http://127.0.0.2:${port}`],
  ])('at %s it is named so that it is reached', async (host, name, url) => {
    const registry = await serve({ host });
    expect([registry.host, registry.url]).toEqual([name(registry.port), url(registry.port)]);
    expect((await fetch(`http://${registry.host}/v2/`)).status).toBe(200);
  });

  it('at localhost it is named by the one family that it listens on', async () => {
    const registry = await serve({ host: 'localhost' });
    expect([`http://127.0.0.1:${registry.port}`, `http://[::1]:${registry.port}`]).toContain(registry.url);
    expect(registry.host === `localhost:${registry.port}`).toBe(registry.url.includes('127.0.0.1'));
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
  });

  it('says in one line that a port is taken', async () => {
    const { port } = await serve();
    const message = `cannot listen on 127.0.0.1:${port}: the port is taken; choose another, or 0 for any that is free`;
    await expect(serveRegistry({ port })).rejects.toMatchObject({ code: 'E_LISTEN', message });
  });

  it('says in one line that an address is not its own', async () => {
    await expect(serveRegistry({ host: '192.0.2.1' })).rejects.toMatchObject({
      code: 'E_LISTEN',
      message: 'cannot listen on 192.0.2.1:0: this machine does not have the address',
    });
  });

  it('gives its port and its connections up when it is closed, and may be closed again', async () => {
    const registry = await serve();
    const socket = connect(registry.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    await registry.close();
    await ended;
    await registry.close();
    const again = createServer();
    await new Promise<void>((resolve, reject) => {
      again.once('error', reject).listen(registry.port, '127.0.0.1', resolve);
    });
    expect((again.address() as AddressInfo).port).toBe(registry.port);
    await new Promise((resolve) => again.close(resolve));
  });

  it('closes when it is aborted, and does not begin when it already was', async () => {
    const controller = new AbortController();
    const { url } = await serve({ signal: controller.signal });
    controller.abort();
    await expect(fetch(`${url}/v2/`)).rejects.toThrow();
    await expect(serveRegistry({ signal: controller.signal })).rejects.toMatchObject({ code: 'E_ABORTED' });
  });

  it('reports each request once it has ended', async () => {
    const entries: RequestEntry[] = [];
    const storage = new MemoryRegistry();
    const digest = storage.store('app').putBytes(Buffer.alloc(1_000));
    let now = 0;
    const clock = (): number => (now += 7);
    const { url } = await serve({ storage, onRequest: (entry) => entries.push(entry), now: clock });
    await (await fetch(`${url}/v2/app/blobs/${digest}`)).arrayBuffer();
    const other = digestOf(Buffer.from('hello'));
    await fetch(`${url}/v2/app/blobs/uploads/?digest=${other}`, { method: 'POST', body: 'hello' });
    await vi.waitFor(() => expect(entries).toHaveLength(2), { interval: 1 });
    expect(entries).toEqual([
      { method: 'GET', url: `/v2/app/blobs/${digest}`, status: 200, bytesIn: 0, bytesOut: 1_000, ms: 7 },
      {
        method: 'POST',
        url: `/v2/app/blobs/uploads/?digest=${other}`,
        status: 201,
        bytesIn: 5,
        bytesOut: 0,
        ms: 7,
      },
    ]);
  });

  it.each([
    ['ENOSPC', 507, 'DENIED'],
    ['EDQUOT', 507, 'DENIED'],
    ['EIO', 500, 'UNKNOWN'],
  ])('answers a push that the disk refuses with %s with %i', async (code, status, told) => {
    const cause = Object.assign(new Error(`${code}: of the disk`), { code });
    const failure = new RegferryError('E_IO', 'cannot write /secret/place', { cause });
    const storage = Object.assign(new MemoryRegistry(), { create: () => Promise.reject(failure) });
    const errors: unknown[] = [];
    const { url } = await serve({ storage, onError: (error) => errors.push(error) });
    const answer = await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST' });
    expect(answer.status).toBe(status);
    const text = await answer.text();
    expect(text).toContain(told);
    expect(text).not.toContain('secret');
    expect(errors).toEqual([failure]);
  });

  it('answers 500 and tells what happened when its storage fails', async () => {
    const failure = new Error('disk on fire');
    const storage: RegistryStorage = {
      hasPlaceFor: () => true,
      names: () => Readable.from([]),
      repository: () => Promise.reject(failure),
      create: () => Promise.reject(failure),
    };
    const errors: unknown[] = [];
    const { url } = await serve({ storage, onError: (error) => errors.push(error) });
    const answer = await fetch(`${url}/v2/app/tags/list`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('fire');
    expect(errors).toEqual([failure]);
  });
});
