import type { ContentTarget, Manifest, ManifestKey } from '../content/store.js';
import { RegferryError, isRegferryError, throwIfAborted } from '../errors.js';
import { cleanMediaType } from '../spec/media-types.js';
import type { Lanes } from './lanes.js';

/** How long a registry may go on showing the old state after a write, in steps; 7.7 s in all. */
export const READ_BACK_WAITS_MS = [200, 500, 1000, 2000, 4000] as const;

/** What a tag was before: a digest, absent (null), or not known. */
export type Previous = string | null | undefined;

/** What {@link prove} compares, and how it waits. */
export interface Proof {
  readonly target: Pick<ContentTarget, 'resolve' | 'fetch'>;
  readonly key: ManifestKey;
  /** How the reference is printed. */
  readonly reference: string;
  readonly expected: Manifest;
  readonly previous: Previous;
  readonly signal: AbortSignal;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** What is asked for a proof, in its turn. */
export function throughLane(store: ContentTarget, lanes: Lanes): Proof['target'] {
  return {
    fetch: (...args) => lanes.check(() => store.fetch(...args)),
    resolve: (...args) => lanes.check(() => store.resolve(...args)),
  };
}

/**
 * Reads a reference back and compares its bytes, hashed here, with what was written. The old state is asked again for up
 * to 8 s, as is any state where the old one is not known; another well-formed digest is someone else's write
 * (E_TAG_MOVED); bytes that are not their own digest, or come back under another media type, are E_READ_BACK.
 */
export async function prove(proof: Proof): Promise<void> {
  const { expected, reference, signal } = proof;
  const { digest, mediaType } = expected.descriptor;
  let found: Manifest | undefined;
  for (const wait of [...READ_BACK_WAITS_MS, undefined]) {
    found = await readBack(proof);
    // Bytes, not digests: a registry may know a tag's manifest by another algorithm than the source did.
    if (found?.bytes.equals(expected.bytes) === true) {
      const type = cleanMediaType(found.label) ?? found.descriptor.mediaType;
      if (type === mediaType) return;
      throw new RegferryError(
        'E_READ_BACK',
        `${reference} was written as ${mediaType} but reads back as ${type}`,
        { side: 'target', digest },
      );
    }
    const another = found !== undefined && found.descriptor.digest !== proof.previous;
    if (another && proof.previous !== undefined) break;
    if (wait !== undefined) await proof.sleep(wait, signal);
  }
  if (found !== undefined && found.descriptor.digest !== proof.previous) {
    if (!(await isKept(proof))) {
      throw new RegferryError(
        'E_READ_BACK',
        `${reference} was written as ${digest}, but the registry did not keep that: it reads back as ${found.descriptor.digest}, which the tag is now`,
        { side: 'target', digest },
      );
    }
    throw new RegferryError(
      'E_TAG_MOVED',
      `${reference} was written as ${digest} but reads back as ${found.descriptor.digest}: someone else moved the tag meanwhile`,
      { side: 'target', digest },
    );
  }
  throw new RegferryError(
    'E_READ_BACK',
    `${reference} was written as ${digest} and accepted, but 8 s later reads back as ${found?.descriptor.digest ?? 'absent'}`,
    { side: 'target', digest },
  );
}

/** Whether what was written is there by digest: if not, nobody moved the tag, the registry rewrote the manifest. */
async function isKept({ target, expected, signal }: Proof): Promise<boolean> {
  try {
    const key = { digest: expected.descriptor.digest };
    return (await target.resolve(key, { signal, certainty: 'proved' })) !== undefined;
  } catch (error) {
    throwIfAborted(signal);
    if (isRegferryError(error)) return error.code !== 'E_NOT_FOUND';
    throw error;
  }
}

async function readBack(proof: Proof): Promise<Manifest | undefined> {
  try {
    return await proof.target.fetch(proof.key, { signal: proof.signal });
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    if (error.code === 'E_NOT_FOUND') return undefined;
    if (error.code === 'E_DIGEST_MISMATCH' || error.code === 'E_SIZE_MISMATCH') {
      throw new RegferryError(
        'E_READ_BACK',
        `${proof.reference} was written, but its read-back: ${error.message}`,
        {
          side: 'target',
          digest: proof.expected.descriptor.digest,
          cause: error,
        },
      );
    }
    throw error;
  }
}
