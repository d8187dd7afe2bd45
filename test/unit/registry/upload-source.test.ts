import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import type { RequestBody } from '../../../src/http/message.js';
import { UploadSource } from '../../../src/registry/upload-source.js';
import { blobSource, descriptorOf, failureOf, sourceOver } from './open-repository.js';

/** Opens a body and reads it, or only so many pieces of it. */
async function readBody(body: RequestBody, pieces = Infinity): Promise<Buffer> {
  const opened = await body.open();
  if (opened instanceof Uint8Array) return Buffer.from(opened);
  const got: Uint8Array[] = [];
  for await (const piece of opened) {
    got.push(piece);
    if (got.length >= pieces) break;
  }
  return Buffer.concat(got);
}

async function ready(blob: ReturnType<typeof blobSource>): Promise<UploadSource> {
  const source = new UploadSource(blob.descriptor, blob.open, {});
  await source.ready();
  return source;
}

describe('the source of an upload', () => {
  it('is read once by bodies that follow each other', async () => {
    const blob = blobSource(200_000);
    const source = await ready(blob);
    const first = await readBody(source.stretch(150_000));
    const second = await readBody(source.stretch(50_000));
    expect(Buffer.concat([first, second]).equals(blob.bytes)).toBe(true);
    expect(blob.offsets).toEqual([0]);
  });

  it('is opened again at the start of a body that is sent again', async () => {
    const blob = blobSource(200_000);
    const source = await ready(blob);
    await readBody(source.stretch(70_000));
    const second = source.stretch(130_000);
    await readBody(second, 1);
    expect((await readBody(second)).equals(blob.bytes.subarray(70_000))).toBe(true);
    expect((await readBody(second)).equals(blob.bytes.subarray(70_000))).toBe(true);
    expect(blob.offsets).toEqual([0, 70_000, 70_000]);
    expect(blob.streams.slice(0, 2).every((stream) => stream.destroyed)).toBe(true);
  });

  it('checks what it sends again by the hash of what came before', async () => {
    const blob = blobSource(200_000);
    const other = blobSource(199_999);
    let opened = 0;
    const open: typeof blob.open = (options) => {
      opened += 1;
      return opened === 1 ? blob.open(options) : other.open(options);
    };
    const source = new UploadSource(blob.descriptor, open, {});
    await source.ready();
    await readBody(source.stretch(100_000));
    const rest = source.stretch(100_000);
    await readBody(rest, 1);
    expect((await failureOf(readBody(rest))).code).toBe('E_SIZE_MISMATCH');
  });

  it('may be started long before it is wanted', async () => {
    const blob = blobSource(10);
    const source = new UploadSource(blob.descriptor, blob.open, {});
    source.start();
    await source.ready();
    expect((await readBody(source.stretch(10))).equals(blob.bytes)).toBe(true);
    expect(blob.offsets).toEqual([0]);
  });

  it('that failed early says so when it is wanted, and disturbs nobody before', async () => {
    const error = new RegferryError('E_NOT_FOUND', 'no such blob');
    const source = new UploadSource(descriptorOf(Buffer.from('x')), () => Promise.reject(error), {});
    source.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await failureOf(source.ready())).toBe(error);
    expect(source.failure).toEqual({ error });
    source.close();
  });

  it('knows its own failures from those of the network', async () => {
    const blob = blobSource(200_000);
    const source = await ready(blob);
    await readBody(source.stretch(200_000), 1);
    expect(source.failure).toBeUndefined();
    const wrong = sourceOver(Buffer.from('y'));
    const corrupt = new UploadSource(descriptorOf(Buffer.from('x')), wrong.open, {});
    await corrupt.ready();
    const error = await failureOf(readBody(corrupt.stretch(1)));
    expect(corrupt.failure).toEqual({ error });
  });

  it('that was released is closed, and opened again when a body is, where that starts', async () => {
    const blob = blobSource(200_000);
    const source = await ready(blob);
    const whole = source.stretch(200_000);
    source.release();
    expect(blob.streams[0]?.destroyed).toBe(true);
    expect((await readBody(whole)).equals(blob.bytes)).toBe(true);
    expect(blob.offsets).toEqual([0, 0]);
  });

  it('that was released between two bodies goes on where the second starts', async () => {
    const blob = blobSource(200_000);
    const source = await ready(blob);
    const first = await readBody(source.stretch(70_000));
    const rest = source.stretch(130_000);
    source.release();
    expect(source.position).toBe(70_000);
    expect(Buffer.concat([first, await readBody(rest)]).equals(blob.bytes)).toBe(true);
    expect(blob.offsets).toEqual([0, 70_000]);
  });

  it('that was released while it was being opened gives that up, and tells who reads it with others', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    let held = 0;
    const source = new UploadSource(
      blobSource(10).descriptor,
      ({ signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
      { onHeld: () => (held += 1) },
    );
    source.start();
    source.release();
    expect(held).toBe(1);
    expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('is not opened before its body is, where that is not waited for', async () => {
    const blob = blobSource(10);
    const source = new UploadSource(blob.descriptor, blob.open, {});
    const body = source.stretch(10);
    expect(blob.offsets).toEqual([]);
    expect((await readBody(body)).equals(blob.bytes)).toBe(true);
    expect(blob.offsets).toEqual([0]);
  });

  it('closes its stream, also one that opens only afterwards', async () => {
    const blob = blobSource(10);
    const source = await ready(blob);
    source.close();
    expect(blob.streams[0]?.destroyed).toBe(true);

    const late = Readable.from([Buffer.from('x')]);
    const slow = new UploadSource(
      blob.descriptor,
      () => new Promise((resolve) => setImmediate(() => resolve(late))),
      {},
    );
    slow.start();
    slow.close();
    await expect.poll(() => late.destroyed).toBe(true);
  });
});
