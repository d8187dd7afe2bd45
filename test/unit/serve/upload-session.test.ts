import { setImmediate } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { UploadSessions } from '../../../src/serve/upload-session.js';

it('a request that waits for another is told when that one has ended the upload', async () => {
  const repository = await new MemoryRegistry().create('app');
  const sessions = new UploadSessions(() => 0);
  const session = await sessions.open('app', () => repository.receiveBlob('sha256'));
  let finish = (): void => undefined;
  const first = session.write({ abort: () => finish() }, async () => {
    await new Promise<void>((resolve) => (finish = resolve));
    sessions.end(session);
  });
  await setImmediate();
  const second = session.write({ abort: () => undefined }, () => Promise.reject(new Error('it ran')));
  await expect(second).rejects.toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
  await first;
  expect(sessions.size).toBe(0);
});
