import { describe, expect, it } from 'vitest';

import { StatusArea } from '../../../src/cli/status-area.js';
import { brokenSink, Sink } from './fake-io.js';

/** What a terminal shows after these bytes, as lines: it knows "cursor up" and "clear line" alone. */
function screen(text: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  for (const part of text.split(/(\u001b\[1A|\u001b\[2K|\n)/)) {
    if (part === '\u001b[1A') row -= 1;
    else if (part === '\u001b[2K') lines[row] = '';
    else if (part === '\n') {
      row += 1;
      lines[row] ??= '';
    } else lines[row] = `${lines[row] ?? ''}${part}`;
  }
  return lines.slice(0, row);
}

describe('the status area', () => {
  it('draws lines over the last ones, and keeps printed lines above them', () => {
    const sink = new Sink({ columns: 80 });
    const area = new StatusArea(sink);
    area.draw(['bar 1', 'total 1']);
    area.print('a note');
    area.draw(['total 2']);
    area.print('another');
    expect(screen(sink.text)).toEqual(['a note', 'another', 'total 2']);
    area.draw([]);
    expect(screen(sink.text)).toEqual(['a note', 'another']);
  });

  it('writes nothing but lines when nothing is drawn', () => {
    const sink = new Sink();
    const area = new StatusArea(sink);
    area.draw([]);
    area.print('x');
    expect(sink.text).toBe('x\n');
  });

  it('knows how much room there is', () => {
    const wide = new StatusArea(new Sink({ columns: 120, rows: 10 }));
    expect([wide.columns, wide.rows]).toEqual([119, 8]);
    const unknown = new StatusArea(new Sink());
    expect([unknown.columns, unknown.rows]).toEqual([79, 22]);
  });

  it('survives that stderr is gone', async () => {
    const sink = brokenSink('EPIPE');
    new StatusArea(sink).print('x');
    await new Promise((resolve) => sink.once('close', resolve));
    expect(sink.errored).toMatchObject({ code: 'EPIPE' });
  });
});
