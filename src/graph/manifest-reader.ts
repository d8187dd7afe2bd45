import type { ContentSource, Manifest, ManifestKey, Op } from '../content/store.js';
import { isRegferryError, RegferryError, withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { DEPTH, MANIFEST_BYTES, NODES, TREE_BYTES } from '../spec/limits.js';
import { blobsOf, viewManifest, type ManifestView } from '../spec/manifest.js';
import { callsItself, detectMediaType, knownType } from '../spec/manifest-type.js';
import { isBlobType } from '../spec/media-types.js';
import { printable } from '../spec/printable.js';
import { readIfObject } from './read-if-object.js';
import { readBlob, readingBlob } from './read-blob.js';
import type { ResumePolicy } from './resuming.js';

/** A manifest that was read from the source, and what it names. */
export interface Node {
  readonly manifest: Manifest;
  readonly view: ManifestView;
  /** What it lists as an index, in order: manifests, as a rule, but what an entry is its bytes tell. */
  readonly children: readonly Descriptor[];
  /** Blobs that it names as an image: config, then layers. */
  readonly blobs: readonly Descriptor[];
}

/**
 * A manifest with what it names: what it is its bytes tell, and its descriptor has that type then, whatever it was called.
 * Throws E_MANIFEST, E_SCHEMA1, E_LIMIT, E_ALGORITHM.
 */
export function nodeOf({ bytes, descriptor, label }: Manifest): Node {
  const mediaType = detectMediaType(bytes, descriptor.mediaType, label) ?? descriptor.mediaType;
  const view = viewManifest(bytes, mediaType);
  const manifest = { bytes, descriptor: { ...descriptor, mediaType } };
  if (view.kind === 'index') return { manifest, view, children: view.manifests, blobs: [] };
  return { manifest, view, children: [], blobs: blobsOf(view) };
}

/** What a manifest was called: in the index that lists it, and by the place that it came from. */
export interface Labels {
  readonly listed: string | undefined;
  readonly called: string | undefined;
}

/** Told of what is read, and what it was called. */
export interface LabelWatcher {
  manifest(source: ContentSource, node: Node, labels: Labels): void;
  /** An entry of an index turned out to be a blob. */
  blob(source: ContentSource, entry: Descriptor): void;
}

/** How manifests are read. */
export interface ReaderOptions extends Op {
  /** Runs each request, so many at a time as the caller likes. @default at once */
  readonly limit?: (<T>(task: () => Promise<T>) => Promise<T>) | undefined;
  /** How a blob is read that breaks off. @default it is not read again */
  readonly resume?: ResumePolicy | undefined;
  /** Told what was called something else than it is. */
  readonly labels?: LabelWatcher | undefined;
  /** Told how many bytes each manifest has that was read. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/**
 * Reads the manifests of one image from the source, each once however many targets, indexes or tags ask for it.
 * Depth and the number of manifests and blobs are capped (E_LIMIT); all errors are the source's.
 */
export class ManifestReader {
  readonly source: ContentSource;
  readonly #options: ReaderOptions;
  readonly #limit: <T>(task: () => Promise<T>) => Promise<T>;
  readonly #nodes = new Map<string, Promise<Node>>();
  /** Entries of indexes: what they are, or that they are blobs. */
  readonly #entries = new Map<string, Promise<Node | undefined>>();
  /** Bytes of each manifest and blob that is known of. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;

  constructor(source: ContentSource, options: ReaderOptions = {}) {
    this.source = source;
    this.#options = options;
    this.#limit = options.limit ?? ((task) => task());
  }

  /**
   * Reads the manifest that the walk starts at. One that can only be copied as it is, since nobody knows what it names, is
   * refused (E_MANIFEST).
   */
  async root(key: ManifestKey): Promise<Node> {
    const node = await this.#limit(() => this.#read(key));
    if (node.view.kind === 'opaque') throw this.#notKnown(node.manifest);
    this.#nodes.set(node.manifest.descriptor.digest, Promise.resolve(node));
    return node;
  }

  /**
   * Reads a manifest that another one named; `depth` is 1 for the children of the root. A failure is for those who waited
   * for it: the next one tries.
   */
  child(descriptor: Descriptor, depth: number): Promise<Node> {
    const known = this.#nodes.get(descriptor.digest);
    if (known !== undefined) return known;
    if (depth > DEPTH) return Promise.reject(this.#tooMuch(`indexes nested deeper than ${DEPTH}`));
    const reading = this.#limit(() => this.#read(descriptor));
    this.#nodes.set(descriptor.digest, reading);
    reading.catch(() => this.#nodes.delete(descriptor.digest));
    return reading;
  }

  /**
   * Reads what an index lists. What it is its bytes tell, whatever it is listed as; undefined for a blob. The source is asked
   * for it as what it is listed as first, and as a blob where that is not known: asked for a blob as a manifest, distribution
   * answers 500. A failure is for those who waited for it.
   */
  entry(descriptor: Descriptor, depth: number): Promise<Node | undefined> {
    let entry = this.#entries.get(descriptor.digest);
    if (entry !== undefined) return entry;
    const isManifest = knownType(descriptor.mediaType) !== undefined;
    entry = isManifest ? this.#manifestFirst(descriptor, depth) : this.#blobFirst(descriptor, depth);
    this.#entries.set(descriptor.digest, entry);
    entry.catch(() => this.#entries.delete(descriptor.digest));
    return entry;
  }

  /** A blob of at most 4 MiB that a manifest names, checked. Throws as {@link readBlob} does. */
  blob(descriptor: Descriptor): Promise<Buffer> {
    return readBlob(this.source, descriptor, this.#options);
  }

  /** Waits until nothing is being read any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#entries.values());
    await Promise.allSettled(this.#nodes.values());
  }

  async #read(key: ManifestKey): Promise<Node> {
    try {
      const manifest = await this.source.fetch(key, { signal: this.#options.signal });
      return this.#taken(manifest, 'digest' in key ? key.mediaType : undefined);
    } catch (error) {
      throw withSide(error, 'source', this.#options.signal);
    }
  }

  #taken(manifest: Manifest, listed: string | undefined): Node {
    const node = nodeOf(manifest);
    this.#count(node);
    this.#options.labels?.manifest(this.source, node, { listed, called: manifest.label });
    return node;
  }

  async #manifestFirst(descriptor: Descriptor, depth: number): Promise<Node | undefined> {
    try {
      return await this.child(descriptor, depth);
    } catch (error) {
      if (!isRegferryError(error) || error.code !== 'E_NOT_FOUND') throw error;
      const found = await this.#limit(() => this.#readAsBlob(descriptor));
      if (isRegferryError(found)) throw error;
      return this.#settled(found, descriptor);
    }
  }

  async #blobFirst(descriptor: Descriptor, depth: number): Promise<Node | undefined> {
    const found = await this.#limit(() => this.#readAsBlob(descriptor));
    if (!isRegferryError(found)) return this.#settled(found, descriptor);
    try {
      return await this.child(descriptor, depth);
    } catch (error) {
      throw isBlobType(descriptor.mediaType) ? found : error;
    }
  }

  /** What the source has as a blob: a manifest, or none; or why it does not have it. */
  async #readAsBlob(descriptor: Descriptor): Promise<Node | 'blob' | RegferryError> {
    const { mediaType } = descriptor;
    if (descriptor.size > MANIFEST_BYTES) return 'blob';
    try {
      const bytes = await readingBlob(this.source, descriptor, this.#options, readIfObject);
      if (bytes === undefined) return 'blob';
      const isNamed = !isBlobType(mediaType) && callsItself(bytes, mediaType);
      const isManifest = detectMediaType(bytes) !== undefined || isNamed;
      return isManifest ? this.#taken({ descriptor, bytes }, mediaType) : 'blob';
    } catch (error) {
      const failure = withSide(error, 'source', this.#options.signal);
      if (failure.code === 'E_NOT_FOUND' || (failure.status ?? 0) >= 400) return failure;
      throw failure;
    }
  }

  #settled(found: Node | 'blob', descriptor: Descriptor): Node | undefined {
    if (found === 'blob') {
      this.#options.labels?.blob(this.source, descriptor);
      return undefined;
    }
    this.#nodes.set(descriptor.digest, Promise.resolve(found));
    return found;
  }

  #notKnown({ descriptor }: Manifest): RegferryError {
    const { mediaType, digest } = descriptor;
    const message = `${this.source.toString()}: ${digest} is ${printable(mediaType, 120)}, which is no manifest that is known: what it names could not be copied with it`;
    return new RegferryError('E_MANIFEST', message, { side: 'source', digest });
  }

  #count({ manifest, children, blobs }: Node): void {
    for (const { digest, size } of [manifest.descriptor, ...children, ...blobs]) {
      const known = this.#sizes.get(digest) ?? size;
      if (known !== size) throw this.#twoSizes(digest, known, size);
      this.#sizes.set(digest, size);
    }
    this.#bytes += manifest.bytes.length;
    this.#options.onRead?.(manifest.bytes.length);
    if (this.#bytes > TREE_BYTES) throw this.#tooMuch(`manifests of more than ${TREE_BYTES} bytes in all`);
    if (this.#sizes.size > NODES) throw this.#tooMuch(`more than ${NODES} manifests and blobs`);
  }

  #twoSizes(digest: string, one: number, other: number): RegferryError {
    const message = `${this.source.toString()}: ${digest} is named with ${one} and with ${other} bytes, which cannot both be true`;
    return new RegferryError('E_SIZE_MISMATCH', message, { side: 'source', digest });
  }

  #tooMuch(what: string): RegferryError {
    return new RegferryError('E_LIMIT', `${this.source.toString()}: ${what}; refused`, { side: 'source' });
  }
}
