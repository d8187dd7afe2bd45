import { describe, expect, it } from 'vitest';

import { ContentTally } from '../../../src/copy/content-tally.js';
import type { CopyEvent } from '../../../src/copy/events.js';
import { descriptorOf } from '../registry/open-repository.js';

const a = descriptorOf(Buffer.from('a'));
const b = descriptorOf(Buffer.from('bb'));
const c = descriptorOf(Buffer.from('ccc'));

function tallying() {
  const events: CopyEvent[] = [];
  return { events, tally: new ContentTally('host/app', (event) => events.push(event)) };
}

describe('the tally of a repository', () => {
  it('counts blobs and manifests by what became of them in the end', () => {
    const { tally } = tallying();
    tally.blob(a, 'copied');
    tally.blob(b, 'skipped');
    tally.blob(c, 'mounted');
    tally.foreign(a);
    tally.manifest(a, 'skipped');
    expect(tally.counts).toEqual({
      blobs: { copied: 1, mounted: 1, skipped: 1, foreign: 1 },
      manifests: { copied: 0, skipped: 1 },
      bytes: { copied: 1, mounted: 3, skipped: 2 },
    });
    // found missing after all, and brought again
    tally.blob(b, 'copied');
    tally.manifest(a, 'copied');
    expect(tally.counts).toEqual({
      blobs: { copied: 2, mounted: 1, skipped: 0, foreign: 1 },
      manifests: { copied: 1, skipped: 0 },
      bytes: { copied: 3, mounted: 3, skipped: 0 },
    });
  });

  it('tells what it counts', () => {
    const { tally, events } = tallying();
    tally.tell(b, 'started');
    tally.progress(b, 1);
    tally.blob(b, 'copied');
    tally.manifest(a, 'copied');
    const blob = { type: 'blob', target: 'host/app', digest: b.digest, size: 2 };
    expect(events).toEqual([
      { ...blob, state: 'started' },
      { type: 'progress', target: 'host/app', digest: b.digest, bytes: 1 },
      { ...blob, state: 'copied' },
      { type: 'manifest', target: 'host/app', digest: a.digest, state: 'copied' },
    ]);
  });

  it('knows the whole once every manifest was read or needs no reading', () => {
    const { tally, events } = tallying();
    tally.found();
    tally.found();
    tally.read([a]);
    tally.read([a, b, b]);
    tally.read([]);
    expect(events).toEqual(
      [
        { blobs: 1, bytes: 1, complete: false },
        { blobs: 2, bytes: 3, complete: false },
        { blobs: 2, bytes: 3, complete: true },
      ].map((numbers) => ({ type: 'walked', target: 'host/app', ...numbers })),
    );
  });
});
