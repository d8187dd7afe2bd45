import { createServer, type Server } from 'node:net';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { manifest, tags } from '../../src/api/image.js';
import { isRegferryError } from '../../src/errors.js';
import { corpus, fuzzRuns, mutated } from './corpus.js';

// Whole answers, byte by byte from a socket, through the real client: whatever comes, the call ends soon, with a result
// or with an error of ours that is no bug.

let server: Server;
let host: string;
let answer: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  host = `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const options = { source: { plainHttp: true }, retries: 0, idleTimeoutMs: 1_000 };

async function ends(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    expect(error.code).not.toBe('E_INTERNAL');
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  }
}

async function listTags(): Promise<number> {
  let count = 0;
  for await (const tag of tags(`${host}/app`, options)) {
    expect(tag).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
    count += 1;
    if (count > 100) break;
  }
  return count;
}

const raw = corpus('http-answer');
const lists = corpus('tags').map(({ name, bytes }) => ({
  name,
  bytes: Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    ),
    bytes,
  ]),
}));

it.each(raw.map(({ name, bytes }) => [name, bytes] as const))('ends after %s', async (_name, bytes) => {
  answer = bytes;
  await ends(() => manifest(`${host}/app:1`, options));
});

it.each(lists.map(({ name, bytes }) => [name, bytes] as const))(
  'lists the tags of %s',
  async (_name, bytes) => {
    answer = bytes;
    await ends(listTags);
  },
);

it('ends after whatever is nearly an answer', async () => {
  const property = fc.asyncProperty(mutated([...raw, ...lists]), async (bytes) => {
    answer = bytes;
    await ends(() => manifest(`${host}/app:1`, options));
    await ends(listTags);
  });
  await fc.assert(property, { numRuns: Math.ceil(fuzzRuns / 2) });
});
