import { createServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { speaksTls } from '../../../src/http/scheme-probe.js';
import { testCertificates } from '../../support/certificates.js';
import { closeAll, listen, listenRaw } from './local-server.js';

afterEach(closeAll);

/** As it is said of every connection. */
const REFUSED =
  'the connection was refused: nothing listens there; check the port, and whether the registry runs';

describe('speaksTls', () => {
  it('is true for a certificate that nobody knows', async () => {
    const server = await listen(() => undefined, (await testCertificates()).server);
    expect(await speaksTls('127.0.0.1', server.port)).toBe(true);
    expect(await speaksTls('localhost', server.port)).toBe(true);
  });

  it('is true for an expired certificate', async () => {
    const server = await listen(() => undefined, (await testCertificates()).expired);
    expect(await speaksTls('127.0.0.1', server.port)).toBe(true);
  });

  it('is true for a server that wants a client certificate', async () => {
    const { server: pair, ca } = await testCertificates();
    const server = await listen(() => undefined, { ...pair, clientCa: ca });
    expect(await speaksTls('127.0.0.1', server.port)).toBe(true);
  });

  it('is true for a server that answers with an alert', async () => {
    const server = createServer({}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      expect(await speaksTls('127.0.0.1', (server.address() as AddressInfo).port)).toBe(true);
    } finally {
      server.close();
    }
  });

  it('is false for an http server', async () => {
    const server = await listen((_request, response) => response.end('hello'));
    expect(await speaksTls('127.0.0.1', server.port)).toBe(false);
  });

  it.each(['HTTP/1.0 400 Bad Request\r\n\r\n', 'SSH-2.0-x\r\n', '\u0000\u0000\u0000', 'x'.repeat(100)])(
    'is false for the answer %j',
    async (answer) => {
      const server = await listenRaw((socket) => void socket.once('data', () => socket.end(answer)));
      expect(await speaksTls('127.0.0.1', server.port)).toBe(false);
    },
  );

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'is false for a close before the handshake (%s)',
    async (how) => {
      const server = await listenRaw((socket) => void socket.once('data', () => socket[how]()));
      expect(await speaksTls('127.0.0.1', server.port)).toBe(false);
    },
  );

  it('throws E_NETWORK when nothing listens', async () => {
    const server = await listenRaw(() => undefined);
    await closeAll();
    await expect(speaksTls('127.0.0.1', server.port)).rejects.toMatchObject({
      code: 'E_NETWORK',
      retryable: true,
      message: `127.0.0.1:${server.port} cannot be reached: ${REFUSED}`,
    });
  });

  it('throws E_TIMEOUT when nothing is answered', async () => {
    const server = await listenRaw(() => undefined);
    await expect(speaksTls('127.0.0.1', server.port, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'E_TIMEOUT',
    });
  });

  it('throws E_ABORTED when told to', async () => {
    const server = await listenRaw(() => undefined);
    const control = new AbortController();
    const probing = speaksTls('127.0.0.1', server.port, { signal: control.signal });
    control.abort();
    await expect(probing).rejects.toMatchObject({ code: 'E_ABORTED' });
    await expect(speaksTls('127.0.0.1', server.port, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
  });

  it('sends no request and leaves no connection open', async () => {
    let requests = 0;
    const server = await listen(() => (requests += 1), (await testCertificates()).server);
    await speaksTls('127.0.0.1', server.port);
    await expect.poll(() => server.closed()).toBe(1);
    expect(requests).toBe(0);
  });
});
