import { Readable } from 'node:stream';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MemoryStore } from '../../../src/content/memory-store.js';
import type { OpenBlob } from '../../../src/content/store.js';
import { resuming } from '../../../src/graph/resuming.js';
import { RegferryError } from '../../../src/errors.js';
import { blob } from '../../support/fixtures.js';
import { descriptorOf, failureOf, read } from '../registry/open-repository.js';
import { settled } from '../copy/recorded-store.js';

const cut = new RegferryError('E_CUT', 'cut', { retryable: true });
const stall = new RegferryError('E_TIMEOUT', 'the answer stopped moving', { retryable: true });

/** How one opening of the source ends: after so many bytes of it, with an error or, without one, cleanly. */
interface End {
  readonly after: number;
  readonly error?: Error;
}

/** A source that breaks off by a script, and reads to its end once that is over. */
function breaking(bytes: Buffer, ends: readonly End[], retries = 4) {
  const offsets: number[] = [];
  const streams: Readable[] = [];
  const backoffs: number[] = [];
  const open: OpenBlob = ({ offset = 0 }) => {
    const end = ends[offsets.length];
    offsets.push(offset);
    const stream = Readable.from(pieces(bytes.subarray(offset), end), { objectMode: false });
    streams.push(stream);
    return Promise.resolve(stream);
  };
  const backoff = (failures: number, signal: AbortSignal | undefined): Promise<void> => {
    backoffs.push(failures);
    signal?.throwIfAborted();
    return Promise.resolve();
  };
  return { offsets, streams, backoffs, open: resuming(open, descriptorOf(bytes), { retries, backoff }) };
}

async function* pieces(bytes: Buffer, end: End | undefined): AsyncGenerator<Buffer> {
  const part = bytes.subarray(0, end?.after ?? bytes.length);
  for (let start = 0; start < part.length; start += 10_000) {
    await Promise.resolve();
    yield part.subarray(start, start + 10_000);
  }
  if (end?.error !== undefined) throw end.error;
}

const bytes = blob(100_000, 9);
const MiB = 1024 * 1024;

describe('a stream that is over before it is read', () => {
  const gone = (how: (stream: Readable) => void, options = {}): Readable => {
    const stream = new Readable({ read: () => undefined, ...options });
    how(stream);
    return stream;
  };
  const kinds: readonly (readonly [string, () => Readable])[] = [
    ['destroyed', () => gone((stream) => stream.destroy())],
    ['destroyed without saying so', () => gone((stream) => stream.destroy(), { emitClose: false })],
    ['destroyed with an error', () => gone((stream) => stream.on('error', () => undefined).destroy(cut))],
    ['at its end', () => gone((stream) => stream.resume().push(null), { autoDestroy: false })],
  ];

  it.each(kinds)('because it is %s is opened again', async (_how, make) => {
    let opened = 0;
    const open: OpenBlob = async () => {
      opened += 1;
      const stream = opened === 1 ? make() : Readable.from([bytes]);
      await settled(); // whatever it had to tell, it has told
      return stream;
    };
    const resumed = resuming(open, descriptorOf(bytes), { retries: 1, backoff: () => Promise.resolve() });
    expect((await read(await resumed({}))).equals(bytes)).toBe(true);
    expect(opened).toBe(2);
  });

  it.each(kinds)('because it is %s each time ends the copy', async (_how, make) => {
    const open = async (): Promise<Readable> => {
      const stream = make();
      await settled();
      return stream;
    };
    const resumed = resuming(open, descriptorOf(bytes), { retries: 2, backoff: () => Promise.resolve() });
    const to = new MemoryStore();
    const failure = await failureOf(to.put(descriptorOf(bytes), resumed));
    expect(['E_CUT', 'E_SIZE_MISMATCH']).toContain(failure.code);
  });
});

describe('a blob that is read', () => {
  it('is opened once where nothing happens', async () => {
    const source = breaking(bytes, []);
    expect((await read(await source.open({}))).equals(bytes)).toBe(true);
    expect(source.offsets).toEqual([0]);
  });

  it('may start in the middle', async () => {
    const source = breaking(bytes, [{ after: 20_000, error: cut }]);
    expect((await read(await source.open({ offset: 30_000 }))).equals(bytes.subarray(30_000))).toBe(true);
    expect(source.offsets).toEqual([30_000, 50_000]);
  });

  it('that cannot be opened fails there', async () => {
    const open = resuming(() => Promise.reject(cut), descriptorOf(bytes), {
      retries: 4,
      backoff: () => Promise.resolve(),
    });
    expect(await failureOf(open({}))).toBe(cut);
  });
});

describe('a blob that breaks off', () => {
  it.each([
    ['a cut', cut],
    ['a stall', stall],
    ['a clean end', undefined],
  ])('by %s goes on where it broke off', async (_what, error) => {
    const end = { after: 33_333, ...(error && { error }) };
    const source = breaking(bytes, [end]);
    expect((await read(await source.open({}))).equals(bytes)).toBe(true);
    expect(source.offsets).toEqual([0, 33_333]);
    expect(source.backoffs).toEqual([1]);
    expect(source.streams.every((stream) => stream.destroyed)).toBe(true);
  });

  it('before its first and after its last byte is read all the same', async () => {
    const source = breaking(bytes, [
      { after: 0, error: cut },
      { after: 100_000, error: cut },
    ]);
    expect((await read(await source.open({}))).equals(bytes)).toBe(true);
    // what happens to the connection after the last byte is nobody's business
    expect(source.offsets).toEqual([0, 0]);
  });

  it('by a stream that is closed without an error goes on as well', async () => {
    const half = new Readable({ read: () => undefined });
    const open = resuming(
      ({ offset = 0 }) => Promise.resolve(offset === 0 ? half : Readable.from([bytes.subarray(offset)])),
      descriptorOf(bytes),
      { retries: 1, backoff: () => Promise.resolve() },
    );
    const stream = await open({});
    half.push(bytes.subarray(0, 50_000));
    const all = read(stream);
    await settled();
    half.destroy();
    expect((await all).equals(bytes)).toBe(true);
  });

  it('anywhere, any number of times, gives exactly its bytes', async () => {
    const small = blob(5_000, 3);
    const end = fc.record({ after: fc.nat(5_000), error: fc.constantFrom(cut, stall) });
    await fc.assert(
      fc.asyncProperty(fc.array(end, { maxLength: 6 }), async (ends) => {
        const source = breaking(small, ends, 10);
        expect((await read(await source.open({}))).equals(small)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it("for a reason that will not pass ends with it, as the source's", async () => {
    const gone = new RegferryError('E_NOT_FOUND', 'gone', { status: 404 });
    const source = breaking(bytes, [{ after: 10, error: gone }]);
    const error = await failureOf(read(await source.open({})));
    expect(error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source', status: 404 });
    expect(source.offsets).toEqual([0]);
  });

  it('by something unheard of ends with that', async () => {
    const source = breaking(bytes, [{ after: 10, error: new Error('disk') }]);
    expect(await failureOf(read(await source.open({})))).toMatchObject({
      code: 'E_INTERNAL',
      side: 'source',
    });
  });
});

describe('how often a blob is taken up again', () => {
  it('is limited where nothing moves', async () => {
    const source = breaking(
      bytes,
      Array.from({ length: 9 }, () => ({ after: 100, error: cut })),
      3,
    );
    const error = await failureOf(read(await source.open({})));
    expect(error).toMatchObject({ code: 'E_CUT', side: 'source', retryable: true });
    expect(source.offsets).toEqual([0, 100, 200, 300]);
    expect(source.backoffs).toEqual([1, 2, 3]);
  });

  it('ends with too few bytes where it ends cleanly', async () => {
    const source = breaking(
      bytes,
      Array.from({ length: 9 }, () => ({ after: 100 })),
      2,
    );
    expect(await read(await source.open({}))).toHaveLength(300);
    expect(source.offsets).toHaveLength(3);
  });

  it('is not limited by retries as long as each try moves 1 MiB', async () => {
    const large = blob(6 * MiB, 4);
    const source = breaking(
      large,
      Array.from({ length: 5 }, () => ({ after: MiB, error: cut })),
      1,
    );
    expect((await read(await source.open({}))).equals(large)).toBe(true);
    expect(source.backoffs).toEqual([1, 1, 1, 1, 1]);
  });

  it('counts a try that moved less', async () => {
    const large = blob(3 * MiB, 4);
    const ends = [MiB, MiB - 1, 10, MiB].map((after) => ({ after, error: cut }));
    const source = breaking(large, ends, 1);
    expect((await failureOf(read(await source.open({})))).code).toBe('E_CUT');
    expect(source.offsets).toEqual([0, MiB]);
    expect(source.backoffs).toEqual([1]);
  });

  it('is a hundred times at most', async () => {
    const size = 102 * MiB;
    let opened = 0;
    const open = resuming(
      ({ offset = 0 }) => {
        opened += 1;
        const end = Math.min(size, offset + MiB);
        return Promise.resolve(Readable.from([Buffer.alloc(end - offset)], { objectMode: false }));
      },
      { ...descriptorOf(bytes), size },
      { retries: 4, backoff: () => Promise.resolve() },
    );
    let length = 0;
    for await (const piece of await open({})) length += (piece as Buffer).length;
    expect([opened, length]).toEqual([101, 101 * MiB]);
  });
});

describe('a reader', () => {
  it('that stops closes the source', async () => {
    const source = breaking(bytes, []);
    const stream = await source.open({});
    stream.destroy();
    await settled();
    expect(source.streams[0]?.destroyed).toBe(true);
  });

  it('that stops during a wait ends the wait, and nothing is opened any more', async () => {
    let waiting: AbortSignal | undefined;
    let opened = 0;
    const open = resuming(
      () => {
        opened += 1;
        return Promise.resolve(
          Readable.from(pieces(bytes, { after: 10, error: cut }), { objectMode: false }),
        );
      },
      descriptorOf(bytes),
      {
        retries: 4,
        backoff: (_failures, signal) => {
          waiting = signal;
          return new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => reject(new Error('no more')));
          });
        },
      },
    );
    const stream = await open({});
    stream.resume();
    await expect.poll(() => waiting).toBeDefined();
    stream.destroy();
    await settled();
    expect([waiting?.aborted, opened]).toEqual([true, 1]);
  });

  it('that is abandoned gets the reason, not an error of the source', async () => {
    const control = new AbortController();
    const stop = new RegferryError('E_ABORTED', 'stop');
    const source = breaking(bytes, [{ after: 10, error: cut }]);
    const stream = await source.open({ signal: control.signal });
    control.abort(stop);
    const error = await failureOf(read(stream));
    expect([error, error.side]).toEqual([stop, undefined]);
  });

  it('that reads slowly is not run over', async () => {
    let given = 0;
    const endless = new Readable({
      highWaterMark: 1,
      read() {
        given += 10_000;
        this.push(Buffer.alloc(10_000));
      },
    });
    const open = resuming(
      () => Promise.resolve(endless),
      { ...descriptorOf(bytes), size: 1e9 },
      { retries: 0, backoff: () => Promise.resolve() },
    );
    const stream = await open({});
    stream.read(0);
    await settled();
    expect(given).toBeLessThan(200_000);
    stream.destroy();
  });

  it('that does not read yet does not bring the process down when the source breaks', async () => {
    const source = breaking(bytes, [{ after: 0, error: new Error('early') }]);
    const stream = await source.open({});
    stream.read(0);
    await settled();
    expect((await failureOf(read(stream))).code).toBe('E_INTERNAL');
  });
});
