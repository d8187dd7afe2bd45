import { describe, expect, it } from 'vitest';

import { prettyLog } from '../../../../src/cli/log.js';
import type { Progress } from '../../../../src/cli/progress/display.js';
import { type ProgressSetting, progressStyle, startProgress } from '../../../../src/cli/progress/progress.js';
import { Rate } from '../../../../src/cli/progress/rate.js';
import { standingLine } from '../../../../src/cli/progress/standing-line.js';
import { StatusArea } from '../../../../src/cli/status-area.js';
import { type FakeClock, fakeClock, Sink } from '../fake-io.js';

const target = 'r.example/app';

interface Shown {
  readonly sink: Sink;
  readonly clock: FakeClock;
  readonly progress: Progress;
}

function show(style: 'tty' | 'plain' | 'none', columns = 100, rows = 24): Shown {
  const sink = new Sink({ columns, rows });
  const clock = fakeClock();
  const area = new StatusArea(sink);
  const log = prettyLog(area, { level: 'info', colour: false, clock });
  return { sink, clock, progress: startProgress(style, { area, log, clock, colour: false }) };
}

function start(progress: Progress, blobs: number, size: number): void {
  progress.record({ type: 'walked', target, blobs, bytes: blobs * size, complete: true });
  for (let index = 0; index < blobs; index++) {
    const digest = `sha256:${String(index).padStart(64, '0')}`;
    progress.record({ type: 'blob', target, digest, size, state: 'started' });
  }
}

function move(progress: Progress, index: number, bytes: number): void {
  const digest = `sha256:${String(index).padStart(64, '0')}`;
  progress.record({ type: 'progress', target, digest, bytes });
}

describe('the style of progress', () => {
  const terminal: ProgressSetting = {
    wanted: 'auto',
    quiet: false,
    logFormat: 'pretty',
    isTerminal: true,
    env: {},
  };

  it.each([
    ['bars on a terminal', {}, 'tty'],
    ['lines elsewhere', { isTerminal: false }, 'plain'],
    ['lines in CI', { env: { CI: 'true' } }, 'plain'],
    ['bars where CI says no', { env: { CI: 'false' } }, 'tty'],
    ['lines on a terminal that cannot move its cursor', { env: { TERM: 'dumb' } }, 'plain'],
    ['bars where they are asked for', { wanted: 'tty', isTerminal: false }, 'tty'],
    ['no bars beside a JSON log', { wanted: 'tty', logFormat: 'json' }, 'plain'],
    ['nothing when quiet', { wanted: 'tty', quiet: true }, 'none'],
    ['nothing when nothing is asked for', { wanted: 'none' }, 'none'],
  ] as const)('is %s', (_title, change, style) => {
    expect(progressStyle({ ...terminal, ...change })).toBe(style);
  });
});

describe('bars', () => {
  it('show each blob on its way and the whole, with rate and remaining time', () => {
    const { sink, clock, progress } = show('tty');
    start(progress, 2, 10_000_000);
    clock.advance(100);
    for (let second = 1; second <= 5; second++) {
      move(progress, 0, second * 1_000_000);
      clock.advance(1000);
    }
    const last = sink.text.split('\u001b[1A').at(-1) ?? '';
    expect(last).toContain('sha256:000000000000 ###############............... 5.0 MB of 10.0 MB\n');
    expect(last).toMatch(/0 of 2 blobs, 5\.0 MB of 20\.0 MB, 1\.0 MB\/s, 15 s left\n$/);
    progress.stop();
  });

  it('never draw a line that would wrap, nor more lines than there are rows', () => {
    const { sink, clock, progress } = show('tty', 30, 5);
    start(progress, 20, 1000);
    clock.advance(100);
    const lines = sink.text.split('\n').slice(0, -1);
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line.length).toBeLessThan(30);
  });

  it('are gone when stopped, with their timer', () => {
    const { sink, clock, progress } = show('tty');
    start(progress, 1, 1000);
    clock.advance(100);
    progress.stop();
    expect(sink.text.endsWith('\u001b[1A\u001b[2K'.repeat(2))).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('say "at least" while the image is still being looked at', () => {
    const { sink, clock, progress } = show('tty');
    clock.advance(100);
    expect(sink.text).toBe('looking at the image\n');
    progress.record({ type: 'walked', target, blobs: 3, bytes: 3000, complete: false });
    clock.advance(100);
    expect(sink.text).toContain('0 of at least 3 blobs, 0 B of at least 3.0 kB\n');
  });
});

describe('bars of several targets', () => {
  const other = 'r2.example/mirror/app';
  const digest = `sha256:${'0'.repeat(64)}`;

  function showTwo(columns: number, rows?: number): string[] {
    const { sink, clock, progress } = show('tty', columns, rows);
    for (const at of [target, other]) {
      progress.record({ type: 'walked', target: at, blobs: 1, bytes: 10_000_000, complete: true });
      progress.record({ type: 'blob', target: at, digest, size: 10_000_000, state: 'started' });
      progress.record({ type: 'progress', target: at, digest, bytes: at === other ? 5_000_000 : 0 });
    }
    clock.advance(100);
    progress.stop();
    return sink.text.split('\u001b')[0]?.split('\n').slice(0, -1) ?? [];
  }

  it('say to which one they belong, and how far each is, without adding them up', () => {
    expect(showTwo(120)).toEqual([
      `sha256:000000000000 ${'.'.repeat(30)} 0 B of 10.0 MB to r.example/app`,
      `sha256:000000000000 ${'#'.repeat(15)}${'.'.repeat(15)} 5.0 MB of 10.0 MB to r2.example/mirror/app`,
      'r.example/app: 0 of 1 blob, 0 B of 10.0 MB',
      'r2.example/mirror/app: 0 of 1 blob, 5.0 MB of 10.0 MB',
    ]);
  });

  it('are shorter on a narrow terminal, where the target is worth more', () => {
    expect(showTwo(80)[1]).toBe(
      'sha256:000000000000 #######...... 5.0 MB of 10.0 MB to r2.example/mirror/app',
    );
    for (const line of showTwo(80)) expect(line.length).toBeLessThan(80);
  });

  it('fit into few rows', () => {
    expect(showTwo(80, 4)).toHaveLength(2);
  });
});

describe('lines', () => {
  it('come after two seconds, and then ever more rarely', () => {
    const { sink, clock, progress } = show('plain');
    start(progress, 1, 1_000_000_000);
    clock.advance(1_999);
    expect(sink.text).toBe('');
    clock.advance(1);
    expect(sink.text).toBe('0 of 1 blob, 0 B of 1.0 GB, 0 B/s\n');
    clock.advance(3_600_000 - 2_000);
    const lines = sink.text.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.length).toBeLessThan(70);
    expect(lines.at(-1)).toMatch(/^0 of 1 blob, 0 B of 1\.0 GB, nothing moved for \d+ min/);
    expect(sink.text).not.toContain('\u001b');
    progress.stop();
    expect(clock.pending).toBe(0);
  });

  it('say so where nothing is known of the image yet', () => {
    const { sink, clock, progress } = show('plain');
    clock.advance(2_000);
    progress.stop();
    expect(sink.text).toBe('looking at the image\n');
  });

  it('name the target where there are several', () => {
    const { sink, clock, progress } = show('plain');
    for (const at of [target, 'r2.example/app']) {
      progress.record({ type: 'walked', target: at, blobs: 1, bytes: 1000, complete: true });
    }
    clock.advance(2_000);
    progress.stop();
    expect(sink.text).toBe(
      'r.example/app: 0 of 1 blob, 0 B of 1.0 kB, 0 B/s\nr2.example/app: 0 of 1 blob, 0 B of 1.0 kB, 0 B/s\n',
    );
  });
});

describe('no progress', () => {
  it('shows nothing and starts nothing', () => {
    const { sink, clock, progress } = show('none');
    start(progress, 1, 1000);
    clock.advance(100_000);
    progress.stop();
    expect([sink.text, clock.pending]).toEqual(['', 0]);
  });
});

describe('the rate', () => {
  it('is measured over the last five seconds', () => {
    const rate = new Rate();
    rate.sample(0, 0);
    expect(rate.perSecond()).toBeUndefined();
    for (let second = 1; second <= 60; second++)
      rate.sample(second * 1000, second <= 50 ? 0 : (second - 50) * 100);
    expect(rate.perSecond()).toBe(100);
  });
});

describe('the line for the whole', () => {
  const standing = {
    target,
    blobs: { done: 1, known: 2 },
    bytes: { done: 500, known: 1000 },
    moved: 500,
    complete: true,
    active: [],
  };
  const at = (perSecond: number | undefined, stillMs = 0) => ({
    perSecond: () => perSecond,
    stillMs: () => stillMs,
  });

  it('tells no remaining time where that is not known', () => {
    expect(standingLine(standing, at(undefined))).toBe('1 of 2 blobs, 500 B of 1.0 kB');
    expect(standingLine(standing, at(0))).toBe('1 of 2 blobs, 500 B of 1.0 kB, 0 B/s');
    expect(standingLine({ ...standing, complete: false }, at(10))).not.toContain('left');
    expect(standingLine(standing, at(0.001))).not.toContain('left');
  });

  it('tells at least a second', () => {
    expect(standingLine(standing, at(1_000_000))).toMatch(/, 1\.0 s left$/);
  });

  it('tells of no remaining time when nothing moves any more, and of nothing when all is done', () => {
    expect(standingLine(standing, at(100, 4_000))).toBe(
      '1 of 2 blobs, 500 B of 1.0 kB, nothing moved for 4.0 s',
    );
    const done = { ...standing, blobs: { done: 2, known: 2 }, bytes: { done: 1000, known: 1000 } };
    expect(standingLine(done, at(100, 4_000))).toBe('2 of 2 blobs, 1.0 kB of 1.0 kB');
  });
});
