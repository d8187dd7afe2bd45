import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import type { OpenBlob } from '../../../src/content/store.js';
import { WINDOW_BYTES } from '../../../src/copy/follower.js';
import { resuming } from '../../../src/graph/resuming.js';
import { SharedRead, type Seat } from '../../../src/copy/shared-read.js';
import { RegferryError } from '../../../src/errors.js';
import { blob } from '../../support/fixtures.js';
import { descriptorOf, failureOf, read } from '../registry/open-repository.js';
import { alarms, settled } from './recorded-store.js';

const PIECE = 64 * 1024;
const bytes = blob(5 * WINDOW_BYTES, 3);
const cut = new RegferryError('E_CUT', 'cut', { retryable: true });
const resume = { retries: 3, backoff: () => Promise.resolve() };

/** A source that notes how it is read; each opening may break off after so many bytes, or hand out others. */
function sourceOf(content: Buffer, breaks: readonly number[] = []) {
  const opened: { offset: number; given: number; stream: Readable }[] = [];
  const open: OpenBlob = ({ offset = 0 }) => {
    const end = Math.min(content.length, offset + (breaks[opened.length] ?? Infinity));
    let at = offset;
    const stream = new Readable({
      highWaterMark: PIECE,
      read() {
        if (at >= end) {
          if (end < content.length) this.destroy(cut);
          else this.push(null);
          return;
        }
        const piece = content.subarray(at, Math.min(end, at + PIECE));
        at += piece.length;
        note.given += piece.length;
        this.push(piece);
      },
    });
    const note = { offset, given: 0, stream };
    opened.push(note);
    return Promise.resolve(stream);
  };
  return { opened, open };
}

/** A shared read for so many, and what each of them does with its seat. */
function shared(source: { open: OpenBlob }, seats: number, of: Buffer = bytes) {
  const patience = alarms();
  const stalled: number[] = [];
  const descriptor = descriptorOf(of);
  const whole = new SharedRead({ descriptor, open: resuming(source.open, descriptor, resume), patience });
  const taken = Array.from({ length: seats }, (_, at) => whole.seat(() => stalled.push(at)));
  const open = (seat: Seat, signal?: AbortSignal): Promise<Readable> =>
    resuming((options) => seat.open(options) ?? source.open(options), descriptor, resume)({ signal });
  return { patience, stalled, seats: taken as [Seat, Seat, ...Seat[]], open };
}

/** Reads so much and no further. */
async function take(stream: Readable, count: number): Promise<void> {
  for (let left = count; left > 0;) {
    const piece: unknown = stream.read();
    if (piece instanceof Uint8Array) left -= piece.length;
    else await new Promise((resolve) => stream.once('readable', resolve));
  }
}

async function checked(stream: Promise<Readable>): Promise<boolean> {
  return (await read(await stream)).equals(bytes);
}

describe('a blob that several read together', () => {
  it.each([2, 3, 7])('is opened once for %i, and each gets all of it', async (count) => {
    const source = sourceOf(bytes);
    const { seats, open } = shared(source, count);
    const got = await Promise.all(seats.map((seat) => checked(open(seat))));
    expect(got).toEqual(seats.map(() => true));
    expect(source.opened.map(({ offset }) => offset)).toEqual([0]);
    expect(source.opened[0]?.stream.destroyed).toBe(true);
  });

  it('is not opened before all have come', async () => {
    const source = sourceOf(bytes);
    const { seats, open } = shared(source, 3);
    const early = [checked(open(seats[0])), checked(open(seats[1]))];
    await settled();
    expect(source.opened).toHaveLength(0);
    expect(seats.map((seat) => seat.isAwaited())).toEqual([false, false, true]);
    const last = checked(open(seats[2] ?? seats[0]));
    expect(await Promise.all([...early, last])).toEqual([true, true, true]);
  });

  it('is opened when those that had not come leave or are excused', async () => {
    const source = sourceOf(bytes);
    const { seats, open } = shared(source, 3);
    const first = checked(open(seats[0]));
    seats[1].leave();
    await settled();
    expect(source.opened).toHaveLength(0);
    seats[2]?.excuse();
    expect(await first).toBe(true);
    // who was not waited for reads alone
    expect(seats[2]?.open({})).toBeUndefined();
  });

  it('is read alone by whoever opens it again, or from elsewhere than its start', async () => {
    const source = sourceOf(bytes);
    const { seats, open } = shared(source, 2);
    const both = [checked(open(seats[0])), checked(open(seats[1]))];
    expect(seats[0].open({})).toBeUndefined();
    await Promise.all(both);
    const other = shared(source, 2);
    expect(other.seats[0].open({ offset: 5 })).toBeUndefined();
    expect(await checked(other.open(other.seats[1]))).toBe(true);
  });

  it('may be empty', async () => {
    const none = Buffer.alloc(0);
    const source = sourceOf(none);
    const { seats, open } = shared(source, 2, none);
    const got = await Promise.all(seats.map(async (seat) => read(await open(seat))));
    expect(got.map(({ length }) => length)).toEqual([0, 0]);
  });

  it('that cannot be opened fails for all of them', async () => {
    const missing = new RegferryError('E_NOT_FOUND', 'gone', { side: 'source' });
    const { seats, open } = shared({ open: () => Promise.reject(missing) }, 2);
    const errors = await Promise.all(seats.map((seat) => failureOf(open(seat))));
    expect(errors).toEqual([missing, missing]);
  });
});

describe('the pace', () => {
  it('is that of the slowest, within a window', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience } = shared(source, 2);
    const [fast, slow] = await Promise.all([open(seats[0]), open(seats[1])]);
    const all = read(fast);
    const bound = WINDOW_BYTES + 6 * PIECE;
    for (let position = 0; position < bytes.length; position += PIECE * 4) {
      await settled();
      expect(source.opened[0]?.given).toBeLessThanOrEqual(position + bound);
      await take(slow, PIECE * 4);
    }
    expect((await all).equals(bytes)).toBe(true);
    expect(patience.set()).toBe(0);
  });

  it('is nobody else’s for one that stalls: it goes on alone where it was, when it reads on', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience, stalled } = shared(source, 2);
    const [fast, slow] = await Promise.all([open(seats[0]), open(seats[1])]);
    const all = read(fast);
    await take(slow, PIECE);
    await settled();
    expect(patience.set()).toBe(1);
    patience.ring();
    expect((await all).equals(bytes)).toBe(true);
    expect(stalled).toEqual([1]);
    expect(source.opened).toHaveLength(1);
    expect((await read(slow)).equals(bytes.subarray(PIECE))).toBe(true);
    expect(source.opened.map(({ offset }) => offset > 0)).toEqual([false, true]);
    expect(patience.set()).toBe(0);
  });

  it('is no reason to leave anybody behind when all of them stall', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience, stalled } = shared(source, 2);
    const streams = await Promise.all([open(seats[0]), open(seats[1])]);
    for (const stream of streams) stream.read(0);
    await settled();
    patience.ring();
    patience.ring();
    expect(stalled).toEqual([]);
    const got = await Promise.all(streams.map(read));
    expect(got.every((content) => content.equals(bytes))).toBe(true);
    expect(source.opened).toHaveLength(1);
  });

  it('is forgotten as soon as something is taken', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience, stalled } = shared(source, 2);
    const [fast, slow] = await Promise.all([open(seats[0]), open(seats[1])]);
    const all = read(fast);
    slow.read(0);
    await settled();
    expect(patience.set()).toBe(1);
    await take(slow, PIECE * 6);
    await settled();
    // the wait for what it takes next is a new one
    expect(patience.count()).toBeGreaterThan(1);
    await Promise.all([all, read(slow)]);
    expect(stalled).toEqual([]);
  });

  it('that was lost costs no retry, even where there are none', async () => {
    const source = sourceOf(bytes);
    const patience = alarms();
    const descriptor = descriptorOf(bytes);
    const none = { retries: 0, backoff: () => Promise.reject(new Error('no wait is due')) };
    const whole = new SharedRead({ descriptor, open: source.open, patience });
    const seats = [whole.seat(() => undefined), whole.seat(() => undefined)];
    const [fast, slow] = await Promise.all(
      seats.map((seat) =>
        resuming((options) => seat.open(options) ?? source.open(options), descriptor, none)({}),
      ),
    );
    const all = fast && read(fast);
    slow?.read(0);
    await settled();
    patience.ring();
    await all;
    expect(slow && (await read(slow)).equals(bytes)).toBe(true);
  });
});

describe('one that leaves', () => {
  it('in the middle does not hurt the others', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience } = shared(source, 3);
    const [first, second, third] = await Promise.all(seats.map((seat) => open(seat)));
    const all = [first, third].map(async (stream) => stream && read(stream));
    if (second !== undefined) await take(second, PIECE);
    await settled();
    second?.destroy();
    const got = await Promise.all(all);
    expect(got.map((content) => content?.equals(bytes))).toEqual([true, true]);
    expect(source.opened).toHaveLength(1);
    expect(patience.set()).toBe(0);
  });

  it('as the last closes the source', async () => {
    const source = sourceOf(bytes);
    const { seats, open, patience } = shared(source, 2);
    const streams = await Promise.all([open(seats[0]), open(seats[1])]);
    for (const stream of streams) await take(stream, PIECE);
    streams[0].destroy();
    await settled();
    expect(source.opened[0]?.stream.destroyed).toBe(false);
    seats[1].leave();
    await settled();
    expect(source.opened[0]?.stream.destroyed).toBe(true);
    expect(patience.set()).toBe(0);
    for (const stream of streams) stream.destroy();
  });

  it('while the source is being opened closes it once it is', async () => {
    let opened: ((stream: Readable) => void) | undefined;
    let signal: AbortSignal | undefined;
    const open: OpenBlob = (options) => {
      signal = options.signal;
      return new Promise((resolve) => (opened = resolve));
    };
    const control = new AbortController();
    const { seats, open: openSeat } = shared({ open }, 2);
    const both = seats.map((seat) => failureOf(openSeat(seat, control.signal)));
    await settled();
    control.abort(new RegferryError('E_ABORTED', 'stop'));
    expect((await Promise.all(both)).map(({ message }) => message)).toEqual(['stop', 'stop']);
    expect(signal?.aborted).toBe(true);
    const stream = Readable.from([bytes], { objectMode: false });
    opened?.(stream);
    await settled();
    expect(stream.destroyed).toBe(true);
  });

  it('while it waits for the others stops waiting', async () => {
    const source = sourceOf(bytes);
    const control = new AbortController();
    const { seats, open } = shared(source, 2);
    const waiting = failureOf(open(seats[0], control.signal));
    control.abort(new RegferryError('E_ABORTED', 'stop'));
    expect((await waiting).message).toBe('stop');
    expect(await checked(open(seats[1]))).toBe(true);
  });

  it('before it came gets nothing', async () => {
    const source = sourceOf(bytes);
    const { seats, open } = shared(source, 2);
    const control = new AbortController();
    control.abort(new RegferryError('E_ABORTED', 'stop'));
    expect((await failureOf(open(seats[0], control.signal))).message).toBe('stop');
    expect(await checked(open(seats[1]))).toBe(true);
  });
});

describe('a source that breaks', () => {
  it('is taken up again once for all', async () => {
    const source = sourceOf(bytes, [3 * PIECE + 17]);
    const { seats, open } = shared(source, 3);
    const got = await Promise.all(seats.map((seat) => checked(open(seat))));
    expect(got).toEqual([true, true, true]);
    expect(source.opened.map(({ offset }) => offset)).toEqual([0, 3 * PIECE + 17]);
  });

  it('for good fails for all, and none of them tries again', async () => {
    const source = sourceOf(
      bytes,
      Array.from({ length: 20 }, () => PIECE),
    );
    const { seats, open } = shared(source, 2);
    const errors = await Promise.all(seats.map(async (seat) => failureOf(read(await open(seat)))));
    for (const error of errors)
      expect(error).toMatchObject({ code: 'E_CUT', side: 'source', message: 'cut' });
    expect(source.opened).toHaveLength(4);
  });

  it('by ending early again and again is too short for all', async () => {
    let opened = 0;
    const open: OpenBlob = () => {
      opened += 1;
      return Promise.resolve(Readable.from([], { objectMode: false }));
    };
    const { seats, open: openSeat } = shared({ open }, 2);
    const errors = await Promise.all(seats.map(async (seat) => failureOf(read(await openSeat(seat)))));
    expect(errors.map(({ code, side }) => [code, side])).toEqual([
      ['E_SIZE_MISMATCH', 'source'],
      ['E_SIZE_MISMATCH', 'source'],
    ]);
    expect(opened).toBe(4);
  });
});
