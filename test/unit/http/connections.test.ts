import { readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import net, { type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import type { OriginSettings } from '../../../src/http/connections.js';
import type { TransportOptions } from '../../../src/http/transport.js';
import { testCertificates } from '../../support/certificates.js';
import { closeAll, listen, listenRaw, openTransport, type LocalServer } from './local-server.js';

afterEach(closeAll);

const read = (file: string) => readFileSync(file, 'utf8');

async function get(
  origin: string,
  settings: OriginSettings = {},
  more: Partial<TransportOptions> = {},
): Promise<number> {
  const transport = openTransport({ settings: () => settings, ...more });
  const response = await transport.send({ method: 'GET', url: `${origin}/v2/` });
  await response.discard();
  return response.status;
}

describe('TLS', () => {
  it('accepts a private CA when it is given one, also by name', async () => {
    const { server: pair, ca } = await testCertificates();
    const server = await listen((_request, response) => response.end('ok'), pair);
    expect(await get(server.origin, { ca: [read(ca)] })).toBe(200);
    expect(await get(`https://localhost:${server.port}`, { ca: [read(ca)] })).toBe(200);
  });

  it('refuses a CA that nobody knows, says which option helps, and does not try again', async () => {
    const server = await listen(
      (_request, response) => response.end('ok'),
      (await testCertificates()).server,
    );
    const transport = openTransport();
    await expect(transport.send({ method: 'GET', url: server.origin })).rejects.toMatchObject({
      code: 'E_TLS',
      retryable: false,
      message: expect.stringContaining('unknown CA') as string,
      hint: { code: 'trust-ca' },
    });
    expect(transport.events).toHaveLength(1);
  });

  it('refuses an expired certificate', async () => {
    const { expired, ca } = await testCertificates();
    const server = await listen((_request, response) => response.end('ok'), expired);
    await expect(get(server.origin, { ca: [read(ca)] })).rejects.toMatchObject({
      code: 'E_TLS',
      message: expect.stringContaining('expired') as string,
    });
  });

  it('refuses a certificate for another host', async () => {
    const { client, ca } = await testCertificates();
    const server = await listen((_request, response) => response.end('ok'), client);
    await expect(get(`https://localhost:${server.port}`, { ca: [read(ca)] })).rejects.toMatchObject({
      code: 'E_TLS',
    });
  });

  it('accepts any certificate when told to', async () => {
    const server = await listen(
      (_request, response) => response.end('ok'),
      (await testCertificates()).expired,
    );
    expect(await get(server.origin, { insecure: true })).toBe(200);
  });

  it('shows a client certificate', async () => {
    const { server: pair, ca, client } = await testCertificates();
    const server = await listen((_request, response) => response.end('ok'), { ...pair, clientCa: ca });
    const settings = { ca: [read(ca)], cert: read(client.certificate), key: read(client.key) };
    expect(await get(server.origin, settings)).toBe(200);
  });

  it('says that the other side speaks plain http', async () => {
    const server = await listen((_request, response) => response.end('ok'));
    await expect(get(`https://127.0.0.1:${server.port}`)).rejects.toMatchObject({
      code: 'E_TLS',
      hint: { code: 'plain-http' },
    });
  });

  it('says that the other side speaks TLS', async () => {
    const server = await listen(
      (_request, response) => response.end('ok'),
      (await testCertificates()).server,
    );
    await expect(get(`http://127.0.0.1:${server.port}`, {}, { retries: 0 })).rejects.toMatchObject({
      code: expect.stringMatching(/E_NETWORK|E_CUT/) as string,
    });
  });

  it('calls a certificate that is none a mistake in the configuration', async () => {
    const settings = { cert: 'nonsense canary', key: 'canary' };
    const failing = get('https://127.0.0.1:1', settings);
    await expect(failing).rejects.toMatchObject({ code: 'E_CONFIG' });
    await expect(failing).rejects.toThrow(/^(?!.*canary)/);
  });

  it('asks for the settings of each origin once', async () => {
    const one = await listen((_request, response) => response.end('ok'));
    const two = await listen((_request, response) => response.end('ok'));
    const asked: string[] = [];
    const transport = openTransport({
      settings: (origin) => {
        asked.push(origin);
        return {};
      },
    });
    for (const { origin } of [one, two, one, two])
      await transport.send({ method: 'GET', url: `${origin}/v2/` });
    expect(asked).toEqual([one.origin, two.origin]);
  });
});

interface Proxy extends LocalServer {
  /** Request lines and Proxy-Authorization, in order. */
  readonly seen: (readonly [line: string, authorization: string | undefined])[];
}

/** A proxy that forwards plain http and opens tunnels, or answers them with a status. */
async function openProxy(refuse?: number | 'close'): Promise<Proxy> {
  const seen: (readonly [string, string | undefined])[] = [];
  const note = (request: IncomingMessage) =>
    seen.push([`${request.method ?? ''} ${request.url ?? ''}`, request.headers['proxy-authorization']]);
  const inner = http.createServer((request, response) => {
    note(request);
    if (typeof refuse === 'number') {
      response.writeHead(refuse).end('no');
      return;
    }
    const headers = { ...request.headers };
    delete headers['proxy-authorization'];
    const onward = http.request(request.url ?? '', { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  inner.on('connect', (request: IncomingMessage, socket: Socket) => {
    note(request);
    if (refuse === 'close') return void socket.destroy();
    if (refuse !== undefined) return void socket.end(`HTTP/1.1 ${refuse} No\r\ncontent-length: 0\r\n\r\n`);
    // the made-up name is known to the proxy alone
    const port = Number(/:(\d+)$/.exec(request.url ?? '')?.[1]);
    const onward = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy()).once('close', () => onward.destroy());
  });
  const server = await listenRaw((socket) => void inner.emit('connection', socket));
  return { ...server, seen };
}

describe('a proxy', () => {
  it('gets its password and tunnels https; the registry never sees that password', async () => {
    const { server: pair, ca } = await testCertificates();
    const headers: unknown[] = [];
    const registry = await listen((request, response) => {
      headers.push(request.headers);
      response.end('ok');
    }, pair);
    const proxy = await openProxy();
    const settings = { ca: [read(ca)], proxy: { url: proxy.origin, authorization: 'Basic canary' } };
    expect(await get(`https://registry.test:${registry.port}`, settings)).toBe(200);
    expect(proxy.seen).toEqual([[`CONNECT registry.test:${registry.port}`, 'Basic canary']]);
    expect(JSON.stringify(headers)).not.toContain('canary');
    expect(headers).toMatchObject([{ host: `registry.test:${registry.port}` }]);
  });

  it('forwards plain http without a tunnel', async () => {
    const headers: unknown[] = [];
    const registry = await listen((request, response) => {
      headers.push(request.headers);
      response.end('ok');
    });
    const proxy = await openProxy();
    const settings = { proxy: { url: proxy.origin, authorization: 'Basic canary' } };
    expect(await get(registry.origin, settings)).toBe(200);
    expect(proxy.seen).toEqual([[`GET ${registry.origin}/v2/`, 'Basic canary']]);
    expect(JSON.stringify(headers)).not.toContain('canary');
  });

  it('does not weaken the check of the certificate', async () => {
    const registry = await listen(
      (_request, response) => response.end('ok'),
      (await testCertificates()).server,
    );
    const proxy = await openProxy();
    await expect(
      get(`https://registry.test:${registry.port}`, { proxy: { url: proxy.origin } }),
    ).rejects.toMatchObject({ code: 'E_TLS' });
  });

  it('carries uploads', async () => {
    const { server: pair, ca } = await testCertificates();
    let got = 0;
    const registry = await listen((request, response) => {
      request
        .on('data', (data: Buffer) => (got += data.length))
        .on('end', () => response.writeHead(201).end());
    }, pair);
    const proxy = await openProxy();
    const transport = openTransport({ settings: () => ({ ca: [read(ca)], proxy: { url: proxy.origin } }) });
    const open = async function* () {
      for (let i = 0; i < 32; i += 1) yield await Promise.resolve(Buffer.alloc(65_536));
    };
    const response = await transport.send({
      method: 'PUT',
      url: `https://registry.test:${registry.port}/`,
      body: { length: 32 * 65_536, type: 'a/b', open },
    });
    expect([response.status, got]).toEqual([201, 32 * 65_536]);
  });

  it.each(['https://registry.test', 'http://registry.test'])(
    'that wants a password says so (%s)',
    async (origin) => {
      const proxy = await openProxy(407);
      const failing = get(origin, { proxy: { url: proxy.origin } });
      await expect(failing).rejects.toMatchObject({
        code: 'E_UNAUTHORIZED',
        retryable: false,
        message: expect.stringContaining('the proxy wants a user name and password') as string,
      });
      expect(proxy.seen).toHaveLength(1);
    },
  );

  it.each([
    [403, 1, false],
    [502, 3, true],
  ])('that refuses the tunnel with %i is asked %i times', async (status, times, retryable) => {
    const proxy = await openProxy(status);
    const failing = get('https://registry.test', { proxy: { url: proxy.origin } }, { retries: 2 });
    await expect(failing).rejects.toMatchObject({ code: 'E_NETWORK', status, retryable });
    expect(proxy.seen).toHaveLength(times);
  });

  it('that closes the connection instead of opening a tunnel is asked as often as wanted, not for ever', async () => {
    const proxy = await openProxy('close');
    const failing = get('https://registry.test', { proxy: { url: proxy.origin } }, { retries: 2 });
    await expect(failing).rejects.toMatchObject({ code: 'E_CUT' });
    expect(proxy.seen).toHaveLength(3);
  });

  it('that does not listen is named', async () => {
    const proxy = await openProxy();
    await closeAll();
    const failing = get('https://registry.test', { proxy: { url: proxy.origin } }, { retries: 0 });
    await expect(failing).rejects.toMatchObject({
      code: 'E_NETWORK',
      message: expect.stringContaining('(at the proxy)') as string,
    });
  });

  it('that never answers is given up in time', async () => {
    const proxy = await listenRaw(() => undefined);
    const settings = { proxy: { url: proxy.origin } };
    const failing = get('https://registry.test', settings, { retries: 0, connectTimeoutMs: 100 });
    await expect(failing).rejects.toMatchObject({ code: 'E_TIMEOUT' });
  });

  it('leaves no connection behind after close', async () => {
    const { server: pair, ca } = await testCertificates();
    const registry = await listen((_request, response) => response.end('ok'), pair);
    const proxy = await openProxy();
    const silent = await listenRaw((socket) => void socket.resume());
    const transport = openTransport({
      settings: (origin) => ({
        ca: [read(ca)],
        proxy: { url: origin.includes('silent') ? silent.origin : proxy.origin },
      }),
    });
    await transport.send({ method: 'GET', url: `https://registry.test:${registry.port}/` });
    const stuck = transport.send({ method: 'GET', url: 'https://silent.test/' });
    stuck.catch(() => undefined);
    await expect.poll(() => silent.connections()).toBe(1);
    await transport.close();
    await expect(stuck).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect
      .poll(() => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length)
      .toBe(0);
  });
});

describe('addresses', () => {
  async function target(): Promise<LocalServer> {
    return listen((_request, response) => response.end('inside'));
  }

  it.each(['127.0.0.1', 'localhost'])('a public registry may not send us to %s', async (host) => {
    const server = await target();
    const transport = openTransport({ retries: 0 });
    const url = `http://${host}:${server.port}/`;
    const sending = transport.send({ method: 'PUT', url, registryOrigin: 'https://registry.example' });
    await expect(sending).rejects.toMatchObject({
      code: 'E_REFUSED',
      message: expect.stringContaining('loopback') as string,
      hint: { code: 'allow-private' },
    });
    expect(server.connections()).toBe(0);
  });

  it.each(['http://0x7f.1', 'http://2130706433', 'http://127.1'])('nor under the name %s', async (host) => {
    const server = await target();
    const request = {
      method: 'GET',
      url: `${host}:${server.port}/`,
      registryOrigin: 'https://registry.example',
    } as const;
    await expect(openTransport().send(request)).rejects.toMatchObject({ code: 'E_REFUSED' });
    expect(server.connections()).toBe(0);
  });

  it('unless that is allowed', async () => {
    const { origin } = await target();
    const transport = openTransport({ allowPrivateRedirects: true });
    const request = { method: 'GET', url: origin, registryOrigin: 'https://registry.example' } as const;
    expect((await transport.send(request)).status).toBe(200);
  });

  it('a connection made without the rule is not used under it', async () => {
    const { origin } = await target();
    const transport = openTransport();
    await (await transport.send({ method: 'GET', url: origin })).discard();
    const request = { method: 'GET', url: origin, registryOrigin: 'https://registry.example' } as const;
    await expect(transport.send(request)).rejects.toMatchObject({ code: 'E_REFUSED' });
  });

  it.each([true, false])(
    'link-local is never allowed (private allowed: %s)',
    async (allowPrivateRedirects) => {
      const registry = await listen((_request, response) => {
        response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end();
      });
      const transport = openTransport({ allowPrivateRedirects, connectTimeoutMs: 200, retries: 0 });
      await expect(transport.send({ method: 'GET', url: registry.origin })).rejects.toMatchObject({
        code: 'E_REFUSED',
        message: expect.stringContaining('169.254.169.254 is link-local') as string,
      });
    },
  );

  it('a loopback registry may send us to its own kind, also when it is known by name only', async () => {
    const storage = await target();
    const registry = await listen((_request, response) => {
      response.writeHead(307, { location: storage.origin }).end();
    });
    const transport = openTransport();
    const url = `http://localhost:${registry.port}/`;
    expect((await transport.send({ method: 'GET', url })).status).toBe(200);
  });

  it('a registry that was never met counts as public', async () => {
    const storage = await target();
    const request = { method: 'GET', url: storage.origin, registryOrigin: 'http://localhost:1' } as const;
    await expect(openTransport().send(request)).rejects.toMatchObject({ code: 'E_REFUSED' });
  });

  it('the own origin of the registry is not foreign', async () => {
    const origin = `http://localhost:${(await target()).port}`;
    const request = { method: 'GET', url: `${origin}/x`, registryOrigin: `${origin}/` } as const;
    expect((await openTransport().send(request)).status).toBe(200);
  });

  it('literal addresses are refused through a proxy, too', async () => {
    const proxy = await openProxy();
    const { origin } = await target();
    const transport = openTransport({ settings: () => ({ proxy: { url: proxy.origin } }) });
    const request = { method: 'GET', url: origin, registryOrigin: 'https://registry.example' } as const;
    await expect(transport.send(request)).rejects.toMatchObject({ code: 'E_REFUSED' });
    expect(proxy.seen).toEqual([]);
  });
});
