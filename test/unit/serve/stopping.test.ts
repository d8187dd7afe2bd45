import { request as httpRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { connect } from 'node:net';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { serveRegistry, type ServedRegistry, type ServeOptions } from '../../../src/serve/server.js';
import { digestOf } from '../../../src/spec/digest.js';
import { openUpload, withDigest } from './pushing.js';

const bytes = Buffer.alloc(3_000, 'x');
const never = new Promise<void>(() => undefined);

const open: ServedRegistry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});

async function start(
  options: ServeOptions = {},
): Promise<{ registry: ServedRegistry; storage: MemoryRegistry }> {
  const storage = new MemoryRegistry();
  const registry = await serveRegistry({ storage, ...options });
  open.push(registry);
  return { registry, storage };
}

/** Begins the last request of an upload, and sends half of it. */
async function halfAnUpload(registry: ServedRegistry, storage: MemoryRegistry): Promise<ClientRequest> {
  const location = withDigest(await openUpload(`${registry.url}/v2/app`), digestOf(bytes));
  const upload = httpRequest(location, { method: 'PUT', headers: { 'content-length': 3_000 }, agent: false });
  upload.on('error', () => undefined);
  upload.write(bytes.subarray(0, 1_000));
  await vi.waitFor(() => expect(storage.usedBytes).toBe(1_000), { interval: 1 });
  return upload;
}

function statusOf(request: ClientRequest): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request.once('response', (answer) => resolve(answer.resume().statusCode)).once('error', reject);
  });
}

describe('a registry that is stopped', () => {
  it('lets running requests end, and takes no others', async () => {
    const { registry, storage } = await start();
    const idle = connect(registry.port, '127.0.0.1');
    const answers: Buffer[] = [];
    idle.on('data', (data: Buffer) => answers.push(data));
    idle.write('GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\nGET /v2/app/');
    await vi.waitFor(() => expect(String(answers)).toContain('{}'), { interval: 1 });
    const upload = await halfAnUpload(registry, storage);
    const status = statusOf(upload);
    const stopped = registry.stop(never);
    await expect(fetch(`${registry.url}/v2/`)).rejects.toThrow();
    idle.write('tags/list HTTP/1.1\r\nHost: x\r\n\r\n');
    await vi.waitFor(() => expect(String(answers)).toMatch(/503 Service Unavailable.*Connection: close/s), {
      interval: 1,
    });
    upload.end(bytes.subarray(1_000));
    expect(await status).toBe(201);
    await stopped;
    expect(storage.store('app').blob(digestOf(bytes))?.equals(bytes)).toBe(true);
  });

  it('cuts what has not ended when its patience does', async () => {
    const { registry, storage } = await start();
    const upload = await halfAnUpload(registry, storage);
    const status = statusOf(upload);
    let lose = (): void => undefined;
    const stopped = registry.stop(new Promise<void>((resolve) => (lose = resolve)));
    lose();
    await stopped;
    await expect(status).rejects.toThrow();
    expect(storage.usedBytes).toBe(0);
  });

  it('is stopped at once when nothing runs', async () => {
    const { registry } = await start();
    expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
    await registry.stop(never);
    await registry.stop(never);
    await registry.close();
  });
});

describe('uploads that rest', () => {
  it('are forgotten from time to time, also when no other one begins', async () => {
    let now = 0;
    const sweeps: (() => void)[] = [];
    const cancelled = vi.fn();
    const { registry, storage } = await start({
      now: () => now,
      every: (ms, work) => {
        expect(ms).toBeLessThanOrEqual(60_000);
        sweeps.push(work);
        return cancelled;
      },
    });
    const location = await openUpload(`${registry.url}/v2/app`);
    await fetch(location, { method: 'PATCH', body: new Uint8Array(bytes) });
    for (const sweep of sweeps) sweep();
    expect((await fetch(location)).status).toBe(204);
    now += 61 * 60_000;
    for (const sweep of sweeps) sweep();
    await vi.waitFor(() => expect(storage.usedBytes).toBe(0), { interval: 1 });
    expect((await fetch(location)).status).toBe(404);
    await registry.close();
    expect(cancelled).toHaveBeenCalled();
  });

  it('are not taken without end', async () => {
    const { registry } = await start();
    const base = `${registry.url}/v2/app`;
    for (let at = 0; at < 20; at += 1) await Promise.all(Array.from({ length: 50 }, () => openUpload(base)));
    const refused = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '10']);
    expect(await refused.text()).toContain('TOOMANYREQUESTS');
  });
});
