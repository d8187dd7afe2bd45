import type { ContentSource, Manifest, ManifestKey, Op } from '../content/store.js';
import { RegferryError, withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { DEPTH, NODES, TREE_BYTES } from '../spec/limits.js';
import { blobsOf, childrenOf, viewManifest, type ManifestView } from '../spec/manifest.js';
import type { Lanes } from './lanes.js';

/** A manifest that was read from the source, and what it names. */
export interface Node {
  readonly manifest: Manifest;
  readonly view: ManifestView;
  /** Manifests that it names, in order. */
  readonly children: readonly Descriptor[];
  /** Blobs that it names: config, then layers. */
  readonly blobs: readonly Descriptor[];
}

/** A manifest with what it names. Throws E_MANIFEST, E_SCHEMA1, E_LIMIT, E_ALGORITHM. */
export function nodeOf(manifest: Manifest): Node {
  const view = viewManifest(manifest.bytes, manifest.descriptor.mediaType);
  return { manifest, view, children: childrenOf(view), blobs: blobsOf(view) };
}

/**
 * Reads the manifests of one image from the source, each once however many targets, indexes or tags ask for it.
 * Depth and the number of manifests and blobs are capped (E_LIMIT); all errors are the source's.
 */
export class Walk {
  readonly #source: ContentSource;
  readonly #lanes: Lanes;
  readonly #op: Op;
  readonly #nodes = new Map<string, Promise<Node>>();
  /** Bytes of each manifest and blob that is known of. */
  readonly #sizes = new Map<string, number>();
  readonly #onRead: (bytes: number) => void;
  #bytes = 0;

  /** @param onRead told how many bytes each manifest has that was read. */
  constructor(
    source: ContentSource,
    lanes: Lanes,
    op: Op,
    onRead: (bytes: number) => void = () => undefined,
  ) {
    this.#source = source;
    this.#lanes = lanes;
    this.#op = op;
    this.#onRead = onRead;
  }

  /** Reads the manifest that the walk starts at. */
  async root(key: ManifestKey): Promise<Node> {
    const node = await this.#lanes.check(() => this.#read(key));
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
    const reading = this.#lanes.check(() => this.#read(descriptor));
    this.#nodes.set(descriptor.digest, reading);
    reading.catch(() => this.#nodes.delete(descriptor.digest));
    return reading;
  }

  /** Waits until nothing is being read any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#nodes.values());
  }

  async #read(key: ManifestKey): Promise<Node> {
    try {
      const node = nodeOf(await this.#source.fetch(key, this.#op));
      this.#count(node);
      return node;
    } catch (error) {
      throw withSide(error, 'source', this.#op.signal);
    }
  }

  #count({ manifest, children, blobs }: Node): void {
    for (const { digest, size } of [manifest.descriptor, ...children, ...blobs]) {
      const known = this.#sizes.get(digest) ?? size;
      if (known !== size) throw this.#twoSizes(digest, known, size);
      this.#sizes.set(digest, size);
    }
    this.#bytes += manifest.bytes.length;
    this.#onRead(manifest.bytes.length);
    if (this.#bytes > TREE_BYTES) throw this.#tooMuch(`manifests of more than ${TREE_BYTES} bytes in all`);
    if (this.#sizes.size > NODES) throw this.#tooMuch(`more than ${NODES} manifests and blobs`);
  }

  #twoSizes(digest: string, one: number, other: number): RegferryError {
    const message = `${this.#source.toString()}: ${digest} is named with ${one} and with ${other} bytes, which cannot both be true`;
    return new RegferryError('E_SIZE_MISMATCH', message, { side: 'source', digest });
  }

  #tooMuch(what: string): RegferryError {
    return new RegferryError('E_LIMIT', `${this.#source.toString()}: ${what}; refused`, { side: 'source' });
  }
}
