import type { LayoutFiles } from './layout-files.js';
import { readIndex, type LayoutIndex } from './layout-index.js';
import type { LayoutLock } from './layout-lock.js';

/** Most names of which it is remembered that they were told. */
const mostTold = 10_000;

/** Most bytes of index.json files whose contents are kept. */
const mostBytes = 16 * 1024 * 1024;

interface Kept {
  readonly stamp: string;
  readonly index: LayoutIndex;
  readonly bytes: number;
}

/**
 * The index.json files that were read last. Each is looked at before it is trusted, because other programs write to
 * layouts as well, and replace the file when they do.
 */
export class IndexCache {
  readonly #kept = new Map<string, Kept>();
  readonly #told = new Set<string>();
  readonly #onNote: (message: string) => void;
  #bytes = 0;

  /** `onNote` is told once of each name in an index.json that cannot be asked for, in one line. */
  constructor(onNote: (message: string) => void = () => undefined) {
    this.#onNote = onNote;
  }

  /** What the layout's index.json says now. Throws as readIndex does. */
  async read(files: LayoutFiles): Promise<LayoutIndex> {
    // The stamp is taken first: if the file is replaced in between, the next reader finds another stamp.
    const state = await files.indexState();
    const kept = this.#kept.get(files.root);
    if (kept !== undefined && kept.stamp === state?.stamp) {
      this.#kept.delete(files.root);
      this.#kept.set(files.root, kept);
      return kept.index;
    }
    const index = await readIndex(files);
    this.#tell(files.root, index);
    if (state !== undefined) this.#keep(files.root, { stamp: state.stamp, index, bytes: state.size });
    return index;
  }

  /** Writes index.json, and keeps what it says. Throws E_LIMIT and E_IO, also where the lock was lost. */
  async write(files: LayoutFiles, index: LayoutIndex, lock: LayoutLock): Promise<void> {
    await files.writeTop('index.json', index.toBytes(), () => lock.assertHeld());
    const state = await files.indexState();
    if (state !== undefined) this.#keep(files.root, { stamp: state.stamp, index, bytes: state.size });
  }

  #tell(root: string, index: LayoutIndex): void {
    for (const { message } of index.leftOut()) {
      const note = `left out of ${root}: ${message}`;
      if (this.#told.has(note)) continue;
      if (this.#told.size >= mostTold) return;
      this.#told.add(note);
      this.#onNote(note);
    }
  }

  #keep(root: string, kept: Kept): void {
    this.#bytes += kept.bytes - (this.#kept.get(root)?.bytes ?? 0);
    this.#kept.delete(root);
    this.#kept.set(root, kept);
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= mostBytes || oldest === root) return;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
    }
  }
}
