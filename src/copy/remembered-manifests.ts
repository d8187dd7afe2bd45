import { ForwardingSource } from '../content/forwarding.js';
import type { ContentSource, Manifest, ManifestKey, Op, ResolveOptions } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';

/** Bytes of manifests that are kept: those of a thousand tags, as they usually are. */
const KEPT_BYTES: number = 8 * 1024 * 1024;

/** A manifest on its way, and how it was named. */
interface Reading {
  readonly key: DigestKey;
  readonly answer: Promise<Manifest>;
}

type DigestKey = Exclude<ManifestKey, { tag: string }>;

/**
 * A source whose manifest GETs are metered and whose HEADs are not: a tag that was asked for by HEAD is read by its digest
 * then, and a manifest that was read already is not read again while it is among the latest. Docker Hub's repositories have
 * several tags for most images.
 */
export class RememberedManifests extends ForwardingSource {
  readonly #limit: number;
  /** Digests of tags that were asked for and not read yet. */
  readonly #digests = new Map<string, Descriptor['digest']>();
  /** By digest, the latest last. */
  readonly #kept = new Map<string, Manifest>();
  readonly #reading = new Map<string, Reading>();
  #bytes = 0;

  /** @param limit most bytes of manifests to keep. */
  constructor(source: ContentSource, limit: number = KEPT_BYTES) {
    super(source);
    this.#limit = limit;
  }

  override async resolve(key: ManifestKey, options?: ResolveOptions): Promise<Descriptor | undefined> {
    const found = await super.resolve(key, options);
    if ('tag' in key && found !== undefined) this.#digests.set(key.tag, found.digest);
    return found;
  }

  override fetch(key: ManifestKey, op?: Op): Promise<Manifest> {
    if (!('tag' in key)) return this.#remembered(key, op);
    const digest = this.#digests.get(key.tag);
    this.#digests.delete(key.tag);
    return digest === undefined ? super.fetch(key, op) : this.#remembered({ digest }, op);
  }

  async #remembered(key: DigestKey, op?: Op): Promise<Manifest> {
    const { digest } = key;
    const others = this.#reading.get(digest);
    const manifest = this.#kept.get(digest) ?? (others && (await answerOf(others, key)));
    if (manifest !== undefined && isAnswer(manifest, key)) return this.#keep(manifest);
    const answer = super.fetch(key, op).then((read) => this.#keep(read));
    const reading = { key, answer };
    this.#reading.set(digest, reading);
    try {
      return await answer;
    } finally {
      if (this.#reading.get(digest) === reading) this.#reading.delete(digest);
    }
  }

  #keep(manifest: Manifest): Manifest {
    const { digest } = manifest.descriptor;
    const before = this.#kept.get(digest);
    this.#kept.delete(digest);
    this.#kept.set(digest, manifest);
    this.#bytes += manifest.bytes.length - (before?.bytes.length ?? 0);
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= this.#limit) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes.length;
    }
    return manifest;
  }
}

/** What others are reading. Their failure is that of all who ask the same; what is named otherwise may fare better. */
async function answerOf({ key, answer }: Reading, wanted: DigestKey): Promise<Manifest | undefined> {
  if (key.size === wanted.size && key.mediaType === wanted.mediaType) return answer;
  return answer.catch(() => undefined);
}

/** False for one that was named with another size or type, which the source has to judge. */
function isAnswer({ descriptor }: Manifest, { size = -1, mediaType }: DigestKey): boolean {
  return (
    (size < 0 || size === descriptor.size) && (mediaType ?? descriptor.mediaType) === descriptor.mediaType
  );
}
