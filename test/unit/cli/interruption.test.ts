import { describe, expect, it } from 'vitest';

import type { ImageDigest } from '../../../src/api/image.js';
import type { ImageOptions } from '../../../src/api/options.js';
import { RegferryError } from '../../../src/errors.js';
import { fakeIo, run } from './fake-io.js';

/** A digest that is never found: it ends when it is told to, as the library would. */
function hanging(_image: unknown, options: ImageOptions = {}): Promise<ImageDigest> {
  return new Promise((_resolve, reject) => {
    options.signal?.addEventListener('abort', () => {
      reject(new RegferryError('E_ABORTED', 'aborted'));
    });
  });
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a run that is ended from outside', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s has exit code %d', async (signal, exit) => {
    const io = fakeIo();
    const running = run(['digest', 'a'], { digest: hanging }, io);
    await settled();
    expect(io.signal(signal)).toBe(true);
    await expect(running).resolves.toEqual({
      exit,
      stdout: '',
      stderr: `regferry: interrupted by ${signal}\n`,
    });
  });

  it('is killed by a second signal', async () => {
    const io = fakeIo();
    const running = run(['digest', 'a'], { digest: hanging }, io);
    await settled();
    io.signal('SIGINT');
    expect(io.signal('SIGINT')).toBe(false);
    await running;
  });

  it('by --timeout has exit code 7', async () => {
    const io = fakeIo();
    const running = run(['digest', '--json', '--timeout', '5m', 'a'], { digest: hanging }, io);
    await settled();
    io.clock.advance(299_999);
    await settled();
    expect(io.stderr.text).toBe('');
    io.clock.advance(1);
    const ran = await running;
    expect(ran).toMatchObject({ exit: 7, stderr: 'regferry: not done after 5 min (--timeout)\n' });
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'E_TIMEOUT', exit: 7 } });
  });

  it('leaves no timer and no listener behind, nor does any other run', async () => {
    const found = { reference: 'a', digest: 'sha256:0', mediaType: 'b', size: 1 };
    const io = fakeIo();
    await run(['digest', '--timeout', '5m', 'a'], { digest: () => Promise.resolve(found) }, io);
    expect(io.clock.pending).toBe(0);
    expect(io.signal('SIGINT')).toBe(false);
  });

  it('succeeds all the same when its work was done by then', async () => {
    const io = fakeIo();
    const found = { reference: 'a', digest: 'sha256:0', mediaType: 'b', size: 1 };
    const ran = await run(
      ['digest', 'a'],
      {
        digest: () => {
          io.signal('SIGINT');
          return Promise.resolve(found);
        },
      },
      io,
    );
    expect(ran).toMatchObject({ exit: 0, stdout: 'sha256:0\n' });
  });
});
