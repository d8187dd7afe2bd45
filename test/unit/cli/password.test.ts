import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { readPassword } from '../../../src/cli/password.js';

const idle = new AbortController().signal;

function piped(...chunks: (string | Buffer)[]): PassThrough {
  const stream = new PassThrough();
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return stream;
}

describe('a password from standard input', () => {
  it.each([
    ['secret', 'secret'],
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret\n\n', 'secret\n'],
    ['\ufeffsecret\r\n', 'secret'],
    [Buffer.from('\ufeffsecret\r\n', 'utf16le'), 'secret'],
    [Buffer.from('\ufeffsecret', 'utf16le').swap16(), 'secret'],
    [' se cret ', ' se cret '],
    ['p\u00e4ss\u00f6\n', 'p\u00e4ss\u00f6'],
  ])('%j is %j', async (input, password) => {
    await expect(readPassword(piped(input), '--password-stdin', idle)).resolves.toBe(password);
  });

  it('may arrive in pieces that split a character', async () => {
    const bytes = Buffer.from('p\u00e4ss');
    const stream = piped(bytes.subarray(0, 2), bytes.subarray(2));
    await expect(readPassword(stream, '--password-stdin', idle)).resolves.toBe('p\u00e4ss');
  });

  it('has to be there', async () => {
    await expect(readPassword(piped('\n'), '--to-password-stdin', idle)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: '--to-password-stdin: standard input was empty',
    });
  });

  it('is not read without bound', async () => {
    const endless = (function* (): Generator<Buffer> {
      for (;;) yield Buffer.alloc(10_000, 0x61);
    })();
    await expect(readPassword(PassThrough.from(endless), '--password-stdin', idle)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: '--password-stdin: what was piped in is longer than 65536 bytes',
    });
  });

  it('is not read where a terminal would show it', async () => {
    const terminal = Object.assign(piped('secret'), { isTTY: true });
    await expect(readPassword(terminal, '--password-stdin', idle)).rejects.toThrow(
      'standard input is a terminal',
    );
  });

  it('is no longer waited for once the run is interrupted', async () => {
    const controller = new AbortController();
    const stdin = new PassThrough();
    const reading = readPassword(stdin, '--password-stdin', controller.signal);
    controller.abort();
    await expect(reading).rejects.toThrow();
    expect(stdin.destroyed).toBe(true);
  });
});
