import { connect, type Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { loopbackSpeaksTls } from '../../../src/http/loopback-scheme.js';
import { testCertificates } from '../../support/certificates.js';
import { closeAll, listen, listenRaw, type LocalServer } from './local-server.js';

afterEach(closeAll);

const limits = { silenceMs: 60, timeoutMs: 3_000 };

/** Answers only what has the form of an HTTP request, and waits for the rest of anything else. */
function patient(answer: string, onRequest: () => void = () => undefined): (socket: Socket) => void {
  return (socket) => {
    let heard = '';
    socket.on('data', (data: Buffer) => {
      heard += data.toString('latin1');
      if (!/^[A-Z]+ .*\r\n\r\n$/s.test(heard)) return;
      onRequest();
      socket.end(answer);
    });
  };
}

const registry = 'HTTP/1.1 401 Unauthorized\r\nDocker-Distribution-Api-Version: registry/2.0\r\n\r\n';

/** Passes everything on to a TLS server, after a while. */
async function slowTls(waitMs: number): Promise<LocalServer> {
  const { server } = await testCertificates();
  const fast = await listen(() => undefined, server);
  return listenRaw((socket) => {
    setTimeout(() => {
      const on = connect(fast.port, '127.0.0.1').on('error', () => socket.destroy());
      socket.pipe(on).pipe(socket);
    }, waitMs);
  });
}

describe('a port of this machine that is silent to TLS', () => {
  it('speaks http when that is what it answers as a registry', async () => {
    const { port } = await listenRaw(patient(registry));
    expect(await loopbackSpeaksTls('127.0.0.1', port, limits)).toBe(false);
  });

  it('speaks http though interim answers come first, which nobody asked for', async () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n';
    const { port } = await listenRaw(patient(interim + registry));
    expect(await loopbackSpeaksTls('127.0.0.1', port, limits)).toBe(false);
  });

  it('is asked for nothing but what a stranger may ask', async () => {
    let request = '';
    const { port } = await listenRaw((socket) => {
      socket.on('data', (data: Buffer) => {
        if (data[0] !== 22) request += data.toString('latin1');
        if (request.endsWith('\r\n\r\n')) socket.end(registry);
      });
    });
    await loopbackSpeaksTls('127.0.0.1', port, limits);
    expect(request).toBe(
      `GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: regferry\r\nConnection: close\r\n\r\n`,
    );
  });

  it('is found though it serves one connection at a time', async () => {
    const line: (() => void)[] = [];
    let busy = false;
    const serve = patient(registry);
    const { port } = await listenRaw((socket) => {
      const start = (): void => {
        busy = true;
        serve(socket);
        socket.resume();
      };
      socket.once('close', () => {
        busy = false;
        line.shift()?.();
      });
      socket.pause();
      if (busy) line.push(start);
      else start();
    });
    expect(await loopbackSpeaksTls('127.0.0.1', port, limits)).toBe(false);
  });

  it.each([30, 90, 150, 400])('speaks TLS when its handshake takes %d ms', async (waitMs) => {
    const { port } = await slowTls(waitMs);
    expect(await loopbackSpeaksTls('127.0.0.1', port, limits)).toBe(true);
  });

  it('is not taken for http by the 400 of a TLS server that is slow', async () => {
    const slow = await slowTls(250);
    const { port } = await listenRaw((socket) => {
      socket.once('data', (first: Buffer) => {
        if (first[0] !== 22) {
          socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
          return;
        }
        const on = connect(slow.port, '127.0.0.1').on('error', () => socket.destroy());
        on.write(first);
        socket.pipe(on).pipe(socket);
      });
    });
    expect(await loopbackSpeaksTls('127.0.0.1', port, limits)).toBe(true);
  });

  it('speaks http when it never speaks TLS, whatever it answers there', async () => {
    const { port } = await listenRaw(patient('HTTP/1.1 503 Service Unavailable\r\n\r\n'));
    expect(await loopbackSpeaksTls('127.0.0.1', port, { silenceMs: 30, timeoutMs: 300 })).toBe(false);
  });

  it('is E_TIMEOUT when it never says anything, and nothing stays open', async () => {
    const server = await listenRaw((socket) => socket.resume());
    const asked = loopbackSpeaksTls('127.0.0.1', server.port, { silenceMs: 30, timeoutMs: 300 });
    await expect(asked).rejects.toMatchObject({ code: 'E_TIMEOUT' });
    await expect.poll(() => server.closed()).toBe(server.connections());
  });

  it('is given up when the signal says so', async () => {
    const server = await listenRaw((socket) => socket.resume());
    const control = new AbortController();
    const asked = loopbackSpeaksTls('127.0.0.1', server.port, { ...limits, signal: control.signal });
    setTimeout(() => control.abort(), 100);
    await expect(asked).rejects.toMatchObject({ code: 'E_ABORTED' });
  });
});

describe('a port of this machine that answers TLS', () => {
  it('is never asked in plain HTTP, not even when its certificate is for nobody', async () => {
    const { expired } = await testCertificates();
    const server = await listen(() => undefined, expired);
    expect(await loopbackSpeaksTls('127.0.0.1', server.port, limits)).toBe(true);
    expect(server.connections()).toBe(1);
  });

  it('speaks http at once when its answer is not TLS', async () => {
    const server = await listen((_request, response) => response.end());
    expect(await loopbackSpeaksTls('127.0.0.1', server.port, limits)).toBe(false);
    expect(server.connections()).toBe(1);
  });
});
