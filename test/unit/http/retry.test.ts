import { setImmediate } from 'node:timers/promises';

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import { EXCUSED_REFUSALS } from '../../../src/http/limits.js';
import { backoffDelay, isRetryableStatus } from '../../../src/http/retry.js';
import { bodyOf, closeAll, listen, listenRaw, openTransport } from './local-server.js';

afterEach(closeAll);

describe('isRetryableStatus', () => {
  it.each([408, 429, 500, 502, 503, 504, 520, 524])('%i may fare better later', (status) => {
    expect(isRetryableStatus(status)).toBe(true);
  });

  it.each([200, 202, 304, 307, 400, 401, 403, 404, 409, 413, 416, 501, 505, 506, 507, 508, 510, 511])(
    '%i will not',
    (status) => {
      expect(isRetryableStatus(status)).toBe(false);
    },
  );
});

describe('backoffDelay', () => {
  it('doubles from 0.5 s to 30 s', () => {
    const widest = Array.from({ length: 9 }, (_, repeat) => backoffDelay(repeat, () => 1));
    expect(widest).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('takes any part of that', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, noNaN: true }), (repeat, random) => {
        const delay = backoffDelay(repeat, () => random);
        return delay >= 0 && delay <= 30_000;
      }),
    );
  });
});

/** Answers with these statuses, one after the other, the last one for ever. */
async function answering(...answers: readonly (number | [number, Record<string, string>])[]) {
  let count = 0;
  const server = await listen((_request, response) => {
    const answer = answers[Math.min(count, answers.length - 1)] ?? 200;
    count += 1;
    const [status, headers] = typeof answer === 'number' ? [answer, {}] : answer;
    response.writeHead(status, headers).end('body');
  });
  return { ...server, count: () => count };
}

describe('a retryable answer', () => {
  it('is tried again until it works', async () => {
    const server = await answering(503, 500, 408, 200);
    const transport = openTransport();
    const response = await transport.send({ method: 'GET', url: `${server.origin}/?sig=canary` });
    expect(response.status).toBe(200);
    expect(transport.waits).toEqual([500, 1000, 2000]);
    expect(transport.events.filter(({ type }) => type === 'retry')).toEqual([
      {
        type: 'retry',
        method: 'GET',
        url: `${server.origin}/?sig=REDACTED`,
        attempt: 1,
        delayMs: 500,
        reason: 'answered 503',
      },
      {
        type: 'retry',
        method: 'GET',
        url: `${server.origin}/?sig=REDACTED`,
        attempt: 2,
        delayMs: 1000,
        reason: 'answered 500',
      },
      {
        type: 'retry',
        method: 'GET',
        url: `${server.origin}/?sig=REDACTED`,
        attempt: 3,
        delayMs: 2000,
        reason: 'answered 408',
      },
    ]);
  });

  it('is the answer after the last try, with its body', async () => {
    const server = await answering(503);
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    expect(response.status).toBe(503);
    expect((await response.bytes(100)).toString()).toBe('body');
    expect(server.count()).toBe(5);
  });

  it.each([0, 1, 7])('is tried again %i times when asked to', async (retries) => {
    const server = await answering(500);
    await openTransport({ retries }).send({ method: 'GET', url: server.origin });
    expect(server.count()).toBe(retries + 1);
  });

  it('is tried once where a repeat is not wanted', async () => {
    const server = await answering(503);
    const response = await openTransport().send({ method: 'PATCH', url: server.origin, retry: false });
    expect(response.status).toBe(503);
    expect(server.count()).toBe(1);
  });

  it.each([400, 401, 404, 413, 501, 505])('is not %i', async (status) => {
    const server = await answering(status);
    expect((await openTransport().send({ method: 'GET', url: server.origin })).status).toBe(status);
    expect(server.count()).toBe(1);
  });

  it('has its endless body cut off', async () => {
    let count = 0;
    const server = await listen((_request, response) => {
      count += 1;
      if (count > 1) return void response.end('ok');
      response.writeHead(503);
      const pump = (): void => void response.write(Buffer.alloc(65_536), (error) => error ?? pump());
      pump();
    });
    const response = await openTransport().send({ method: 'GET', url: server.origin });
    await response.bytes(10);
    await expect.poll(() => server.closed()).toBe(1);
  });

  it('does not use up connections', async () => {
    const server = await answering(503, 503, 503, 200);
    await openTransport().send({ method: 'GET', url: server.origin });
    expect(server.connections()).toBe(1);
  });
});

describe('a broken connection', () => {
  it('is tried again, with the body from its start', async () => {
    let count = 0;
    const bodies: string[] = [];
    const server = await listen((request, response) => {
      count += 1;
      if (count < 3) request.socket.resetAndDestroy();
      else
        void bodyOf(request).then((body) => {
          bodies.push(body);
          response.writeHead(201).end();
        });
    });
    const transport = openTransport();
    const response = await transport.send({
      method: 'PUT',
      url: server.origin,
      body: { length: 4, type: 'a/b', open: () => Buffer.from('four') },
    });
    expect([response.status, bodies]).toEqual([201, ['four']]);
    expect(transport.waits).toEqual([500, 1000]);
    expect(transport.events.filter(({ type }) => type === 'retry')).toMatchObject([
      { reason: expect.stringContaining('closed') as string },
      { reason: expect.stringContaining('closed') as string },
    ]);
  });

  it('is the error after the last try', async () => {
    const server = await listenRaw((socket) => socket.destroy());
    await expect(
      openTransport({ retries: 2 }).send({ method: 'GET', url: server.origin }),
    ).rejects.toMatchObject({
      code: 'E_CUT',
    });
    expect(server.connections()).toBe(3);
  });
});

describe('an answer 429', () => {
  it('pauses the host for all, who then go in the order of their first tries', async () => {
    const came: string[] = [];
    const server = await listen((request, response) => {
      came.push(request.url ?? '');
      response.writeHead(came.length === 1 ? 429 : 200).end();
    });
    const later: Promise<unknown>[] = [];
    const waits: number[] = [];
    const transport = openTransport({
      sleep: async (milliseconds) => {
        waits.push(milliseconds);
        for (const path of ['/2', '/3']) {
          later.push(transport.send({ method: 'GET', url: `${server.origin}${path}` }));
        }
        for (let turn = 0; turn < 20; turn += 1) await setImmediate();
        expect(came).toEqual(['/1']);
        transport.clock.now += milliseconds;
      },
    });
    expect((await transport.send({ method: 'GET', url: `${server.origin}/1` })).status).toBe(200);
    await Promise.all(later);
    expect(waits).toEqual([500]);
    expect(came).toEqual(['/1', '/1', '/2', '/3']);
  });

  it.each([0, 1])('is waited out for the upper half of the usual time (%d)', async (random) => {
    const server = await answering(429, 429, 200);
    const transport = openTransport({ random: () => random });
    await transport.send({ method: 'GET', url: server.origin });
    expect(transport.waits).toEqual(random === 0 ? [250, 500] : [500, 1000]);
  });

  it('leaves a wait for its slot when the transport is closed', async () => {
    const server = await listen(() => undefined);
    const transport = openTransport({ sleep: () => new Promise(() => undefined) });
    const refused = await answering([429, { 'retry-after': '9' }]);
    await transport.send({ method: 'PUT', url: refused.origin, retry: false });
    const waiting = transport.send({ method: 'GET', url: refused.origin });
    const sent = transport.send({ method: 'GET', url: server.origin });
    await Promise.all([
      expect(waiting).rejects.toMatchObject({ code: 'E_ABORTED' }),
      expect(sent).rejects.toMatchObject({ code: 'E_ABORTED' }),
      transport.close(),
    ]);
  });

  it('at a storage host is waited out before the registry is asked for another link', async () => {
    let links = 0;
    const storage = await answering(429, 200);
    const registry = await listen((_request, response) => {
      links += 1;
      response.writeHead(307, { location: `${storage.origin}/?link=${links}` }).end();
    });
    const transport = openTransport();
    const response = await transport.send({ method: 'GET', url: registry.origin });
    expect([response.status, response.url, links]).toEqual([200, `${storage.origin}/?link=2`, 2]);
    expect(transport.waits).toEqual([500]);
  });
});

describe('a request that may be sent again only where it was refused', () => {
  it('is sent again after a 429', async () => {
    const server = await answering(429, [429, { 'retry-after': '2' }], 201);
    const response = await openTransport().send({
      method: 'PUT',
      url: server.origin,
      retry: 'refused',
      body: { length: 1, type: 'x/y', open: () => Buffer.from('x') },
    });
    expect(response.status).toBe(201);
    expect(server.count()).toBe(3);
  });

  it.each([408, 500, [503, { 'retry-after': '1' }] as [number, Record<string, string>]])(
    'is not after %j',
    async (answer) => {
      const server = await answering(answer, 201);
      const response = await openTransport().send({ method: 'PUT', url: server.origin, retry: 'refused' });
      expect(response.status).toBe(Array.isArray(answer) ? answer[0] : answer);
      expect(server.count()).toBe(1);
    },
  );

  it('is not where no answer came', async () => {
    let count = 0;
    const server = await listenRaw((socket) => {
      count += 1;
      socket.destroy();
    });
    const sent = openTransport().send({ method: 'PUT', url: server.origin, retry: 'refused' });
    await expect(sent).rejects.toMatchObject({ retryable: true });
    expect(count).toBe(1);
  });
});

describe('a host that takes requests and refuses some', () => {
  it('is asked more often than there are repeats, and not for ever', async () => {
    const statuses = [429, 429, 200, ...Array.from({ length: 9 }, () => 429), 200, 429];
    const server = await answering(...statuses);
    const transport = openTransport({ retries: 2 });
    const get = () => transport.send({ method: 'GET', url: server.origin });
    expect((await get()).status).toBe(200);
    expect((await get()).status).toBe(200);
    expect(server.count()).toBe(statuses.length - 1);
    expect((await get()).status).toBe(429);
    expect(server.count()).toBeLessThan(statuses.length + EXCUSED_REFUSALS + 3);
  });

  it('is asked once where there are to be no repeats', async () => {
    const server = await answering(429, 429, 200, 429);
    const patient = openTransport();
    expect((await patient.send({ method: 'GET', url: server.origin })).status).toBe(200);
    const once = openTransport({ retries: 0 });
    expect((await once.send({ method: 'GET', url: server.origin })).status).toBe(429);
    expect(server.count()).toBe(4);
  });
});

describe('Retry-After', () => {
  it.each(['GET', 'PUT'] as const)('is obeyed for a %s', async (method) => {
    const server = await answering([429, { 'retry-after': '7' }], 200);
    const transport = openTransport();
    const body = { length: 1, type: 'a/b', open: () => Buffer.from('x') };
    await transport.send({ method, url: server.origin, ...(method === 'PUT' ? { body } : {}) });
    expect(transport.waits).toEqual([7000]);
  });

  it('may be a date', async () => {
    const server = await answering(
      [503, { 'retry-after': 'Tue, 01 Jan 2030 05:00:09 GMT', date: 'Tue, 01 Jan 2030 05:00:00 GMT' }],
      200,
    );
    const transport = openTransport();
    await transport.send({ method: 'GET', url: server.origin });
    expect(transport.waits).toEqual([9000]);
  });

  it.each(['0', 'garbage', 'Mon, 01 Jan 2001 00:00:00 GMT'])('%s leaves the usual wait', async (value) => {
    const server = await answering([503, { 'retry-after': value }], 200);
    const transport = openTransport();
    await transport.send({ method: 'GET', url: server.origin });
    expect(transport.waits).toEqual([500]);
  });

  it('beyond the cap ends the request at once', async () => {
    const server = await answering([429, { 'retry-after': '61' }], 200);
    const transport = openTransport();
    const response = await transport.send({ method: 'GET', url: server.origin });
    expect(response.status).toBe(429);
    expect(transport.waits).toEqual([]);
    expect((await transport.send({ method: 'GET', url: server.origin })).status).toBe(200);
    expect(transport.waits).toEqual([]);
  });

  it('has the cap that the user allows', async () => {
    const server = await answering([429, { 'retry-after': '600' }], 200);
    const transport = openTransport({ maxRetryWaitMs: 600_000 });
    expect((await transport.send({ method: 'GET', url: server.origin })).status).toBe(200);
    expect(transport.waits).toEqual([600_000]);
  });

  it('pauses every request to that host, also after one that is not repeated', async () => {
    const server = await answering([429, { 'retry-after': '5' }], 200);
    const other = await answering(200);
    const transport = openTransport();
    await transport.send({ method: 'PUT', url: server.origin, retry: false });
    await transport.send({ method: 'GET', url: other.origin });
    expect(transport.waits).toEqual([]);
    await transport.send({ method: 'GET', url: server.origin });
    expect(transport.waits).toEqual([5000]);
    await transport.send({ method: 'GET', url: server.origin });
    expect(transport.waits).toEqual([5000]);
  });
});
