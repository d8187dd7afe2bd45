import type { ContentTarget, Op } from '../content/store.js';
import { RegferryError, throwIfAborted, withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { gather } from './gather.js';
import { brokenGuard, isSettledMeanwhile } from './guards.js';
import { certaintyOf, isGuarded, type CopyTarget } from './job.js';
import { prove, throughLane } from './prove.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import type { Shared } from './destination.js';
import { RepositoryCopy } from './repository-copy.js';
import type { RepositoryMemory } from './repository-memory.js';
import { Inspection } from './inspection.js';
import { sentWrite } from './sent-write.js';
import { lookUp, tagState, type Entry, type TagState } from './tag-state.js';
import type { Lanes } from './lanes.js';
import type { Node } from '../graph/manifest-reader.js';

/** The references of one repository that an image is copied to: content moves once, then each tag is set and read back. */
export class TargetGroup {
  readonly #shared: Shared;
  readonly #store: ContentTarget;
  readonly #lanes: Lanes;
  readonly #memory: RepositoryMemory;
  readonly #inspection: Inspection;
  readonly #entries: Entry[];
  readonly #op: Op;
  readonly #states: Promise<void>;
  #content: RepositoryCopy | undefined;

  /** Asks at once what each tag is now, unless that is known; see {@link TargetGroup.holds}. */
  constructor(
    shared: Shared,
    targets: readonly [CopyTarget, ...CopyTarget[]],
    lanes: Lanes,
    memory: RepositoryMemory,
  ) {
    this.#shared = shared;
    this.#store = targets[0].store;
    this.#lanes = lanes;
    this.#memory = memory;
    this.#inspection = new Inspection(this.#store, memory, shared.job);
    this.#op = { signal: shared.job.signal };
    this.#entries = targets.map((target) => ({
      target,
      report: emptyTargetReport(target.reference),
      state: { previous: target.absent === undefined ? undefined : null },
    }));
    const asked = this.#entries.map(async (entry) => {
      if (entry.target.absent === undefined) entry.state = await this.#stateOf(entry.target);
    });
    this.#states = gather(asked, () => undefined);
    this.#states.catch(() => undefined);
  }

  /** Waits until nothing of this group runs any more. */
  async settled(): Promise<void> {
    await this.#states.catch(() => undefined);
  }

  /** The report of a reference, filled in as the copy goes. */
  reportOf(target: CopyTarget): TargetReport | undefined {
    return this.#entries.find((entry) => entry.target === target)?.report;
  }

  /** True when every tag is known to be this manifest already, and may be. */
  async holds(root: Descriptor): Promise<boolean> {
    await this.#states;
    for (const { state, target } of this.#entries) {
      if (target.tag === undefined || !(await this.#inspection.isHeld(state, root))) return false;
      if (brokenGuard(target, state, root.digest) !== undefined) return false;
    }
    return true;
  }

  /** Marks every reference as being there already. */
  unchanged(digest: string): void {
    for (const { report } of this.#entries) this.#inspection.settle(report, digest);
    this.#shared.fanOut.member(this.#store).leave();
  }

  /** Takes back that every reference is there already. */
  reopen(): void {
    for (const { report } of this.#entries) delete report.verified;
  }

  /** Says that all is done for these references. */
  end(): void {
    for (const { target, report } of this.#entries) this.#shared.job.onEnd?.(target, report);
  }

  /** The repository as it is printed. */
  toString(): string {
    return this.#store.toString();
  }

  /** Finds out which references have to be written, and whether their guards hold. Never rejects. */
  async examine(root: Node): Promise<void> {
    for (const { report } of this.#entries) report.digest = root.manifest.descriptor.digest;
    await this.#reporting(async () => {
      await this.#states;
      for (const entry of this.#entries) await this.#examineOne(entry, root);
    });
  }

  /** Brings what the root names to this repository. Never rejects: what goes wrong is in the reports. */
  async bring(root: Node): Promise<void> {
    const pending = this.#pending();
    const [first] = pending;
    if (first === undefined) {
      this.#shared.fanOut.member(this.#store).leave();
      return;
    }
    // An absent tag makes an empty repository likely, unless it is known to have others.
    const fresh = pending.every(({ report, target }) => report.previous === null && target.absent !== 'tag');
    const content = (this.#content = new RepositoryCopy(this.#shared, {
      target: this.#store,
      lanes: this.#lanes,
      memory: this.#memory,
      inspection: this.#inspection,
      fresh,
    }));
    Object.assign(first.report, content.counts);
    await this.#reporting(async () => {
      if (await this.#inspection.needsContent(root)) await content.content(root);
    });
  }

  /**
   * Sets the tags one after the other (Quay refuses concurrent writes of one manifest, jib#2470), then reads all of them
   * back at once. Never rejects.
   */
  async publish(root: Node): Promise<void> {
    const written: Entry[] = [];
    const content = this.#content;
    if (content === undefined) return;
    for (const entry of this.#pending()) {
      const { report } = entry;
      try {
        if (isGuarded(this.#shared.job) && (await this.#isDone(root, entry))) continue;
        await this.#write(root, content, entry);
        await this.#inspection.count(report, root.manifest.descriptor);
        written.push(entry);
      } catch (error) {
        report.error = withSide(error, 'target', this.#op.signal);
        if (this.#shared.job.allOrNothing === true) break;
      }
    }
    await Promise.all(written.map((entry) => this.#prove(root, entry)));
  }

  /** The first error of this group's references. */
  get failure(): { readonly reference: string; readonly error: RegferryError } | undefined {
    for (const { report } of this.#entries) {
      if (report.error !== undefined) return { reference: report.reference, error: report.error };
    }
    return undefined;
  }

  /** Leaves what is not written yet as it is, because of what happened elsewhere. */
  giveUp(cause: { readonly reference: string; readonly error: RegferryError }): void {
    for (const { report } of this.#pending()) {
      const { code } = cause.error;
      const message = `${report.reference} was left as it was, because of ${cause.reference}`;
      report.error = new RegferryError(code, message, { side: 'target', cause: cause.error });
    }
  }

  #pending(): Entry[] {
    return this.#entries.filter(({ report }) => {
      return report.error === undefined && report.verified === undefined && !report.changed;
    });
  }

  async #reporting(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      for (const { report } of this.#pending()) report.error = withSide(error, 'target', this.#op.signal);
    }
  }

  async #examineOne(entry: Entry, root: Node): Promise<void> {
    const { target, report } = entry;
    const { descriptor } = root.manifest;
    if (target.tag === undefined)
      entry.state = await lookUp(this.#store, descriptor, this.#op, certaintyOf(this.#shared.job));
    const guard = brokenGuard(target, entry.state, descriptor.digest);
    const previous = entry.state.error === undefined ? entry.state.previous : undefined;
    if (previous !== undefined) report.previous = previous;
    if (guard !== undefined || entry.state.error !== undefined) {
      report.error = withSide(guard ?? entry.state.error, 'target', this.#op.signal);
      return;
    }
    if (!(await this.#inspection.isHeld(entry.state, descriptor))) return;
    this.#inspection.settle(report, descriptor.digest);
  }

  #stateOf(target: CopyTarget): Promise<TagState> {
    return this.#lanes.check(() => tagState(target, this.#op, certaintyOf(this.#shared.job)));
  }

  async #write(root: Node, content: RepositoryCopy, { target: { tag }, report }: Entry): Promise<void> {
    const { manifest } = root;
    const { job } = this.#shared;
    throwIfAborted(job.signal);
    const write = (): Promise<void> =>
      tag === undefined
        ? this.#store.putManifest(manifest, { ...this.#op, root: true })
        : this.#store.tag(manifest, tag, this.#op);
    await content.publish(root, () => sentWrite(report, write));
    const { digest } = manifest.descriptor;
    if (tag === undefined || job.dryRun || report.previous === digest) return;
    job.emit({ type: 'tagged', target: this.#store.toString(), tag, digest, previous: report.previous });
  }

  /**
   * No registry can be told to write a tag only if it is still the same, so it is looked at once more just before.
   * True when it is by now what it was to become, and nothing is left to do.
   */
  async #isDone(root: Node, { target, report }: Entry): Promise<boolean> {
    if (target.tag === undefined || report.previous === undefined || this.#shared.job.dryRun) return false;
    const state = await this.#stateOf(target);
    const { digest } = root.manifest.descriptor;
    if (!isSettledMeanwhile(target, report.previous, state, digest)) return false;
    this.#inspection.settle(report, digest);
    return true;
  }

  /** Reads a tag back. Never rejects. */
  async #prove(root: Node, { target, report }: Entry): Promise<void> {
    const { job } = this.#shared;
    if (job.dryRun) return;
    const proof = (): Promise<void> =>
      prove({
        target: throughLane(this.#store, this.#lanes),
        key: target.tag === undefined ? root.manifest.descriptor : { tag: target.tag },
        reference: target.reference,
        expected: root.manifest,
        previous: report.previous,
        signal: job.signal,
        sleep: job.sleep,
      });
    try {
      await this.#memory.reading(root.manifest.descriptor.digest, proof);
      report.verified = this.#inspection.written(root);
    } catch (error) {
      report.error = withSide(error, 'target', this.#op.signal);
    }
  }
}
