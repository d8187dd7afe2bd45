import type { ContentTarget, OpenBlob, PutOutcome } from '../content/store.js';
import { isRegferryError, withSide, type RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { isForeignLayerType } from '../spec/media-types.js';
import type { BlobLedger } from './blob-ledger.js';
import { ContentTally, type ContentCounts, type Moved } from './content-tally.js';
import type { BlobState } from './events.js';
import { gather } from './gather.js';
import type { CopyJob } from './job.js';
import type { Lanes } from './lanes.js';
import { linkedSignal } from './linked-signal.js';
import { refetching } from './refetching.js';
import { resuming } from './resuming.js';
import { lookUp } from './tag-state.js';
import type { Node, Walk } from './walk.js';

/** What all repositories of a run share. */
export interface Shared {
  readonly job: CopyJob;
  readonly walk: Walk;
  readonly ledger: BlobLedger;
}

/**
 * Brings everything that a manifest names to one repository: blobs as soon as their manifest is known, child manifests
 * by digest once all that they name is there. Each digest is handled once. The first failure stops the rest.
 */
export class RepositoryCopy {
  readonly #tally = new ContentTally();
  readonly #shared: Shared;
  readonly #target: ContentTarget;
  readonly #lanes: Lanes;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  /** The repository is likely empty, so that children are read at the source while the target is asked for them. */
  readonly #fresh: boolean;
  readonly #blobs = new Map<string, Promise<void>>();
  readonly #manifests = new Map<string, Promise<void>>();
  #totalBytes = 0;

  constructor(shared: Shared, target: ContentTarget, lanes: Lanes, fresh: boolean) {
    this.#shared = shared;
    this.#target = target;
    this.#lanes = lanes;
    this.#fresh = fresh && !shared.job.source.metered;
    this.#signal = linkedSignal(shared.job.signal, this.#abort.signal);
  }

  /** What has moved so far; the numbers go on changing while the copy runs. */
  get counts(): ContentCounts {
    return this.#tally.counts;
  }

  /** Brings what `root` names, not `root` itself. */
  async content(root: Node): Promise<void> {
    await this.#named(root, 0);
    this.#walked(true);
  }

  /** Runs `write`, and once more after filling in again what the registry then misses (MANIFEST_BLOB_UNKNOWN and kin). */
  async publish(node: Node, write: () => Promise<void>, depth = 0): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!missesContent(error) || this.#signal.aborted) throw error;
      await this.#refill(node, depth);
      await write();
    }
  }

  async #named(node: Node, depth: number): Promise<void> {
    const blobs = node.blobs.map((descriptor) => this.#blob(descriptor));
    const children = node.children.map((descriptor) => this.#child(descriptor, depth + 1));
    this.#walked(false);
    await gather([...children, ...blobs], (reason) => this.#abort.abort(reason));
  }

  #child(descriptor: Descriptor, depth: number): Promise<void> {
    return once(this.#manifests, descriptor.digest, async () => {
      const { walk } = this.#shared;
      const early = this.#fresh ? walk.child(descriptor, depth) : undefined;
      early?.catch(() => undefined);
      const found = await this.#lanes.check(() => lookUp(this.#target, descriptor, { signal: this.#signal }));
      if (found.error !== undefined) throw found.error;
      if (typeof found.previous === 'string') {
        this.#manifestSettled(descriptor, 'skipped');
        return;
      }
      const node = await (early ?? walk.child(descriptor, depth));
      await this.#named(node, depth);
      await this.#putChild(node, depth);
    });
  }

  async #putChild(node: Node, depth: number): Promise<void> {
    const { manifest } = node;
    const write = (): Promise<void> =>
      this.#lanes.check(() => this.#target.putManifest(manifest, { signal: this.#signal }));
    await this.publish(node, write, depth);
    this.#manifestSettled(manifest.descriptor, 'copied');
  }

  #blob(descriptor: Descriptor): Promise<void> {
    return once(this.#blobs, descriptor.digest, async () => {
      if (isForeignLayerType(descriptor.mediaType) && !this.#shared.job.includeForeign) {
        this.#tally.foreign();
        this.#blobEvent(descriptor, 'foreign');
        return;
      }
      this.#totalBytes += descriptor.size;
      const there = await this.#lanes.check(() => this.#target.has(descriptor, { signal: this.#signal }));
      this.#settled(descriptor, there ? 'skipped' : await this.#bring(descriptor));
    });
  }

  /**
   * Mounts the blob from a repository of the target's host that holds it (the source's own, or one that this run is
   * filling), else uploads it and lets the other repositories of the host know.
   */
  async #bring(descriptor: Descriptor): Promise<Moved> {
    const { place } = this.#target;
    const source = this.#shared.job.source.place;
    if (source.kind === place.kind && source.host === place.host && source.repository !== place.repository) {
      return this.#transfer(descriptor, source.repository);
    }
    const { ledger } = this.#shared;
    const holder = ledger.holder(place.host, descriptor.digest);
    if (holder !== undefined) return this.#transfer(descriptor, await holder);
    const arrival = this.#transfer(descriptor, undefined);
    ledger.claim(place.host, descriptor.digest, place.repository, arrival);
    return arrival;
  }

  async #transfer(descriptor: Descriptor, mountFrom: string | undefined): Promise<Moved> {
    const outcome = await this.#lanes.transfer(descriptor.size, async () => {
      this.#signal.throwIfAborted();
      this.#blobEvent(descriptor, 'started');
      return this.#put(descriptor, mountFrom);
    });
    return outcome === 'present' ? 'skipped' : outcome;
  }

  #put(descriptor: Descriptor, mountFrom: string | undefined): Promise<PutOutcome> {
    const { job } = this.#shared;
    const target = this.#target.toString();
    const { digest } = descriptor;
    const open = this.#opener(descriptor);
    const attempt = (): Promise<PutOutcome> =>
      this.#target.put(descriptor, open, {
        mountFrom,
        signal: this.#signal,
        onProgress: (bytes) => job.emit({ type: 'progress', target, digest, bytes }),
      });
    return refetching(attempt, this.#signal);
  }

  /** Opens the blob at the source; its errors are the source's, and a broken read is taken up again. */
  #opener(descriptor: Descriptor): OpenBlob {
    const { source, resume } = this.#shared.job;
    return resuming(
      (options) =>
        source.open(descriptor, options).catch((error: unknown) => {
          throw withSide(error, 'source');
        }),
      descriptor,
      resume,
    );
  }

  #settled(descriptor: Descriptor, state: Moved): void {
    this.#tally.blob(descriptor, state);
    this.#blobEvent(descriptor, state);
  }

  #manifestSettled({ digest }: Descriptor, state: 'copied' | 'skipped'): void {
    this.#tally.manifest(digest, state);
    this.#shared.job.emit({ type: 'manifest', target: this.#target.toString(), digest, state });
  }

  #blobEvent({ digest, size }: Descriptor, state: BlobState): void {
    this.#shared.job.emit({ type: 'blob', target: this.#target.toString(), digest, size, state });
  }

  #walked(complete: boolean): void {
    const target = this.#target.toString();
    const bytes = this.#totalBytes;
    this.#shared.job.emit({ type: 'walked', target, blobs: this.#blobs.size, bytes, complete });
  }

  /** Brings again all that a manifest names, trusting no earlier answer and no mount. */
  async #refill(node: Node, depth: number): Promise<void> {
    const { walk, job } = this.#shared;
    const wanted = node.blobs.filter(({ mediaType }) => job.includeForeign || !isForeignLayerType(mediaType));
    const blobs = wanted.map(async (blob) => {
      const outcome = await this.#lanes.transfer(blob.size, () => this.#put(blob, undefined));
      if (outcome === 'copied') this.#settled(blob, 'copied');
    });
    const children = node.children.map(async (descriptor) => {
      await this.#putChild(await walk.child(descriptor, depth + 1), depth + 1);
    });
    await gather([...blobs, ...children], (reason) => this.#abort.abort(reason));
  }
}

/** One task a key: later callers get the first one's promise. */
function once(tasks: Map<string, Promise<void>>, key: string, start: () => Promise<void>): Promise<void> {
  let task = tasks.get(key);
  if (task === undefined) tasks.set(key, (task = start()));
  return task;
}

/** zot answers a bare MANIFEST_INVALID where a child is missing, so that counts too. */
const MISSING = ['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'MANIFEST_INVALID'];

function missesContent(error: unknown): error is RegferryError {
  return isRegferryError(error) && error.registryCodes.some((code) => MISSING.includes(code));
}
