import { describe, expect, it } from 'vitest';

import type { ServeRegistryOptions } from '../../../../src/api/serve.js';
import type { Api } from '../../../../src/cli/api.js';
import { RegferryError } from '../../../../src/errors.js';
import { fakeIo, type FakeIo, type Ran, run } from '../fake-io.js';

interface Served {
  readonly io: FakeIo;
  readonly api: Pick<Api, 'serve'>;
  readonly seen: ServeRegistryOptions[];
  readonly calls: string[];
}

function serving(): Served {
  const served: Served = {
    io: fakeIo(),
    seen: [],
    calls: [],
    api: {
      serve: (options) => {
        served.seen.push(options ?? {});
        const note = (what: string): Promise<void> => {
          served.calls.push(what);
          return Promise.resolve();
        };
        const close = (): Promise<void> => note('close');
        const stop = (): Promise<void> => note('stop');
        return Promise.resolve({
          host: 'localhost:5000',
          url: 'http://127.0.0.1:5000',
          port: 5000,
          close,
          stop,
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
      stderr:
        'a registry in memory listens on http://127.0.0.1:5000; end it with Ctrl-C\n' +
        'GET /v2/ 200 2 B 3 ms\nstopping\n',
    });
    expect(served.seen[0]).toMatchObject({ host: '127.0.0.1', port: 5000, maxBytes: undefined });
    expect(served.calls).toEqual(['stop', 'close']);
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
      expect(stderr).toMatch(/^regferry: warning: whoever is on the way/m);
    },
  );

  it('warns of what is missing alone', async () => {
    const warned = async (...options: string[]): Promise<string[]> => {
      const { stderr } = await serveUntil('SIGINT', serving(), '--addr', '0.0.0.0:1', ...options);
      return stderr.match(/(?<=warning: ).*/g) ?? [];
    };
    const tls = ['--tls-cert', 'c', '--tls-key', 'k'];
    expect(await warned(...tls, '--htpasswd', 'u')).toEqual([]);
    expect(await warned('--htpasswd', 'u')).toEqual([expect.stringContaining('there is no TLS') as unknown]);
    expect(await warned(...tls, '--read-only')).toEqual([
      'whoever can reach 0.0.0.0 may read here: there are no passwords (--htpasswd)',
    ]);
  });

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

  it('hands on what it is given', async () => {
    const served = serving();
    const files = ['--tls-cert', 'cert.pem', '--tls-key', 'key.pem', '--htpasswd', 'users'];
    const { stderr } = await serveUntil('SIGINT', served, 'air', '--read-only', '--sparse', ...files);
    expect(served.seen[0]).toMatchObject({
      folder: 'air',
      readOnly: true,
      sparse: true,
      tlsCertFile: 'cert.pem',
      tlsKeyFile: 'key.pem',
      htpasswdFile: 'users',
    });
    expect(stderr).toContain('a registry over the layouts in air listens on');
  });

  it.each([
    [['--tls-cert', 'cert.pem'], '--tls-cert and --tls-key belong together'],
    [['--tls-key', 'key.pem'], '--tls-cert and --tls-key belong together'],
    [['air', '--max-size', '1GiB'], '--max-size is about memory'],
    [['air', 'water'], ''],
  ])('refuses %j', async (words, message) => {
    const ran = await run(['serve', ...words]);
    expect(ran).toMatchObject({ exit: 2, stdout: '' });
    expect(ran.stderr).toContain(message);
  });

  it('shows requests as facts too, and none when it is to be quiet', async () => {
    const { stderr } = await serveUntil('SIGINT', serving(), '--log-format', 'json');
    const records = stderr.split('\n').filter((line) => line.includes('"method"'));
    expect(records).toHaveLength(1);
    expect(JSON.parse(records.join())).toMatchObject({
      method: 'GET',
      path: '/v2/',
      status: 200,
      bytesIn: 0,
      bytesOut: 2,
      ms: 3,
    });
    const served = serving();
    const running = run(['serve', '--quiet'], served.api, served.io);
    await served.io.stdout.shows('localhost');
    served.seen[0]?.onRequest?.({ method: 'GET', url: '/', status: 200, bytesIn: 0, bytesOut: 2, ms: 3 });
    served.io.signal('SIGTERM');
    expect((await running).stderr).toBe('');
  });

  it('takes control characters out of what is asked, and tells what goes wrong', async () => {
    const served = serving();
    const running = run(['serve'], served.api, served.io);
    await served.io.stderr.shows('listens');
    const url = '/v2/\u001b[31m\u009b1mx\r\nGET /forged 200';
    served.seen[0]?.onRequest?.({ method: 'GET', url, status: 404, bytesIn: 0, bytesOut: 0, ms: 0.4 });
    served.seen[0]?.onError?.(new Error('disk on fire'));
    served.io.signal('SIGTERM');
    const { stderr } = await running;
    expect(stderr).toContain('GET /v2/[31m1mx GET /forged 200 404 0 B 0 ms\n');
    expect(stderr).toContain('regferry: disk on fire\n');
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
