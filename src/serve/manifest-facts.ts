import { isRegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { childrenOf, viewManifest } from '../spec/manifest.js';
import { detectMediaType } from '../spec/manifest-type.js';

/** Most manifests whose facts are kept, an index counted once for each of its entries. */
const mostKept = 50_000;

/** What a registry needs to know of a manifest to find others by it. */
export interface ManifestFacts {
  /** The type that the bytes tell by themselves; undefined where they do not. */
  readonly detected: string | undefined;
  readonly subject: Digest | undefined;
  readonly children: readonly Descriptor[];
}

/** The facts of a manifest of this type. One that cannot be read as such has none. */
export function factsOf(bytes: Buffer, mediaType: string): ManifestFacts {
  const detected = attempt(() => detectMediaType(bytes));
  const view = attempt(() => viewManifest(bytes, detectMediaType(bytes, mediaType) ?? mediaType));
  if (view === undefined || view.kind === 'opaque') return { detected, subject: undefined, children: [] };
  const children = childrenOf(view).map(({ digest, size, ...child }) => {
    return { mediaType: child.mediaType, digest, size };
  });
  return { detected, subject: view.subject?.digest, children };
}

/** The facts of the manifests that were asked for last: what is named by its digest does not change. */
export class FactsCache {
  readonly #kept = new Map<string, ManifestFacts>();
  #count = 0;

  /** The facts of a manifest; it is read where they are not known. Undefined when it cannot be read. */
  async of(
    { digest, mediaType }: Descriptor,
    read: () => Promise<Buffer | undefined>,
  ): Promise<ManifestFacts | undefined> {
    const key = `${digest} ${mediaType}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const bytes = await read();
    if (bytes === undefined) return undefined;
    const facts = factsOf(bytes, mediaType);
    if (!this.#kept.has(key)) this.#count += 1 + facts.children.length;
    this.#kept.set(key, facts);
    for (const [oldest, { children }] of this.#kept) {
      if (this.#count <= mostKept || oldest === key) break;
      this.#kept.delete(oldest);
      this.#count -= 1 + children.length;
    }
    return facts;
  }
}

/** Undefined for what was refused: manifests that got here by another way than a push may be anything. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isRegferryError(error)) return undefined;
    throw error;
  }
}
