import { describe, expect, it } from 'vitest';

import { jsonLog } from '../../../src/cli/json-log.js';
import { eventLogger } from '../../../src/cli/log-events.js';
import { type Log, prettyLog } from '../../../src/cli/log.js';
import type { LogLevel } from '../../../src/cli/options.js';
import { StatusArea } from '../../../src/cli/status-area.js';
import type { RegferryEvent } from '../../../src/copy/events.js';
import { fakeClock, Sink } from './fake-io.js';

function pretty(level: LogLevel, colour = false): { log: Log; sink: Sink } {
  const sink = new Sink();
  return { log: prettyLog(new StatusArea(sink), { level, colour, clock: fakeClock() }), sink };
}

function json(level: LogLevel): { log: Log; sink: Sink; records: () => unknown[] } {
  const sink = new Sink();
  const records = (): unknown[] =>
    sink.text
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
  return { log: jsonLog(new StatusArea(sink), level), sink, records };
}

function writeAll(log: Log): void {
  log.write('error', 'e');
  log.write('warn', 'w');
  log.write('info', 'i');
  log.write('debug', 'd');
}

const request: RegferryEvent = {
  type: 'request',
  side: 'target',
  method: 'PUT',
  url: 'https://r.example/v2/app/manifests/1',
  status: 201,
  durationMs: 34.6,
};

function retry(url: string): RegferryEvent {
  return { type: 'retry', side: 'source', method: 'GET', url, attempt: 1, delayMs: 1500, reason: '503' };
}

describe('a log for people', () => {
  it('says what is wrong and when, and shows information as it is', () => {
    const { log, sink } = pretty('debug');
    writeAll(log);
    expect(sink.text).toBe('regferry: e\nregferry: warning: w\ni\n+0.000s d\n');
  });

  it.each([
    ['silent', 0],
    ['error', 1],
    ['warn', 2],
    ['info', 3],
    ['debug', 4],
    ['trace', 4],
  ] as const)('of level %s shows %d of the four', (level, lines) => {
    const { log, sink } = pretty(level);
    writeAll(log);
    expect(sink.text.split('\n').length - 1).toBe(lines);
  });

  it('is one line a record, whatever a server put into it', () => {
    const { log, sink } = pretty('info');
    log.write('error', 'a\nb\u001b[31mc\u202ed\u009b2J');
    expect(sink.text).toBe('regferry: a b[31mcd2J\n');
  });

  it('has colours only where they are wanted', () => {
    const { log, sink } = pretty('info', true);
    log.write('error', 'x');
    expect(sink.text).toBe('\u001b[31mregferry:\u001b[0m x\n');
  });
});

describe('a log for machines', () => {
  it('is a JSON record a line', () => {
    const { log, records } = json('info');
    log.write('warn', 'a\nb\u001b[31m', { host: 'x\u202ey', tries: 2 });
    log.write('debug', 'not shown');
    expect(records()).toEqual([
      expect.objectContaining({ level: 'warn', name: 'regferry', msg: 'a b[31m', host: 'xy', tries: 2 }),
    ]);
  });

  it('can be silent', () => {
    const { log, sink } = json('silent');
    log.write('error', 'x');
    expect(sink.text).toBe('');
  });
});

describe('events in the log', () => {
  it('are a line a request at debug level only', () => {
    const debug = pretty('debug');
    eventLogger(debug.log)(request);
    expect(debug.sink.text).toBe('+0.000s target PUT https://r.example/v2/app/manifests/1 201 (35 ms)\n');
    const info = pretty('info');
    eventLogger(info.log)(request);
    expect(info.sink.text).toBe('');
  });

  it('say when no answer came', () => {
    const { log, sink } = pretty('debug');
    eventLogger(log)({ ...request, status: undefined });
    expect(sink.text).toContain('no answer (35 ms)');
  });

  it('tell of one retry a host and reason, and of all of them at debug level', () => {
    const info = pretty('info');
    const debug = pretty('debug');
    for (const { log } of [info, debug]) {
      const tell = eventLogger(log);
      tell(retry('https://r.example/v2/a/blobs/1'));
      tell(retry('https://r.example/v2/a/blobs/2'));
      tell(retry('https://other.example/v2/a/blobs/2'));
    }
    expect(info.sink.text).toBe(
      'source GET https://r.example/v2/a/blobs/1: 503; trying again in 1.5 s\n' +
        'source GET https://other.example/v2/a/blobs/2: 503; trying again in 1.5 s\n',
    );
    expect(debug.sink.text.trimEnd().split('\n')).toHaveLength(3);
  });

  it('show each warning and note once', () => {
    const { log, sink } = pretty('info');
    const tell = eventLogger(log);
    for (let times = 0; times < 3; times++) {
      tell({ type: 'warning', side: 'source', message: 'old registry' });
      tell({ type: 'note', message: 'attestations are not copied' });
    }
    expect(sink.text).toBe('regferry: warning: old registry\nattestations are not copied\n');
  });

  it('carry their facts for machines', () => {
    const { log, records } = json('debug');
    const tell = eventLogger(log);
    const digest = `sha256:${'0'.repeat(64)}`;
    tell(request);
    tell({ type: 'tagged', target: 'r.example/app', tag: '1', digest, previous: null });
    tell({ type: 'blob', target: 'r.example/app', digest, size: 5, state: 'mounted' });
    tell({ type: 'manifest', target: 'r.example/app', digest, state: 'copied' });
    tell({ type: 'progress', target: 'r.example/app', digest, bytes: 3 });
    expect(records()).toEqual([
      expect.objectContaining({ event: 'request', side: 'target', status: 201, durationMs: 35 }),
      expect.objectContaining({
        event: 'tagged',
        tag: '1',
        previous: null,
        msg: `r.example/app:1 is now ${digest}`,
      }),
      expect.objectContaining({ event: 'blob', state: 'mounted', size: 5 }),
      expect.objectContaining({ event: 'manifest', state: 'copied' }),
    ]);
  });
});
