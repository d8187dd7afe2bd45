import type { ServerResponse } from 'node:http';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { startUpload } from '../../../src/registry/upload-session.js';
import { digestOf } from '../../../src/spec/digest.js';
import { closeEverything, openRepository, openServer, type NotingServer } from './open-repository.js';

const bytes = Buffer.from('a chunk');
const digest = digestOf(bytes);

afterEach(closeEverything);

/** A server that answers at once, but for the methods that are held until the test answers them. */
async function holding(method: string): Promise<{ server: NotingServer; answer: Promise<ServerResponse> }> {
  let hold: (response: ServerResponse) => void = () => undefined;
  const answer = new Promise<ServerResponse>((resolve) => (hold = resolve));
  const server = await openServer((request, response) => {
    request.resume().once('end', () => {
      if (request.method === method) hold(response);
      else response.writeHead(202, { location: '/u/first' }).end();
    });
  });
  return { server, answer };
}

describe('an interruption', () => {
  it.each([undefined, 'other', 'app'])(
    'of the POST that opens an upload (mounting from %s) waits for its name, and cancels it',
    async (mountFrom) => {
      const { server, answer } = await holding('POST');
      const { context } = openRepository(server.origin);
      const controller = new AbortController();
      const started = startUpload(context, digest, mountFrom, { signal: controller.signal });
      const failed = expect(started).rejects.toMatchObject({ code: 'E_ABORTED' });
      const response = await answer;
      controller.abort();
      response.writeHead(202, { location: '/u/late' }).end();
      await failed;
      expect(server.asked).toHaveLength(2);
      expect(server.asked[1]).toBe('DELETE /u/late');
    },
  );

  it('of a PATCH that was sent waits for the name that its upload has now', async () => {
    const { server, answer } = await holding('PATCH');
    const { context } = openRepository(server.origin);
    const controller = new AbortController();
    const start = await startUpload(context, digest, undefined, {});
    if (start.mounted) throw new Error('mounted');
    const body = { length: bytes.length, type: 'x/y', open: () => streamed(bytes) };
    const patched = start.session.append(0, body, true, { signal: controller.signal });
    const response = await answer;
    controller.abort();
    response.writeHead(202, { location: '/u/second' }).end();
    await patched;
    await start.session.cancel();
    expect(server.asked.slice(1)).toEqual(['PATCH /u/first', 'DELETE /u/second']);
  });

  it('sends nothing that was not sent yet', async () => {
    const server = await openServer((_, response) => {
      response.writeHead(429, { 'retry-after': '30' }).end();
    });
    const sleep = vi.fn(() => new Promise<void>(() => undefined));
    const { context } = openRepository(server.origin, { transport: { sleep } });
    const controller = new AbortController();
    sleep.mockImplementation(() => {
      controller.abort();
      return Promise.resolve();
    });
    await expect(
      startUpload(context, digest, undefined, { signal: controller.signal }),
    ).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    expect(server.asked).toHaveLength(1);
  });
});

async function* streamed(piece: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(piece);
}
