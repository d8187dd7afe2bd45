import type { Descriptor } from '../spec/descriptor.js';

/** How much there is to do for one repository, as far as that is known: distinct blobs, their bytes, and if that is all. */
export class Extent {
  readonly #blobs = new Set<string>();
  #bytes = 0;
  /** Manifests, or lists of them, that are known of and not read yet. */
  #unread = 0;

  /** Something became known that is to be read and may name more. */
  found(): void {
    this.#unread += 1;
  }

  /** Something that was found needs no more reading: what it names is known, these blobs among it. */
  read(blobs: readonly Descriptor[]): void {
    this.#unread -= 1;
    for (const { digest, size } of blobs) {
      if (!this.#blobs.has(digest)) this.#bytes += size;
      this.#blobs.add(digest);
    }
  }

  get blobs(): number {
    return this.#blobs.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isComplete(): boolean {
    return this.#unread === 0;
  }
}
