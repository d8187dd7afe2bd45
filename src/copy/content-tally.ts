import type { Descriptor } from '../spec/descriptor.js';
import type { BlobState, CopyEvent } from './events.js';
import { Extent } from './extent.js';
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
 * Counts each blob and manifest that one image brought to one repository once, by what became of it in the end (one that was found missing
 * after all and brought again counts as copied), and tells it as it happens.
 */
export class ContentTally {
  readonly counts: ContentCounts = {
    blobs: { copied: 0, mounted: 0, skipped: 0, foreign: 0 },
    manifests: { copied: 0, skipped: 0 },
    bytes: { copied: 0, mounted: 0, skipped: 0 },
  };
  readonly #target: string;
  readonly #emit: (event: CopyEvent) => void;
  readonly #blobs = new Map<string, Moved>();
  readonly #manifests = new Map<string, 'copied' | 'skipped'>();
  readonly #extent: Extent;

  /**
   * @param target the repository's printed name.
   * @param extent what is known of all images of the repository, this one among them.
   */
  constructor(target: string, emit: (event: CopyEvent) => void, extent: Extent = new Extent()) {
    this.#target = target;
    this.#emit = emit;
    this.#extent = extent;
    this.found(); // the root
  }

  /** A manifest became known that is to be read, unless the target has it. */
  found(): void {
    this.#extent.found();
  }

  /** A manifest needs no more reading: what it names is known, these blobs among it. */
  read(blobs: readonly Descriptor[]): void {
    this.#extent.read(blobs);
    const { blobs: known, bytes, isComplete } = this.#extent;
    this.#emit({ type: 'walked', target: this.#target, blobs: known, bytes, complete: isComplete });
  }

  blob(descriptor: Descriptor, state: Moved): void {
    const { digest, size } = descriptor;
    const before = this.#blobs.get(digest);
    if (before !== undefined) this.#add(before, -1, -size);
    this.#blobs.set(digest, state);
    this.#add(state, 1, size);
    this.tell(descriptor, state);
  }

  foreign(descriptor: Descriptor): void {
    this.counts.blobs.foreign += 1;
    this.tell(descriptor, 'foreign');
  }

  manifest({ digest }: Descriptor, state: 'copied' | 'skipped'): void {
    const before = this.#manifests.get(digest);
    if (before !== undefined) this.counts.manifests[before] -= 1;
    this.#manifests.set(digest, state);
    this.counts.manifests[state] += 1;
    this.#emit({ type: 'manifest', target: this.#target, digest, state });
  }

  /** Tells of a blob without counting it. */
  tell({ digest, size }: Descriptor, state: BlobState): void {
    this.#emit({ type: 'blob', target: this.#target, digest, size, state });
  }

  /** Tells how many bytes of a blob were handed over so far. */
  progress({ digest }: Descriptor, bytes: number): void {
    this.#emit({ type: 'progress', target: this.#target, digest, bytes });
  }

  #add(state: Moved, count: number, bytes: number): void {
    this.counts.blobs[state] += count;
    this.counts.bytes[state] += bytes;
  }
}
