import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { FLOOR_BYTES } from '../../../src/http/limits.js';
import { keepFloor } from '../../../src/http/progress-floor.js';
import { closeAll, headOf, listenRaw, openTransport } from './local-server.js';

afterEach(async () => {
  vi.useRealTimers();
  await closeAll();
});

const MINUTE = 60_000;

/** A body whose window is watched on a clock of the test's, and what was told of it. */
function watched() {
  vi.useFakeTimers();
  const slow: number[] = [];
  const body = new Readable({ read: () => undefined, highWaterMark: 4 * FLOOR_BYTES });
  keepFloor(body, MINUTE, (bytes) => slow.push(bytes));
  return { body, slow };
}

describe('keepFloor', () => {
  it('ends a body that brings less than the floor in a window, though it never stops', () => {
    const { body, slow } = watched();
    for (let at = 0; at < 120 && slow.length === 0; at += 1) {
      body.push(Buffer.from('x'));
      vi.advanceTimersByTime(500);
    }
    expect(slow).toEqual([120]);
  });

  it('leaves a slow line alone for as long as it likes', () => {
    const { body, slow } = watched();
    body.resume();
    for (let at = 0; at < 600; at += 1) {
      body.push(Buffer.alloc(FLOOR_BYTES / 60 + 1));
      vi.advanceTimersByTime(1_000);
    }
    expect(slow).toEqual([]);
  });

  it('counts no time in which the reader holds the body back', () => {
    const { body, slow } = watched();
    expect(body.push(Buffer.alloc(5 * FLOOR_BYTES))).toBe(false);
    vi.advanceTimersByTime(60 * MINUTE);
    expect(slow).toEqual([]);
    body.read();
    vi.advanceTimersByTime(MINUTE - 1);
    expect(slow).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(slow).toEqual([0]);
  });

  it('is over with the body', () => {
    const { body, slow } = watched();
    body.push(Buffer.from('x'));
    body.push(null);
    vi.advanceTimersByTime(2 * MINUTE);
    expect(slow).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('an answer', () => {
  it('that comes a byte at a time is a time-out, which may be tried again', async () => {
    const timers: NodeJS.Timeout[] = [];
    const server = await listenRaw((socket) => {
      void headOf(socket).then(() => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
        timers.push(setInterval(() => socket.write('x'), 100));
      });
    });
    const transport = openTransport({ idleTimeoutMs: 1_000 });
    const response = await transport.send({ method: 'GET', url: server.origin });
    const error: unknown = await response.bytes(10_000_000).catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'E_TIMEOUT', retryable: true });
    expect(String(error)).toMatch(/comes in a trickle, \d+ bytes in 1 s/);
    for (const timer of timers) clearInterval(timer);
  });

  it('that its reader takes slowly is none', async () => {
    const body = Buffer.alloc(2_000_000);
    const server = await listenRaw((socket) => {
      void headOf(socket).then(() => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
        socket.write(body);
      });
    });
    const transport = openTransport({ idleTimeoutMs: 300 });
    const { stream } = await transport.send({ method: 'GET', url: server.origin });
    let length = 0;
    for await (const piece of stream) {
      if (length === 0) await sleep(1_500);
      length += (piece as Buffer).length;
    }
    expect(length).toBe(body.length);
  });
});
