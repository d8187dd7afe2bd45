import { isRegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { blobsOf, viewManifest, type ManifestView } from '../spec/manifest.js';
import { detectMediaType } from '../spec/manifest-type.js';
import type { LayoutIndex } from '../content/layout-index.js';
import type { Manifest } from '../content/store.js';

/** Most blobs and manifests of a repository whose sizes are remembered. */
const mostKnown = 100_000;

/** Most manifests that are read to find out the size of one blob. */
const mostRead = 10_000;

/** What is looked at to find out sizes. */
export interface SizedManifests {
  index(): Promise<LayoutIndex>;
  below(index: LayoutIndex): AsyncIterable<Descriptor>;
  read(digest: Digest): Promise<Buffer | undefined>;
}

/**
 * The sizes that the blobs of a repository should have: those with which its manifests name them, and those of blobs that
 * were hashed here. The size that goes with a digest never changes, so that each manifest is read once: as it is served, or
 * together with all others when there is a blob of which nothing is known yet and index.json has changed since.
 */
export class NamedSizes {
  readonly #manifests: SizedManifests;
  readonly #sizes = new Map<Digest, number>();
  readonly #read = new Set<Digest>();
  #walked: LayoutIndex | undefined;
  #walking: Promise<void> | undefined;

  constructor(manifests: SizedManifests) {
    this.#manifests = manifests;
  }

  /** The size that a blob should have; undefined where no manifest tells, as far as they can be read. Never rejects. */
  async of(digest: Digest): Promise<number | undefined> {
    const known = this.#sizes.get(digest);
    if (known !== undefined) return known;
    await (this.#walking ??= this.#walk().finally(() => (this.#walking = undefined)));
    return this.#sizes.get(digest);
  }

  /** Notes the size of a blob that was hashed. It counts more than what a manifest says. */
  learn(digest: Digest, size: number): void {
    if (this.#sizes.size < mostKnown || this.#sizes.has(digest)) this.#sizes.set(digest, size);
  }

  /** Notes what a manifest says of the blobs that it names. */
  see({ descriptor, bytes }: Manifest): void {
    if (this.#read.has(descriptor.digest) || this.#sizes.size >= mostKnown) return;
    this.#read.add(descriptor.digest);
    const view = viewOf(bytes, descriptor.mediaType);
    const named = view === undefined ? [] : view.kind === 'index' ? view.manifests : blobsOf(view);
    for (const { digest, size } of named) if (!this.#sizes.has(digest)) this.learn(digest, size);
  }

  async #walk(): Promise<void> {
    try {
      await this.#readAll(await this.#manifests.index());
    } catch (error) {
      // Whoever asks for a manifest is told; blobs can be served without.
      if (!isRegferryError(error)) throw error;
    }
  }

  async #readAll(index: LayoutIndex): Promise<void> {
    if (index === this.#walked) return;
    let reads = 0;
    for await (const descriptor of this.#manifests.below(index)) {
      if (this.#read.has(descriptor.digest)) continue;
      if (reads >= mostRead || this.#sizes.size >= mostKnown) break;
      reads += 1;
      const bytes = await this.#manifests.read(descriptor.digest);
      if (bytes !== undefined) this.see({ descriptor, bytes });
    }
    this.#walked = index;
  }
}

/** Undefined for what cannot be read as a manifest: it names nothing. */
function viewOf(bytes: Buffer, mediaType: string): ManifestView | undefined {
  try {
    return viewManifest(bytes, detectMediaType(bytes, mediaType) ?? mediaType);
  } catch (error) {
    if (isRegferryError(error)) return undefined;
    throw error;
  }
}
