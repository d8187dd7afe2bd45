import { describe, expect, it } from 'vitest';

import { errorAnnotation, plainLine } from '../../../src/cli/annotation.js';
import { prettyLog } from '../../../src/cli/log.js';
import { StatusArea } from '../../../src/cli/status-area.js';
import { RegferryError } from '../../../src/errors.js';
import { fakeClock, fakeIo, run, Sink } from './fake-io.js';

describe('an error in GitHub Actions', () => {
  it('is one line, with nothing left that ends it', () => {
    expect(errorAnnotation('100%\r\nsure\n::set-output name=a::b')).toBe(
      '::error::100%25%0D%0Asure%0A::set-output name=a::b',
    );
  });

  it('holds no command of the old form', () => {
    expect(errorAnnotation('a ##[add-mask]b')).not.toContain('##[');
  });

  it('is told as an annotation on stderr, once', async () => {
    const io = fakeIo({ env: { GITHUB_ACTIONS: 'true' } });
    const error = new RegferryError('E_DENIED', 'r.example said:\n::add-mask::x 50%', { side: 'target' });
    const { stderr } = await run(['copy', 'app:1', 'x'], { copy: () => Promise.reject(error) }, io);
    expect(stderr).toBe('::error::regferry: target: r.example said: ::add-mask::x 50%25\n');
  });

  it('is a plain line elsewhere', async () => {
    const error = new RegferryError('E_DENIED', 'no', { side: 'target' });
    const { stderr } = await run(['copy', 'app:1', 'x'], { copy: () => Promise.reject(error) });
    expect(stderr).toBe('regferry: target: no\n');
  });
});

describe('any other line in GitHub Actions', () => {
  it.each(['::error::x', '  ::set-env name=PATH::x', 'a ##[error]b', '##[stop-commands]x'])(
    'is no command: %s',
    (line) => {
      const sink = new Sink();
      const log = prettyLog(new StatusArea(sink), {
        level: 'info',
        colour: false,
        clock: fakeClock(),
        annotate: true,
      });
      log.write('info', line);
      expect(sink.text).not.toMatch(/^\s*::|##\[/);
    },
  );

  it('is left alone where nothing in it is one', () => {
    expect(plainLine('copied 5 blobs: app::1 #[1]')).toBe('copied 5 blobs: app::1 #[1]');
  });
});
