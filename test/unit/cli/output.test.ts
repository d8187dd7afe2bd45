import { Writable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { Output, ReaderGoneError } from '../../../src/cli/output.js';
import { brokenSink, Sink } from './fake-io.js';

describe('standard output', () => {
  it('gets bytes and lines as they are', async () => {
    const sink = new Sink();
    const output = new Output(sink);
    await output.write(Buffer.from([0, 255, 10]));
    await output.line('x');
    await output.flush();
    expect(sink.bytes).toEqual(Buffer.from([0, 255, 10, 0x78, 10]));
  });

  it('is written no faster than it is read', async () => {
    const waiting: (() => void)[] = [];
    const slow = new Writable({
      highWaterMark: 4,
      write(_chunk, _encoding, done) {
        waiting.push(done);
      },
    });
    let written = false;
    const writing = new Output(slow).write('12345678').then(() => (written = true));
    await Promise.resolve();
    expect(written).toBe(false);
    for (const done of waiting) done();
    await writing;
    expect(written).toBe(true);
  });

  it('ends quietly when its reader is gone', async () => {
    const output = new Output(brokenSink('EPIPE'));
    await output.write('a').catch(() => undefined);
    await expect(output.flush()).rejects.toBeInstanceOf(ReaderGoneError);
    await expect(output.write('b')).rejects.toBeInstanceOf(ReaderGoneError);
  });

  it('fails when it cannot be written', async () => {
    const output = new Output(brokenSink('ENOSPC'));
    await output.write('a').catch(() => undefined);
    await expect(output.flush()).rejects.toMatchObject({
      code: 'E_IO',
      message: 'could not write to standard output: ENOSPC: no space left on device',
    });
  });
});
