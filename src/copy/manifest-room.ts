import { MANIFEST_BYTES, TREE_BYTES } from '../spec/limits.js';
import { HELD_MANIFEST_BYTES } from './limits.js';

/** What a root is taken to need as long as it is not known, once smaller ones were seen. */
const LEAST_ROOT_BYTES = 64 * 1024;

interface Waiter {
  readonly bytes: () => number;
  readonly go: () => void;
}

/**
 * How much all images of a run hold in manifests. An image waits for room before its root is read, and once more, when it is
 * known what the root names, before anything is begun with that; from then on it never waits, since others may need what
 * it has begun. Where no image is that far the first that waits goes on, whatever it needs, so that one always does.
 */
export class ManifestRoom {
  readonly #limit: number;
  readonly #roots: Waiter[] = [];
  readonly #contents: Waiter[] = [];
  #held = 0;
  /** Images that do not wait any more. */
  #begun = 0;
  /** What a root is expected to need. */
  #expected = MANIFEST_BYTES;
  #largest = LEAST_ROOT_BYTES;

  /** @param limit bytes. */
  constructor(limit: number = HELD_MANIFEST_BYTES) {
    this.#limit = limit;
  }

  /** Bytes that are held or set aside now. */
  get held(): number {
    return this.#held;
  }

  /** The part of one image. */
  holding(): Holding {
    let own = 0;
    let used = 0;
    let isBegun = false;
    const take = (bytes: number): void => {
      own += bytes;
      this.#held += bytes;
    };
    return {
      root: async () => {
        const expected = (): number => this.#expected;
        await this.#wait(this.#roots, expected, () => take(expected()));
      },
      content: async (rootBytes, bytes) => {
        this.#largest = Math.max(this.#largest, rootBytes);
        this.#expected = this.#largest;
        take(rootBytes - own);
        this.#admit();
        const named = Math.min(bytes, TREE_BYTES);
        await this.#wait(
          this.#contents,
          () => named,
          () => {
            take(named);
            isBegun = true;
            this.#begun += 1;
          },
        );
      },
      read: (bytes) => {
        used += bytes;
        if (used > own) take(used - own);
      },
      release: () => {
        take(-own);
        if (isBegun) this.#begun -= 1;
        isBegun = false;
        this.#admit();
      },
    };
  }

  async #wait(line: Waiter[], bytes: Waiter['bytes'], go: () => void): Promise<void> {
    await new Promise<void>((resolve) => {
      line.push({
        bytes,
        go: () => {
          go();
          resolve();
        },
      });
      this.#admit();
    });
  }

  #admit(): void {
    while (this.#first(this.#contents, this.#begun === 0));
    while (this.#first(this.#roots, this.#held === 0));
  }

  #first(line: Waiter[], isFree: boolean): boolean {
    const [first] = line;
    if (first === undefined || !(isFree || this.#held + first.bytes() <= this.#limit)) return false;
    line.shift();
    first.go();
    return true;
  }
}

/** What one image holds in manifests. */
export interface Holding {
  /** Waits until there is room for a root. */
  readonly root: () => Promise<void>;
  /** A root of so many bytes was read; waits until there is room for the manifests that it names, of `bytes` in all. */
  readonly content: (rootBytes: number, bytes: number) => Promise<void>;
  /** So many bytes of a manifest were read. */
  readonly read: (bytes: number) => void;
  /** The image is done. */
  readonly release: () => void;
}
