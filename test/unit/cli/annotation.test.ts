import { describe, expect, it } from 'vitest';

import { errorAnnotation, plainText } from '../../../src/cli/annotation.js';
import { Gate } from '../../../src/cli/gate.js';
import { jsonLog } from '../../../src/cli/json-log.js';
import { prettyLog } from '../../../src/cli/log.js';
import { StatusArea } from '../../../src/cli/status-area.js';
import { RegferryError } from '../../../src/errors.js';
import { Secrets } from '../../../src/secrets/secrets.js';
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
      const area = new StatusArea(sink, new Gate(new Secrets(), true));
      const logs = [
        prettyLog(area, { level: 'info', colour: false, clock: fakeClock(), annotate: true }),
        jsonLog(area, 'info'),
      ];
      for (const log of logs) log.write('info', line, { url: line });
      area.print(line);
      area.draw([line]);
      area.print('x');
      expect(sink.text).not.toMatch(/^\s*::|##\[/m);
    },
  );

  it('is left alone where nothing in it is one', () => {
    expect(plainText('copied 5 blobs: app::1 #[1]')).toBe('copied 5 blobs: app::1 #[1]');
  });

  it.each([['--log-format', 'json'], ['--json'], []])(
    'is none with %s %s, whatever a server says',
    async (...options) => {
      const io = fakeIo({ env: { GITHUB_ACTIONS: 'true' } });
      const words = 'r.example said ##[error]x\n::stop-commands::x';
      const tags = async function* (): AsyncGenerator<string> {
        yield await Promise.resolve('::add-mask::x');
        throw new RegferryError('E_DENIED', words);
      };
      const { stderr, stdout } = await run(['tags', 'app', ...options], { tags }, io);
      const lines = `${stderr}${stdout}`.split(/[\r\n]+/);
      expect(lines.filter((line) => /^\s*::(?!error::regferry: )|##\[/.test(line))).toEqual([]);
      expect(lines.join('')).toContain('r.example said');
    },
  );
});
