import type { Descriptor } from '../spec/descriptor.js';
import type { BlobCounts } from './report.js';

/** What moved to one repository. */
export interface ContentCounts {
  readonly blobs: BlobCounts;
  readonly manifests: { copied: number; skipped: number };
  readonly bytes: { copied: number; mounted: number; skipped: number };
}

/** What became of a blob that was not left out. */
export type Moved = 'copied' | 'mounted' | 'skipped';

/**
 * Counts each blob and manifest of one repository once, by what became of it in the end: one that was found missing
 * after all and brought again counts as copied.
 */
export class ContentTally {
  readonly counts: ContentCounts = {
    blobs: { copied: 0, mounted: 0, skipped: 0, foreign: 0 },
    manifests: { copied: 0, skipped: 0 },
    bytes: { copied: 0, mounted: 0, skipped: 0 },
  };
  readonly #blobs = new Map<string, Moved>();
  readonly #manifests = new Map<string, 'copied' | 'skipped'>();

  blob({ digest, size }: Descriptor, state: Moved): void {
    const before = this.#blobs.get(digest);
    if (before !== undefined) this.#add(before, -1, -size);
    this.#blobs.set(digest, state);
    this.#add(state, 1, size);
  }

  /** What became of a blob, as far as is known. */
  stateOf(digest: string): Moved | undefined {
    return this.#blobs.get(digest);
  }

  foreign(): void {
    this.counts.blobs.foreign += 1;
  }

  manifest(digest: string, state: 'copied' | 'skipped'): void {
    const before = this.#manifests.get(digest);
    if (before !== undefined) this.counts.manifests[before] -= 1;
    this.#manifests.set(digest, state);
    this.counts.manifests[state] += 1;
  }

  #add(state: Moved, count: number, bytes: number): void {
    this.counts.blobs[state] += count;
    this.counts.bytes[state] += bytes;
  }
}
