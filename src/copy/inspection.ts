import { isSameRepository } from '../content/identity.js';
import type { ContentTarget, Hole } from '../content/store.js';
import { RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { CopyJob } from './job.js';
import { settle, type TargetReport, type Verified } from './report.js';
import type { RepositoryMemory } from './repository-memory.js';
import type { TagState } from './tag-state.js';
import type { Node } from '../graph/manifest-reader.js';

/** Most digests that a note lists. */
const LISTED = 5;

type Job = Pick<CopyJob, 'source' | 'includeForeign' | 'dryRun' | 'emit' | 'signal'>;

/**
 * What a repository lacks of what it should hold, while one image is brought to it: nothing of it is taken to be there where
 * the store can tell. What is found is told once a run. A store that has no inspector is believed.
 */
export class Inspection {
  readonly #target: ContentTarget;
  readonly #memory: RepositoryMemory;
  readonly #job: Job;
  readonly #looks = new Map<string, Promise<readonly Hole[]>>();

  constructor(target: ContentTarget, memory: RepositoryMemory, job: Job) {
    this.#target = target;
    this.#memory = memory;
    this.#job = job;
  }

  /** True where a reference is this manifest already, with all that belongs to it as far as the store can tell. */
  async isHeld(state: TagState, root: Descriptor): Promise<boolean> {
    if (state.error !== undefined || state.previous !== root.digest) return false;
    return (await this.#lacking(root)).length === 0;
  }

  /** Counts a root manifest that was written: not as copied where it was right, and only what it names was mended. */
  async count(report: TargetReport, root: Descriptor): Promise<void> {
    report.changed = report.previous !== root.digest;
    const lacks = async (): Promise<boolean> => (await this.#lacking(root)).some((hole) => isOf(hole, root));
    report.manifests[report.changed || (await lacks()) ? 'copied' : 'skipped'] += 1;
  }

  /** Notes that a reference holds `digest` and was not written. */
  settle(report: TargetReport, digest: string): void {
    settle(report, digest, this.#target.inspector === undefined ? 'header' : 'presence');
  }

  /** How it is known that a reference has what was written and read back. */
  written(root: Node): Verified {
    return this.#target.inspector !== undefined && this.#memory.isTrusted(root) ? 'presence' : 'bytes';
  }

  /**
   * True for a child manifest that was found, with all under it as far as that can be told. What it lacks is told. Throws
   * why it is not known.
   */
  async isWhole(found: TagState, child: Descriptor): Promise<boolean> {
    if (found.error !== undefined) throw found.error;
    if (typeof found.previous !== 'string') return false;
    const holes = await this.#lacking(child);
    this.#tell(holes.map(({ descriptor }) => descriptor));
    if (holes.length > 0) return false;
    this.#memory.trusts(child);
    return true;
  }

  /**
   * True when what a manifest names is to be brought; what is lacking of it although it should be there is told. The
   * source's own repository holds everything already, or nobody can bring it: E_NOT_FOUND. Manifests that an index names
   * and that are not there may have been left out on purpose, as other tools do: they are told then, and stay so.
   */
  async needsContent({ manifest }: Node): Promise<boolean> {
    const root = manifest.descriptor;
    const holes = await this.#lacking(root);
    if (!isSameRepository(this.#target, this.#job.source)) {
      const lost = await this.#damaged([root]);
      // A store that has no manifest of this image, and nothing that names it, never had the image.
      const hadIt = lost.length > 0 || !holes.some((hole) => hole.state === 'missing' && isOf(hole, root));
      if (hadIt) this.#tell(holes.map(({ descriptor }) => descriptor));
      return true;
    }
    const isLeftOut = (hole: Hole): boolean =>
      hole.kind === 'manifest' && hole.state === 'missing' && !isOf(hole, root);
    refuseHoles(
      this.#target,
      root,
      holes.filter((hole) => !isLeftOut(hole)),
    );
    this.#tellLeftOut(root, holes);
    this.#memory.trusts(root);
    return false;
  }

  /** Tells what of these parts is damaged, or missing although something else names it: they are brought anyway. */
  async tellDamaged(parts: readonly Descriptor[]): Promise<void> {
    this.#tell(await this.#damaged(parts));
  }

  async #damaged(parts: readonly Descriptor[]): Promise<readonly Descriptor[]> {
    return (await this.#target.inspector?.damaged(parts, { signal: this.#job.signal })) ?? [];
  }

  #lacking(root: Descriptor): Promise<readonly Hole[]> {
    const { source } = this.#job;
    // A folder that is named by a detour may not be known to exist as the target.
    const itself = isSameRepository(this.#target, source) ? source : this.#target;
    const { inspector } = itself;
    if (inspector === undefined) return Promise.resolve([]);
    let look = this.#looks.get(root.digest);
    if (look !== undefined) return look;
    const { includeForeign, signal } = this.#job;
    look = inspector.lacking(root, { includeForeign, signal });
    this.#looks.set(root.digest, look);
    return look;
  }

  #tell(lacking: readonly Descriptor[]): void {
    const news = lacking.map(({ digest }) => digest).filter((digest) => this.#memory.tells(digest));
    if (news.length === 0) return;
    const { dryRun, emit } = this.#job;
    const brings = dryRun ? 'would bring' : 'brings';
    const message = `${this.#target.toString()} lacks some of what it should hold, or it is damaged there: ${listed(news)}; the copy ${brings} it again`;
    emit({ type: 'note', message });
  }

  #tellLeftOut(root: Descriptor, holes: readonly Hole[]): void {
    const news = holes
      .map(({ descriptor }) => descriptor.digest)
      .filter((digest) => this.#memory.tells(digest));
    if (news.length === 0) return;
    const message = `${this.#target.toString()} does not have all manifests that ${root.digest} names: ${listed(news)}; it stays without them`;
    this.#job.emit({ type: 'note', message });
  }
}

function isOf({ descriptor }: Hole, { digest }: Descriptor): boolean {
  return descriptor.digest === digest;
}

function listed(digests: readonly string[]): string {
  const more = digests.length > LISTED ? ` and ${digests.length - LISTED} more` : '';
  return `${digests.slice(0, LISTED).join(', ')}${more}`;
}

function refuseHoles(target: ContentTarget, root: Descriptor, holes: readonly Hole[]): void {
  const [hole] = holes;
  if (hole === undefined) return;
  const { digest } = hole.descriptor;
  const more = holes.length === 1 ? '' : ` (and ${holes.length - 1} more)`;
  const what = digest === root.digest ? '' : `, which ${root.digest} names`;
  const message = `${target.toString()} lacks ${digest}${more}${what}, or it is damaged there; copy the image there again`;
  throw new RegferryError('E_NOT_FOUND', message, { side: 'source', digest });
}
