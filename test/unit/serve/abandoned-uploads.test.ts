import { request } from 'node:http';
import { connect, type Socket } from 'node:net';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { serveRegistry, type ServedRegistry } from '../../../src/serve/server.js';
import { openUpload } from './pushing.js';

const open: ServedRegistry[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});

interface Started {
  readonly registry: ServedRegistry;
  /** Told of each upload that begins and that is forgotten. */
  readonly begun: () => void;
  readonly forgotten: () => void;
  /** Makes everything older by so many milliseconds, and looks for what is too old. */
  readonly pass: (ms: number) => void;
}

async function start(before: () => Promise<void> = () => Promise.resolve()): Promise<Started> {
  const begun = vi.fn();
  const forgotten = vi.fn();
  const storage = new MemoryRegistry();
  const create = storage.create.bind(storage);
  storage.create = async (name) => {
    const repository = await create(name);
    const receive = repository.receiveBlob.bind(repository);
    repository.receiveBlob = async (algorithm) => {
      await before();
      begun();
      const blob = await receive(algorithm);
      const discard = blob.discard.bind(blob);
      blob.discard = () => {
        forgotten();
        return discard();
      };
      return blob;
    };
    return repository;
  };
  let now = 0;
  let sweep = (): void => undefined;
  const every = (_: number, work: () => void): (() => void) => {
    sweep = work;
    return () => undefined;
  };
  const registry = await serveRegistry({ storage, now: () => now, every });
  open.push(registry);
  const pass = (ms: number): void => {
    now += ms;
    sweep();
  };
  return { registry, begun, forgotten, pass };
}

function post({ port }: ServedRegistry): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n');
  return socket;
}

describe('an upload whose client went away before it knew of it', () => {
  it.each(['resetAndDestroy', 'destroy'] as const)(
    'is forgotten, where it went before the answer (%s)',
    async (leave) => {
      let release = (): void => undefined;
      const reached = vi.fn();
      const { registry, begun, forgotten } = await start(() => {
        reached();
        return new Promise((resolve) => (release = resolve));
      });
      const socket = post(registry);
      await vi.waitFor(() => expect(reached).toHaveBeenCalled(), { interval: 1 });
      socket[leave]();
      // What is answered after it was told that the other connection has ended.
      await fetch(`${registry.url}/v2/`);
      release();
      await vi.waitFor(() => expect(forgotten).toHaveBeenCalledTimes(1), { interval: 1 });
      expect(begun).toHaveBeenCalledTimes(1);
    },
  );

  it('is forgotten in five minutes, where its connection has ended, unless somebody asks for it', async () => {
    const { registry, forgotten, pass } = await start();
    const locations: string[] = [];
    for (let at = 0; at < 2; at += 1) {
      locations.push(
        await new Promise<string>((resolve, reject) => {
          request(`${registry.url}/v2/app/blobs/uploads/`, { method: 'POST', agent: false }, (answer) => {
            answer.resume().once('close', () => resolve(`${registry.url}${answer.headers.location}`));
          })
            .on('error', reject)
            .end();
        }),
      );
    }
    const [kept = ''] = locations;
    expect((await fetch(kept, { method: 'PATCH', body: 'bytes' })).status).toBe(202);
    pass(5 * 60_000 + 1);
    await vi.waitFor(() => expect(forgotten).toHaveBeenCalledTimes(1), { interval: 1 });
    expect((await fetch(kept)).status).toBe(204);
  });
});

it('an upload goes on, where its connection was reset for another request that was given up', async () => {
  const { registry } = await start();
  const socket = post(registry);
  const location = await new Promise<string>((resolve) => {
    socket.once('data', (head: Buffer) => resolve(/^Location: (.*)\r$/im.exec(head.toString())?.[1] ?? ''));
  });
  socket.write('PUT /v2/app/blobs/uploads/x?digest=y HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf');
  socket.resetAndDestroy();
  // What is answered after it was told that the other connection has ended.
  await fetch(`${registry.url}/v2/`);
  expect((await fetch(`${registry.url}${location}`, { method: 'PATCH', body: 'bytes' })).status).toBe(202);
});

it('too many uploads make room for a new one, where one of them has rested for a minute', async () => {
  const { registry, pass } = await start();
  const base = `${registry.url}/v2/app`;
  const first = await openUpload(base);
  const second = await openUpload(base);
  pass(1);
  for (let at = 0; at < 20; at += 1) {
    await Promise.all(Array.from({ length: at === 0 ? 48 : 50 }, () => openUpload(base)));
  }
  expect((await fetch(second)).status).toBe(204);
  expect((await fetch(`${base}/blobs/uploads/`, { method: 'POST' })).status).toBe(429);
  pass(60_000);
  expect((await fetch(`${base}/blobs/uploads/`, { method: 'POST' })).status).toBe(202);
  expect((await fetch(first)).status).toBe(404);
  expect((await fetch(second)).status).toBe(204);
});
