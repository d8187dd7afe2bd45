import type { ContentTarget, Op } from '../content/store.js';
import { RegferryError, withSide } from '../errors.js';
import { gather } from './gather.js';
import type { CopyTarget } from './job.js';
import { prove } from './prove.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import { RepositoryCopy, type Shared } from './repository-copy.js';
import { lookUp, tagState, type TagState } from './tag-state.js';
import type { Lanes } from './lanes.js';
import type { Node } from './walk.js';

interface Entry {
  readonly target: CopyTarget;
  readonly report: TargetReport;
  state: TagState;
}

/** The references of one repository that a run writes: content moves once, then each tag is set and read back. */
export class TargetGroup {
  readonly #shared: Shared;
  readonly #store: ContentTarget;
  readonly #lanes: Lanes;
  readonly #entries: Entry[];
  readonly #states: Promise<void>;

  /** Asks at once what each tag is now; see {@link TargetGroup.holds}. */
  constructor(shared: Shared, targets: readonly [CopyTarget, ...CopyTarget[]], lanes: Lanes) {
    this.#shared = shared;
    this.#store = targets[0].store;
    this.#lanes = lanes;
    this.#entries = targets.map((target) => ({
      target,
      report: emptyTargetReport(target.reference),
      state: { previous: undefined },
    }));
    const asked = this.#entries.map(async (entry) => {
      entry.state = await lanes.check(() => tagState(entry.target, this.#op));
    });
    this.#states = gather(asked, () => undefined);
    this.#states.catch(() => undefined);
  }

  /** Waits until nothing of this group runs any more. */
  async settled(): Promise<void> {
    await this.#states.catch(() => undefined);
  }

  get #op(): Op {
    return { signal: this.#shared.job.signal };
  }

  /** The report of a reference, filled in as the copy goes. */
  reportOf(target: CopyTarget): TargetReport | undefined {
    return this.#entries.find((entry) => entry.target === target)?.report;
  }

  /** True when every tag is known to be `digest` already. */
  async holds(digest: string): Promise<boolean> {
    await this.#states;
    return this.#entries.every(({ state, target }) => {
      return target.tag !== undefined && state.error === undefined && state.previous === digest;
    });
  }

  /** Marks every reference as being there already. */
  unchanged(digest: string): void {
    for (const { report } of this.#entries) settle(report, digest, digest);
  }

  /** Copies to this repository. Never rejects: what goes wrong is in the reports. */
  async copy(root: Node): Promise<void> {
    const { digest } = root.manifest.descriptor;
    try {
      await this.#states;
      const pending = await this.#pending(root);
      const first = pending[0];
      if (first === undefined) return;
      const fresh = pending.every(({ state }) => state.error === undefined && state.previous === null);
      const copy = new RepositoryCopy(this.#shared, this.#store, this.#lanes, fresh);
      Object.assign(first.report, copy.counts);
      if (!this.#isSource()) await copy.content(root);
      await this.#write(root, copy, pending);
    } catch (error) {
      for (const { report } of this.#entries) {
        report.digest ??= digest;
        if (report.verified === undefined) report.error ??= withSide(error, 'target');
      }
    }
  }

  /** The source's own repository holds everything already. */
  #isSource(): boolean {
    const source = this.#shared.job.source.place;
    const { kind, host, repository } = this.#store.place;
    return source.kind === kind && source.host === host && source.repository === repository;
  }

  /** The references that have to be written; the others are settled. */
  async #pending(root: Node): Promise<Entry[]> {
    const { descriptor } = root.manifest;
    const pending: Entry[] = [];
    for (const entry of this.#entries) {
      const { target, report } = entry;
      report.digest = descriptor.digest;
      if (target.expect !== undefined && target.expect !== descriptor.digest) {
        report.error = new RegferryError(
          'E_GUARD',
          `${target.reference} was to become ${target.expect}, but the source is ${descriptor.digest}; nothing was written`,
          { side: 'source', digest: descriptor.digest },
        );
        continue;
      }
      if (target.tag === undefined) entry.state = await lookUp(this.#store, descriptor, this.#op);
      if (entry.state.error !== undefined) {
        report.error = withSide(entry.state.error, 'target');
        continue;
      }
      const { previous } = entry.state;
      if (previous === descriptor.digest) settle(report, descriptor.digest, previous);
      else {
        if (previous !== undefined) report.previous = previous;
        pending.push(entry);
      }
    }
    return pending;
  }

  /** Tags one after the other (Quay refuses concurrent writes of one manifest, jib#2470), read-backs beside them. */
  async #write(root: Node, copy: RepositoryCopy, pending: readonly Entry[]): Promise<void> {
    const proofs: Promise<void>[] = [];
    for (const entry of pending) {
      const { report } = entry;
      const fail = (error: unknown): void => {
        report.error = withSide(error, 'target');
      };
      try {
        await this.#writeOne(root, copy, entry);
        report.manifests.copied += 1;
        report.changed = true;
        proofs.push(this.#prove(root, entry).catch(fail));
      } catch (error) {
        fail(error);
      }
    }
    await Promise.all(proofs);
  }

  async #writeOne(root: Node, copy: RepositoryCopy, { target, report }: Entry): Promise<void> {
    const { manifest } = root;
    this.#shared.job.signal.throwIfAborted();
    const { tag } = target;
    await copy.publish(root, () =>
      tag === undefined
        ? this.#store.putManifest(manifest, { ...this.#op, root: true })
        : this.#store.tag(manifest, tag, this.#op),
    );
    const { digest } = manifest.descriptor;
    const { previous } = report;
    const name = this.#store.toString();
    if (tag !== undefined) this.#shared.job.emit({ type: 'tagged', target: name, tag, digest, previous });
  }

  async #prove(root: Node, { target, report }: Entry): Promise<void> {
    const { job } = this.#shared;
    if (job.dryRun) return;
    await prove({
      target: this.#store,
      key: target.tag === undefined ? root.manifest.descriptor : { tag: target.tag },
      reference: target.reference,
      expected: root.manifest,
      previous: report.previous,
      signal: job.signal,
      sleep: job.sleep,
    });
    report.verified = 'bytes';
  }
}

function settle(report: TargetReport, digest: string, previous: string): void {
  report.digest = digest;
  report.previous = previous;
  report.changed = false;
  report.verified = 'header';
}
