import { detailsOf, isRegferryError, RegferryError, throwIfAborted } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { DEPTH, NODES } from '../spec/limits.js';
import { blobsOf, viewManifest, type ManifestView } from '../spec/manifest.js';
import { detectMediaType } from '../spec/manifest-type.js';
import { isBlobType, isForeignLayerType } from '../spec/media-types.js';
import type { LayoutFiles } from './layout-files.js';
import type { LayoutIndex } from './layout-index.js';
import type { Hole, Inspector, LackingOptions, Op } from './store.js';
import { isIntact } from './verify.js';

/** What reading a manifest throws where it is missing, or is other bytes. */
const damages: readonly string[] = ['E_NOT_FOUND', 'E_SIZE_MISMATCH', 'E_DIGEST_MISMATCH'];

/** What it throws where nothing can be said. */
const unread: readonly string[] = ['E_IO', 'E_LAYOUT', 'E_ABORTED'];

/** What looking at a layout takes. */
export interface LayoutLook {
  readonly files: LayoutFiles;
  /** What index.json says now. */
  readonly index: () => Promise<LayoutIndex>;
  /** A manifest's bytes, checked, or throws. */
  readonly read: (descriptor: Descriptor, op: Op) => Promise<Buffer>;
}

interface Part {
  readonly descriptor: Descriptor;
  readonly kind: Hole['kind'];
  /** True for what could not be read as what it is named; undefined for what was not read. */
  readonly damaged: boolean | undefined;
}

/**
 * Looks at the files of a layout, which anybody may have damaged: all that a manifest names should be there, with the size
 * that it is named with, and manifests should have their own bytes. One that cannot be understood names nothing.
 */
export class LayoutInspector implements Inspector {
  readonly #look: LayoutLook;
  #named: Promise<ReadonlySet<string>> | undefined;

  constructor(look: LayoutLook) {
    this.#look = look;
  }

  /** Throws E_IO, E_LAYOUT, E_ABORTED where that cannot be found out. */
  async lacking(root: Descriptor, options: LackingOptions = {}): Promise<readonly Hole[]> {
    const { files } = this.#look;
    const holes: Hole[] = [];
    for await (const { descriptor, kind, damaged } of this.#below([root], options)) {
      if (isForeignLayerType(descriptor.mediaType) && options.includeForeign !== true) continue;
      if (damaged === false) continue;
      const size = await files.blobSize(descriptor.digest);
      if (damaged === undefined && size === descriptor.size) continue;
      holes.push({ descriptor, kind, state: size === undefined ? 'missing' : 'damaged' });
    }
    return holes;
  }

  /** A blob whose size is not what it is named with is read: it may have been named wrongly. */
  async damaged(parts: readonly Descriptor[], op: Op = {}): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    for (const part of parts) {
      throwIfAborted(op.signal);
      if (await this.#isDamaged(part, op)) found.push(part);
    }
    return found;
  }

  async #isDamaged({ digest, size: wanted }: Descriptor, op: Op): Promise<boolean> {
    const { files } = this.#look;
    const size = await files.blobSize(digest);
    if (size === undefined) return (await this.#namedHere(op)).has(digest);
    if (size === wanted) return false;
    const stream = await files.openBlob(digest, 0);
    return stream === undefined || !(await isIntact(stream, { digest, size }));
  }

  /** Digests of all that the layout should hold, as it was when that was asked first. */
  #namedHere(op: Op): Promise<ReadonlySet<string>> {
    this.#named ??= this.#allNamed(op).catch((error: unknown) => {
      this.#named = undefined;
      throw error;
    });
    return this.#named;
  }

  async #allNamed(op: Op): Promise<ReadonlySet<string>> {
    const named = new Set<string>();
    const roots = (await this.#look.index()).readableRoots();
    for await (const { descriptor } of this.#below(roots, op)) {
      if (!isForeignLayerType(descriptor.mediaType)) named.add(descriptor.digest);
    }
    return named;
  }

  /** What manifests name, themselves included, each once. */
  async *#below(roots: readonly Descriptor[], op: Op): AsyncGenerator<Part, void, void> {
    const seen = new Set<string>();
    const waiting: (Pick<Part, 'descriptor' | 'kind'> & { readonly depth: number })[] = roots.map(
      (descriptor) => ({ descriptor, kind: 'manifest', depth: 0 }),
    );
    for (const { descriptor, kind, depth } of waiting) {
      if (seen.has(descriptor.digest) || seen.size > NODES) continue;
      seen.add(descriptor.digest);
      throwIfAborted(op.signal);
      const view = await this.#view(descriptor, op);
      yield { descriptor, kind, damaged: view === 'damaged' };
      if (view === 'damaged' || view === undefined) continue;
      if (view.kind === 'index') {
        // What an entry is its bytes tell, whatever it is listed as.
        for (const entry of depth < DEPTH ? view.manifests : []) {
          waiting.push({
            descriptor: entry,
            kind: isBlobType(entry.mediaType) ? 'blob' : 'manifest',
            depth: depth + 1,
          });
        }
        continue;
      }
      for (const blob of blobsOf(view)) {
        if (seen.has(blob.digest)) continue;
        seen.add(blob.digest);
        yield { descriptor: blob, kind: 'blob', damaged: undefined };
      }
    }
  }

  async #view(descriptor: Descriptor, op: Op): Promise<ManifestView | 'damaged' | undefined> {
    const { files, read } = this.#look;
    const { digest, size } = descriptor;
    if (size >= 0 && (await files.blobSize(digest)) !== size) return 'damaged';
    try {
      const bytes = await read(descriptor, op);
      const mediaType = detectMediaType(bytes, descriptor.mediaType);
      return mediaType === undefined ? undefined : viewManifest(bytes, mediaType);
    } catch (error) {
      if (!isRegferryError(error)) throw error;
      if (damages.includes(error.code)) return 'damaged';
      if (unread.includes(error.code)) throw error;
      return undefined;
    }
  }
}

/**
 * Throws E_SIZE_MISMATCH for a blob of a layout whose file has another number of bytes than its descriptor, and other bytes
 * than its digest: where it is whole, it was named wrongly, which is not the folder's fault.
 */
export async function refuseDamaged(
  files: LayoutFiles,
  layout: string,
  { digest, size }: Descriptor,
): Promise<void> {
  const found = await files.blobSize(digest);
  if (size < 0 || found === undefined || found === size) return;
  const stream = await files.openBlob(digest, 0);
  if (stream === undefined || (await isIntact(stream, { digest, size: found }))) return;
  const message = `${layout}: the blob ${digest} has ${found} bytes and not ${size}; the folder is damaged`;
  throw new RegferryError('E_SIZE_MISMATCH', message, { digest });
}

/** What reading a layout gives. What it throws of size or hash names the layout. */
export async function ofLayout<T>(layout: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (!isRegferryError(error) || !/^E_(SIZE|DIGEST)_MISMATCH$/.test(error.code)) throw error;
    throw new RegferryError(error.code, `${layout}: ${error.message}`, { ...detailsOf(error), cause: error });
  }
}
