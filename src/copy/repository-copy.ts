import { hostKey, isNeighbour } from '../content/identity.js';
import type { ContentTarget, PutOutcome } from '../content/store.js';
import { throwIfAborted, type RegferryError } from '../errors.js';
import { largestFirst, type Descriptor } from '../spec/descriptor.js';
import { isForeignLayerType } from '../spec/media-types.js';
import { Children, type Naming } from './children.js';
import { ContentTally, type ContentCounts, type Moved } from './content-tally.js';
import type { Destination, Shared } from './destination.js';
import type { Member } from './fan-out-member.js';
import { gather } from './gather.js';
import type { Inspection } from './inspection.js';
import { SMALL_BYTES, type Lanes } from './lanes.js';
import { linkedSignal } from '../content/linked-signal.js';
import { absent, missesContent } from './missing-content.js';
import { putBlob } from './put-blob.js';
import { refill } from './refill.js';
import type { RepositoryMemory } from './repository-memory.js';
import type { Seat } from './shared-read.js';
import type { Node } from '../graph/manifest-reader.js';

/**
 * Brings everything that a manifest names to one repository: blobs as soon as their manifest is known, child manifests
 * by digest once all that they name is there. Each digest is handled once. The first failure stops the rest, unless other
 * images need it.
 */
export class RepositoryCopy {
  readonly #tally: ContentTally;
  readonly #shared: Shared;
  readonly #target: ContentTarget;
  readonly #lanes: Lanes;
  readonly #memory: RepositoryMemory;
  readonly #inspection: Inspection;
  readonly #member: Member;
  readonly #stop: (reason: unknown) => void;
  readonly #signal: AbortSignal;
  readonly #fresh: boolean;
  readonly #children: Children;

  constructor(shared: Shared, { target, lanes, memory, inspection, fresh }: Destination) {
    const { job, keepGoing = false } = shared;
    const abort = new AbortController();
    this.#shared = shared;
    this.#target = target;
    this.#lanes = lanes;
    this.#memory = memory;
    this.#inspection = inspection;
    this.#fresh = fresh;
    this.#stop = keepGoing ? () => undefined : (reason) => abort.abort(reason);
    this.#signal = keepGoing ? job.signal : linkedSignal(job.signal, abort.signal);
    this.#tally = new ContentTally(target.toString(), job.emit, memory.extent);
    this.#member = shared.fanOut.member(target);
    this.#children = new Children({
      reader: shared.reader,
      target,
      lanes,
      tally: this.#tally,
      member: this.#member,
      signal: this.#signal,
      readsEarly: fresh && !job.source.metered,
      isWhole: (found, child) => inspection.isWhole(found, child),
      leavesOut: (blob) => this.#leavesOut(blob),
      bringBlob: (blob) => this.#blob(blob),
      bringNode: async (node, depth, named) => {
        await this.#named(node, depth, named);
        if (memory.isTrusted(node)) memory.trusts(node.manifest.descriptor);
        await this.#putChild(node, depth);
      },
    });
  }

  /** What has moved so far; the numbers go on changing while the copy runs. */
  get counts(): ContentCounts {
    return this.#tally.counts;
  }

  /** Brings what `root` names, not `root` itself. */
  async content(root: Node): Promise<void> {
    await this.#member.during(this.#named(root, 0), this.#signal);
  }

  /** Runs `put`, and once more after filling in again what the registry then misses (MANIFEST_BLOB_UNKNOWN and kin). */
  async publish(node: Node, put: () => Promise<void>, depth = 0): Promise<void> {
    const { digest } = node.manifest.descriptor;
    const write = async (): Promise<void> => {
      if (this.#target.doubtsMounts === true) await this.#memory.proving((blobs) => this.#proveMounts(blobs));
      await this.#memory.writing(digest, () => this.#lanes.check(put));
    };
    try {
      await write();
    } catch (error) {
      if (!missesContent(error) || this.#signal.aborted) throw error;
      if (!(await this.#refill(node, depth, error))) throw error;
      await write();
    }
  }

  async #named(node: Node, depth: number, named: Naming = (error) => error): Promise<void> {
    const wanted = node.blobs.filter((descriptor) => !this.#leavesOut(descriptor));
    if (this.#target.inspector !== undefined)
      await this.#inspection.tellDamaged([
        ...wanted,
        ...node.children.filter((one) => !this.#leavesOut(one)),
      ]);
    // What is to be read at the source is asked for at the target first: time enough to connect.
    const reads = Math.min(node.blobs.length, this.#lanes.width);
    if (this.#fresh) this.#shared.job.source.prepare?.(reads, { signal: this.#signal });
    const blobs = [...node.blobs].sort(largestFirst).map((blob) => this.#blob(blob));
    const children = node.children.map((descriptor) => this.#child(node, descriptor, depth + 1));
    this.#tally.read(wanted);
    this.#member.walked(node.manifest.descriptor.digest);
    await gather([...children, ...blobs], (error) => this.#stop(named(error)));
  }

  #child(index: Node, entry: Descriptor, depth: number): Promise<void> {
    return this.#memory.once('manifest', entry, () => this.#children.bring(index, entry, depth));
  }

  async #putChild(node: Node, depth: number): Promise<void> {
    const { manifest } = node;
    await this.publish(node, () => this.#target.putManifest(manifest, { signal: this.#signal }), depth);
    this.#tally.manifest(manifest.descriptor, 'copied');
  }

  #blob(descriptor: Descriptor): Promise<void> {
    // The same bytes may be a foreign layer in one manifest and an ordinary one in another.
    const kind = this.#leavesOut(descriptor) ? 'foreign' : 'blob';
    return this.#memory.once(kind, descriptor, async () => {
      if (this.#leavesOut(descriptor)) {
        this.#tally.foreign(descriptor);
        return;
      }
      this.#member.asks(descriptor.digest);
      const eager = this.#isEager(descriptor);
      const there = !eager && !this.#memory.isTold(descriptor) && (await this.#has(descriptor));
      if (there)
        this.#shared.ledger.found(hostKey(this.#target), descriptor.digest, this.#target.place.repository);
      if (there) this.#member.declines(descriptor.digest);
      this.#count(descriptor, there ? 'skipped' : await this.#bring(descriptor, eager));
    });
  }

  /**
   * True for a blob that is not asked for before it is brought: the repository holds nothing so far as is known, and
   * mounting the blob from itself tells whether that is so, in the request that opens the upload. Large ones are asked for:
   * a registry that does not mount would get them in vain.
   */
  #isEager({ size }: Descriptor): boolean {
    const { mountsOwn = false } = this.#target;
    return this.#fresh && !this.#memory.hasSome && size <= SMALL_BYTES && mountsOwn;
  }

  #has(descriptor: Descriptor): Promise<boolean> {
    return this.#lanes.check(() => this.#target.has(descriptor, { signal: this.#signal }));
  }

  #count(descriptor: Descriptor, moved: Moved): void {
    if (moved === 'copied') this.#memory.copied(descriptor);
    if (moved === 'skipped') this.#memory.found(descriptor);
    this.#tally.blob(descriptor, moved);
  }

  #leavesOut({ mediaType }: Descriptor): boolean {
    return isForeignLayerType(mediaType) && !this.#shared.job.includeForeign;
  }

  /**
   * Mounts the blob from a repository of the target's host that holds it (the source's own, or one that this run is
   * filling), else uploads it and lets the other repositories of the host know.
   */
  async #bring(descriptor: Descriptor, eager: boolean): Promise<Moved> {
    const target = this.#target;
    const { ledger, job } = this.#shared;
    if (isNeighbour(job.source, target)) {
      this.#member.declines(descriptor.digest);
      return this.#transfer(descriptor, job.source.place.repository);
    }
    const host = hostKey(target);
    // When the one that claimed it fails, one of those that waited claims it next.
    for (let claim; (claim = ledger.holder(host, descriptor.digest)) !== undefined;) {
      this.#member.declines(descriptor.digest);
      const holder = await claim;
      if (holder !== undefined) return this.#transfer(descriptor, holder);
    }
    const mountFrom = eager ? target.place.repository : undefined;
    const arrival = this.#member.bring(descriptor, (seat) => this.#transfer(descriptor, mountFrom, seat));
    ledger.claim(host, descriptor.digest, target.place.repository, arrival);
    return arrival;
  }

  async #transfer(descriptor: Descriptor, mountFrom: string | undefined, seat?: Seat): Promise<Moved> {
    const outcome = await this.#lanes.transfer(descriptor.size, async () => {
      throwIfAborted(this.#signal);
      this.#tally.tell(descriptor, 'started');
      return this.#put(descriptor, mountFrom, seat);
    });
    if (outcome === 'mounted') this.#memory.mounted(descriptor);
    return outcome === 'present' ? 'skipped' : outcome;
  }

  /** Looks at what was mounted while the host was believed, and brings what is not there. */
  async #proveMounts(blobs: readonly Descriptor[]): Promise<void> {
    const missing = await absent(blobs, { has: (blob) => this.#has(blob), stop: this.#stop });
    await this.#bringAgain(missing);
  }

  async #bringAgain(blobs: readonly Descriptor[]): Promise<void> {
    const brought = blobs.map(async (blob) => {
      const outcome = await this.#lanes.transfer(blob.size, () => this.#put(blob, undefined));
      if (outcome === 'copied') this.#count(blob, 'copied');
    });
    await gather(brought, this.#stop);
  }

  async #put(descriptor: Descriptor, mountFrom: string | undefined, seat?: Seat): Promise<PutOutcome> {
    const onProgress = (bytes: number): void => {
      this.#member.moves();
      this.#tally.progress(descriptor, bytes);
    };
    try {
      const options = { mountFrom, seat, signal: this.#signal, onProgress };
      return await putBlob(this.#shared.job, this.#target, descriptor, options);
    } catch (error) {
      this.#tally.tell(descriptor, 'failed');
      throw error;
    }
  }

  /** Brings again what the registry may lack of what a manifest names. False if there was nothing to bring. */
  #refill(node: Node, depth: number, refusal: RegferryError): Promise<boolean> {
    return refill(node, refusal, {
      reader: this.#shared.reader,
      depth: depth + 1,
      leavesOut: (blob) => this.#leavesOut(blob),
      has: (blob) => this.#has(blob),
      isCopied: (blob) => this.#memory.isCopied(blob),
      stop: this.#stop,
      starts: (blobs) => {
        const message = `${this.#target.toString()} misses some of what it said to have; it is brought again`;
        this.#shared.job.emit({ type: 'note', message });
        if (blobs.some((blob) => this.#memory.isMounted(blob))) this.#target.doubtMounts?.();
      },
      bringAgain: (blobs) => this.#bringAgain(blobs),
      putChild: (child) => this.#putChild(child, depth + 1),
    });
  }
}
