import { expect, it } from 'vitest';

import { BodyRoom } from '../../../src/serve/body-room.js';
import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { Room } from '../../../src/serve/room.js';
import { digestOf } from '../../../src/spec/digest.js';

const MiB = 1024 * 1024;
const full = { code: 'E_LIMIT' };

it('content that several have is held once: the later ones get the bytes of the first', () => {
  const room = new Room(10);
  const first = [Buffer.from('0123456789')];
  expect(room.enter('a', first, {})).toBe(first);
  expect(room.enter('a', [Buffer.from('0123456789')], {})).toBe(first);
  expect(room.used).toBe(10);
});

it('what is needed beside content counts, beyond the first MiB', () => {
  const room = new Room(100);
  room.charge(MiB + 60);
  expect(() => room.take(41)).toThrow(expect.objectContaining(full) as Error);
  room.take(40);
  expect(() => room.charge(1)).toThrow(expect.objectContaining(full) as Error);
  room.discharge(MiB);
  room.take(60);
});

it('a registry cannot be filled with what has no bytes: repositories, tags, and blobs of one byte', async () => {
  const storage = new MemoryRegistry({ maxBytes: MiB });
  const count = async (work: (at: number) => Promise<unknown>): Promise<number> => {
    for (let at = 0; at < 10_000; at += 1) {
      const failed = await work(at).then(
        () => false,
        () => true,
      );
      if (failed) return at;
    }
    return Infinity;
  };
  const app = await storage.create('app');
  const push = async (text: string): Promise<void> => {
    const upload = await app.receiveBlob('sha256');
    await upload.write(Buffer.from(text));
    await upload.commit(digestOf(Buffer.from(text)));
  };
  expect(await count((at) => push(String(at)))).toBeLessThan(2_000);
  for (let at = 0; at < 2_000; at += 1) await app.deleteBlob(digestOf(Buffer.from(String(at))));
  expect(storage.usedBytes).toBe(0);
  const bytes = Buffer.from('{}');
  const descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: 2 };
  expect(await count((at) => app.putManifest({ descriptor, bytes }, [`t${at}`]))).toBeLessThan(5_000);
  await app.deleteManifest(descriptor.digest);
  expect(await count((at) => storage.create(`r${at}`))).toBeLessThan(2_000);
});

it('repositories into which the same was pushed share its bytes', async () => {
  const bytes = Buffer.alloc(3_000, 'x');
  const digest = digestOf(bytes);
  const roomy = new MemoryRegistry();
  for (const name of ['a', 'b']) {
    const upload = await (await roomy.create(name)).receiveBlob('sha256');
    await upload.write(bytes);
    await upload.commit(digest);
  }
  expect(roomy.store('b').blocks(digest)?.[0]).toBe(roomy.store('a').blocks(digest)?.[0]);
});

it('large manifests that are pushed at once are refused together, with a word on when to come again', () => {
  const bodies = new BodyRoom();
  bodies.take(32 * MiB);
  bodies.take(0);
  expect(() => bodies.take(1)).toThrow(
    expect.objectContaining({ status: 503, headers: { 'Retry-After': '1' } }) as Error,
  );
  bodies.give(1);
  bodies.take(1);
});
