import type { LayoutFiles } from '../content/layout-files.js';
import type { LayoutIndex } from '../content/layout-index.js';
import type { Manifest, ManifestKey } from '../content/store.js';
import { readVerified } from '../content/verify.js';
import { isRegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { ifPlain } from './folder-refusal.js';
import type { IndexCache } from '../content/layout-index-cache.js';
import { factsOf, type FactsCache, type ManifestFacts } from './manifest-facts.js';

/** Most manifests that are looked at below an index.json. */
const mostManifests = 200_000;

/** What the repositories of a folder share. */
export interface FolderCaches {
  readonly indexes: IndexCache;
  readonly facts: FactsCache;
}

/**
 * The manifests of one layout. An index.json names the tagged ones, and by digest those that nothing else names; what
 * an index in it names is found by its digest among the blobs.
 */
export class FolderManifests {
  readonly #files: LayoutFiles;
  readonly #caches: FolderCaches;

  constructor(files: LayoutFiles, caches: FolderCaches) {
    this.#files = files;
    this.#caches = caches;
  }

  /** What index.json says now. */
  async index(): Promise<LayoutIndex> {
    return await this.#caches.indexes.read(this.#files);
  }

  /**
   * A manifest with the type that index.json has for it, else the one that its bytes tell, else the one by which an index
   * names it. Undefined where there is none or the tag is several images', and where its blob is missing, damaged or plainly no manifest.
   */
  async find(key: ManifestKey): Promise<Manifest | undefined> {
    const index = await this.index();
    const entry = entryOf(index, key);
    const digest = 'digest' in key ? key.digest : entry?.digest;
    const bytes = digest === undefined ? undefined : await this.read(digest);
    if (digest === undefined || bytes === undefined) return undefined;
    const mediaType =
      entry?.mediaType ?? factsOf(bytes, '').detected ?? (await this.#typeInParent(index, digest));
    if (mediaType === undefined) return undefined;
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
  }

  /** Every manifest that index.json names, and those below them, each once; also such as are not there. */
  async *below(index: LayoutIndex): AsyncGenerator<Descriptor, void, undefined> {
    const waiting = index.readableRoots();
    const seen = new Set<Digest>();
    for (const descriptor of waiting) {
      if (seen.has(descriptor.digest)) continue;
      seen.add(descriptor.digest);
      yield descriptor;
      const facts = seen.size + waiting.length > mostManifests ? undefined : await this.facts(descriptor);
      waiting.push(...(facts?.children ?? []));
    }
  }

  /** True when index.json, or an index below it, names this digest. */
  async names(index: LayoutIndex, digest: Digest): Promise<boolean> {
    if (index.withDigest(digest) !== undefined) return true;
    for await (const descriptor of this.below(index)) if (descriptor.digest === digest) return true;
    return false;
  }

  /** The manifests whose subject this digest is, in the order of their digests, from behind `after`. */
  async *referrers(subject: Digest, after: string): AsyncGenerator<Manifest, void, undefined> {
    const found: Descriptor[] = [];
    for await (const descriptor of this.below(await this.index())) {
      if (descriptor.digest <= after) continue;
      if ((await this.facts(descriptor))?.subject === subject) found.push(descriptor);
    }
    for (const { digest, mediaType } of found.sort((a, b) => (a.digest < b.digest ? -1 : 1))) {
      const bytes = await this.read(digest);
      if (bytes !== undefined) yield { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    }
  }

  /** True when these bytes are there, undamaged. */
  async has({ descriptor, bytes }: Manifest): Promise<boolean> {
    return (await this.read(descriptor.digest))?.equals(bytes) === true;
  }

  /** What is known of a manifest; undefined where it is not there. */
  async facts(descriptor: Descriptor): Promise<ManifestFacts | undefined> {
    return await this.#caches.facts.of(descriptor, () => this.read(descriptor.digest));
  }

  async #typeInParent(index: LayoutIndex, digest: Digest): Promise<string | undefined> {
    for await (const descriptor of this.below(index)) {
      if (descriptor.digest === digest) return descriptor.mediaType;
    }
    return undefined;
  }

  /** The bytes of a manifest. A damaged manifest counts as one that is not there, so that it can be pushed again. */
  async read(digest: Digest): Promise<Buffer | undefined> {
    const size = await ifPlain(() => this.#files.blobSize(digest));
    if (size === undefined || size > MANIFEST_BYTES) return undefined;
    const stream = await this.#files.openBlob(digest, 0);
    if (stream === undefined) return undefined;
    try {
      return await readVerified(stream, { digest, size }, MANIFEST_BYTES);
    } catch (error) {
      if (isRegferryError(error) && /^E_(?:SIZE|DIGEST)_MISMATCH$/.test(error.code)) return undefined;
      throw error;
    }
  }
}

/** A tag that several images have stands for none of them: that was told when the index was read. */
function entryOf(index: LayoutIndex, key: ManifestKey): Descriptor | undefined {
  if ('digest' in key) return index.withDigest(key.digest);
  return index.isDisputed(key.tag) ? undefined : index.tagged(key.tag);
}
