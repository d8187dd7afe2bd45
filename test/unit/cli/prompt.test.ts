import { PassThrough } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { ask } from '../../../src/cli/prompt.js';
import { RegferryError } from '../../../src/errors.js';
import { fakeIo, type FakeIo } from './fake-io.js';

const idle = new AbortController().signal;

function terminal(): { io: FakeIo; keyboard: PassThrough } {
  const keyboard = new PassThrough();
  return {
    io: { ...fakeIo({ terminal: { columns: 80 } }), stdin: Object.assign(keyboard, { isTTY: true }) },
    keyboard,
  };
}

describe('a question on the terminal', () => {
  it('is asked on stderr and answered with a line', async () => {
    const { io, keyboard } = terminal();
    const answer = ask(io, { text: 'User name: ', hidden: false }, idle);
    keyboard.write('amn\u007f\u007fnn\r');
    await expect(answer).resolves.toBe('ann');
    expect(io.stderr.text).toContain('User name: ');
    expect(io.stdout.text).toBe('');
  });

  it('does not show an answer that is to be hidden', async () => {
    const { io, keyboard } = terminal();
    const answer = ask(io, { text: 'Password: ', hidden: true }, idle);
    keyboard.write('hunter2\r');
    await expect(answer).resolves.toBe('hunter2');
    expect(io.stderr.text).toBe('Password: \n');
  });

  it('is given up on Ctrl-C and on Ctrl-D', async () => {
    for (const [key, code] of [
      ['\u0003', 'E_ABORTED'],
      ['\u0004', 'E_USAGE'],
    ]) {
      const { io, keyboard } = terminal();
      const answer = ask(io, { text: 'Password: ', hidden: true }, idle);
      keyboard.write(key);
      await expect(answer).rejects.toMatchObject({ code });
    }
  });

  it('is given up when the run ends', async () => {
    const { io } = terminal();
    const run = new AbortController();
    const answer = ask(io, { text: 'Password: ', hidden: true }, run.signal);
    run.abort(new RegferryError('E_TIMEOUT', 'too late'));
    await expect(answer).rejects.toMatchObject({ code: 'E_TIMEOUT' });
  });

  it('wants an answer', async () => {
    const { io, keyboard } = terminal();
    const answer = ask(io, { text: 'Password: ', hidden: true }, idle);
    keyboard.write('\r');
    await expect(answer).rejects.toMatchObject({ code: 'E_USAGE', message: 'nothing was entered' });
  });
});
