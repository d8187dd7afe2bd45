import { describe, expect, it } from 'vitest';

import type { ServeRegistryOptions } from '../../../../src/api/serve.js';
import type { Api } from '../../../../src/cli/api.js';
import { RegferryError } from '../../../../src/errors.js';
import { fakeIo, type FakeIo, type Ran, run } from '../fake-io.js';

interface Served {
  readonly io: FakeIo;
  readonly api: Pick<Api, 'serve'>;
  readonly seen: ServeRegistryOptions[];
  closed: number;
}

function serving(): Served {
  const served: Served = {
    io: fakeIo(),
    seen: [],
    closed: 0,
    api: {
      serve: (options) => {
        served.seen.push(options ?? {});
        const close = (): Promise<void> => {
          served.closed += 1;
          return Promise.resolve();
        };
        return Promise.resolve({
          host: 'localhost:5000',
          url: 'http://127.0.0.1:5000',
          port: 5000,
          close,
          stop: close,
        });
      },
    },
  };
  return served;
}

async function serveUntil(signal: 'SIGINT' | 'SIGTERM', served: Served, ...options: string[]): Promise<Ran> {
  const running = run(['serve', ...options], served.api, served.io);
  await served.io.stderr.shows('listens');
  served.seen[0]?.onRequest?.({ method: 'GET', url: '/v2/', status: 200, bytesIn: 0, bytesOut: 2, ms: 3 });
  served.io.signal(signal);
  return running;
}

describe('serve', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('tells where it listens, and ends well on %s', async (signal) => {
    const served = serving();
    await expect(serveUntil(signal, served)).resolves.toEqual({
      exit: 0,
      stdout: 'localhost:5000\n',
      stderr: 'a registry in memory listens on http://127.0.0.1:5000; end it with Ctrl-C\n',
    });
    expect(served.seen[0]).toMatchObject({ host: '127.0.0.1', port: 5000, maxBytes: undefined });
    expect(served.closed).toBe(1);
  });

  it.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('listens at %s without a warning', async (address, where) => {
    const served = serving();
    const { stderr } = await serveUntil('SIGINT', served, '--addr', address);
    expect(served.seen[0]).toMatchObject(where);
    expect(stderr).not.toContain('warning');
  });

  it.each(['0.0.0.0:5000', '[::]:5000', '192.0.2.1:5000', 'build.example:5000'])(
    'warns where others can reach it: %s',
    async (address) => {
      const { stderr } = await serveUntil('SIGINT', serving(), '--addr', address);
      expect(stderr).toMatch(/^regferry: warning: whoever can reach \S+ may read and write here/);
    },
  );

  it.each(['5000', ':5000', '127.0.0.1', '127.0.0.1:x', '127.0.0.1:65536', '::1:5000', 'a b:1', ''])(
    'refuses the address "%s"',
    async (address) => {
      const ran = await run(['serve', `--addr=${address}`]);
      expect(ran.exit).toBe(2);
      expect(ran.stderr).toMatch(/^regferry: --addr (must be|needs a value)/);
    },
  );

  it('takes a limit', async () => {
    const served = serving();
    await serveUntil('SIGINT', served, '--max-size', '1GiB');
    expect(served.seen[0]).toMatchObject({ maxBytes: 1_073_741_824 });
  });

  it('shows requests at debug level', async () => {
    const { stderr } = await serveUntil('SIGINT', serving(), '--log-level', 'debug');
    expect(stderr).toContain('+0.000s GET /v2/ 200 (in 0 B, out 2 B)\n');
  });

  it('does not serve a folder yet', async () => {
    const ran = await run(['serve', 'layout']);
    expect(ran).toMatchObject({ exit: 2, stdout: '' });
    expect(ran.stderr).toMatch(/^regferry: serving a folder is not there yet/);
  });

  it('says when the port is taken', async () => {
    const error = new RegferryError('E_LISTEN', 'cannot listen on 127.0.0.1:5000: the port is taken');
    const ran = await run(['serve'], { serve: () => Promise.reject(error) });
    expect(ran).toEqual({
      exit: 2,
      stdout: '',
      stderr: 'regferry: cannot listen on 127.0.0.1:5000: the port is taken\n',
    });
  });
});
