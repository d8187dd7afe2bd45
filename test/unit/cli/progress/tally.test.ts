import { describe, expect, it } from 'vitest';

import { type Standing, Tally } from '../../../../src/cli/progress/tally.js';
import type { BlobState, RegferryEvent } from '../../../../src/copy/events.js';

const target = 'r.example/app';

function blob(digest: string, size: number, state: BlobState, at = target): RegferryEvent {
  return { type: 'blob', target: at, digest, size, state };
}

function progress(digest: string, bytes: number): RegferryEvent {
  return { type: 'progress', target, digest, bytes };
}

function walked(blobs: number, bytes: number, complete: boolean, at = target): RegferryEvent {
  return { type: 'walked', target: at, blobs, bytes, complete };
}

function tallyOf(...events: RegferryEvent[]): {
  standing(at?: string): Standing | undefined;
  record: Tally['record'];
} {
  const tally = new Tally();
  for (const event of events) tally.record(event);
  return {
    standing: (at = target) => tally.standings().find((standing) => standing.target === at),
    record: (event) => {
      tally.record(event);
    },
  };
}

describe('the tally of a copy', () => {
  it('adds up what is known, done and under way', () => {
    const tally = tallyOf(
      walked(4, 1000, true),
      blob('a', 100, 'skipped'),
      blob('b', 200, 'mounted'),
      blob('c', 300, 'started'),
      progress('c', 120),
    );
    expect(tally.standing()).toEqual({
      target,
      blobs: { done: 2, known: 4 },
      bytes: { done: 420, known: 1000 },
      moved: 120,
      complete: true,
      active: [{ target, digest: 'c', size: 300, bytes: 120 }],
    });
  });

  it('counts a finished blob once, whatever its last progress was', () => {
    const tally = tallyOf(
      walked(1, 300, true),
      blob('c', 300, 'started'),
      progress('c', 120),
      blob('c', 300, 'copied'),
    );
    expect(tally.standing()).toMatchObject({
      blobs: { done: 1 },
      bytes: { done: 300 },
      moved: 300,
      active: [],
    });
  });

  it('goes back where a blob starts over, but what moved has moved', () => {
    const tally = tallyOf(blob('c', 300, 'started'), progress('c', 200), progress('c', 0), progress('c', 50));
    expect(tally.standing()).toMatchObject({ bytes: { done: 50 }, moved: 250 });
  });

  it('forgets a blob that failed', () => {
    const tally = tallyOf(
      walked(1, 300, true),
      blob('c', 300, 'started'),
      progress('c', 200),
      blob('c', 300, 'failed'),
    );
    expect(tally.standing()).toMatchObject({ blobs: { done: 0 }, bytes: { done: 0 }, active: [] });
  });

  it('keeps targets apart, so that a blob that two of them get is not counted as two', () => {
    const other = 'r.example/other';
    const tally = tallyOf(
      walked(1, 10, true),
      walked(1, 10, false, other),
      blob('a', 10, 'started'),
      blob('a', 10, 'copied', other),
      progress('a', 4),
    );
    expect(tally.standing()).toMatchObject({ bytes: { done: 4, known: 10 }, complete: true });
    expect(tally.standing(other)).toMatchObject({
      blobs: { done: 1, known: 1 },
      bytes: { done: 10, known: 10 },
      complete: false,
    });
  });

  it('never knows of less than is done', () => {
    expect(tallyOf(blob('a', 7, 'copied')).standing()).toMatchObject({
      blobs: { done: 1, known: 1 },
      bytes: { done: 7, known: 7 },
      complete: false,
    });
  });
});
