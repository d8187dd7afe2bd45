import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { InterimFilter, TooManyInterim } from '../../../src/http/interim-answers.js';
import { INTERIM_ANSWERS } from '../../../src/http/limits.js';
import { closeAll, headOf, listenRaw, openTransport } from './local-server.js';

afterEach(closeAll);

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

/** What a filter passes on of pieces that come behind a request. */
function passed(...pieces: readonly string[]): string {
  const filter = new InterimFilter();
  filter.expect();
  return pieces.map((piece) => filter.take(Buffer.from(piece, 'latin1')).toString('latin1')).join('');
}

describe('InterimFilter', () => {
  it.each([
    ['HTTP/1.1 100 Continue\r\n\r\n'],
    ['HTTP/1.1 100\r\n\r\n'],
    ['HTTP/1.0 100 Continue\r\nServer: x\r\n\r\n'],
    ['HTTP/1.1 102 Processing\r\n\r\n'],
    ['HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n'],
    ['HTTP/1.1 199 Whatever\r\n\r\n'],
  ])('takes out %j, wherever it is cut', (interim) => {
    const text = interim + interim + answer;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 5 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        return passed(...pieces) === answer;
      }),
    );
  });

  it.each([answer, 'HTTP/1.1 101 Switching\r\n\r\nxyz', 'SSH-2.0-x', 'HTTP/2 100\r\n\r\n', 'HT', '\u0000'])(
    'leaves %j as it is',
    (text) => {
      const rest = passed(text);
      expect(text === 'HT' ? '' : text).toBe(rest);
    },
  );

  it('looks at nothing behind the beginning of the answer', () => {
    const body = 'HTTP/1.1 100 Continue\r\n\r\n';
    expect(passed(answer, body)).toBe(answer + body);
    expect(new InterimFilter().take(Buffer.from(body)).toString()).toBe(body);
  });

  it('gives up after too many, and at one that does not end', () => {
    const one = 'HTTP/1.1 103 Early Hints\r\n\r\n';
    expect(passed(one.repeat(INTERIM_ANSWERS) + answer)).toBe(answer);
    expect(() => passed(one.repeat(INTERIM_ANSWERS + 1))).toThrow(TooManyInterim);
    expect(() => passed(`HTTP/1.1 100 Continue\r\n${'x: y\r\n'.repeat(10_000)}`)).toThrow(TooManyInterim);
  });
});

describe('a server that sends interim answers', () => {
  const continued = 'HTTP/1.1 100 Continue\r\n\r\n';
  const hints = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';

  it.each([
    ['100', continued],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['several', continued + hints + continued],
  ])('is understood when nobody asked for them (%s), request after request', async (_what, interim) => {
    const server = await listenRaw((socket) => {
      socket.on('data', () => socket.write(interim + answer));
    });
    const transport = openTransport();
    for (let at = 0; at < 3; at += 1) {
      const response = await transport.send({ method: 'GET', url: server.origin });
      expect((await response.bytes(10)).toString()).toBe('hello');
    }
    expect(server.connections()).toBe(1);
    expect(transport.waits).toEqual([]);
  });

  it('is understood before, in and behind a body that is sent to it', async () => {
    const bytes = Buffer.alloc(600_000, 7);
    let got = 0;
    const server = await listenRaw((socket) => {
      socket.write('');
      socket.once('data', () => socket.write(continued));
      socket.on('data', (data: Buffer) => {
        const before = got;
        got += data.length;
        if (before < 300_000 && got >= 300_000) socket.write(continued);
        if (data.at(-1) === 7 && got > bytes.length) socket.write(continued + answer);
      });
    });
    const body = {
      length: bytes.length,
      type: 'application/octet-stream',
      async *open() {
        yield await Promise.resolve(bytes.subarray(0, 300_000));
        yield bytes.subarray(300_000);
      },
    };
    const transport = openTransport();
    const response = await transport.send({ method: 'PUT', url: server.origin, body, retry: false });
    expect(response.status).toBe(200);
    expect((await response.bytes(10)).toString()).toBe('hello');
  });

  it('is given up when they have no end', async () => {
    const server = await listenRaw((socket) => {
      void headOf(socket).then(() => socket.write(hints.repeat(INTERIM_ANSWERS + 1)));
    });
    const sent = openTransport().send({ method: 'GET', url: server.origin, retry: false });
    await expect(sent).rejects.toMatchObject({ code: 'E_TIMEOUT', retryable: true });
  });

  it('is given up when they come now and then, and the answer never', async () => {
    const timers: NodeJS.Timeout[] = [];
    const server = await listenRaw((socket) => {
      timers.push(setInterval(() => socket.write(continued), 100));
    });
    const transport = openTransport({ idleTimeoutMs: 1_500 });
    const sent = transport.send({ method: 'GET', url: server.origin, retry: false });
    await expect(sent).rejects.toMatchObject({ code: 'E_TIMEOUT' });
    for (const timer of timers) clearInterval(timer);
  });
});
