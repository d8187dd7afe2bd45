import { hostKey } from '../content/identity.js';
import type { ContentTarget } from '../content/store.js';
import { listedTag } from '../content/unknown-tag.js';
import { withSide, type RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { parseTag } from '../spec/reference.js';
import type { CopyTarget } from './job.js';
import { ListedTags, type Listed } from './listed-tags.js';
import { patience } from './patience.js';
import { Pulse, PulsingTarget } from './pulse.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import { RowOfFailures } from './row-of-failures.js';
import { copyImage, type Run } from './run.js';
import { TagLines, type Turn } from './tag-lines.js';
import type { TagsJob } from './tags-job.js';

/** A tag takes about two requests' time to each that it needs, so twice as many as a lane is wide keep it full. */
const TAGS_A_LANE = 2;

/** A tag to copy, with its place among those that the source lists. */
export type NumberedTag = readonly [at: number, tag: string];

interface Side {
  readonly store: ContentTarget;
  readonly name: string;
  readonly list: ListedTags;
  readonly pulse: Pulse;
  readonly failures: RowOfFailures;
}

/**
 * Copies tags to all targets of a job. Those that answer do not wait for one that hangs, unless there is a guard; and what
 * fails again and again for a reason that is a host's is given up there.
 */
export class TagsCopying {
  readonly #run: Run;
  readonly #job: TagsJob;
  readonly #sides: readonly Side[];
  readonly #source: RowOfFailures;
  readonly #lines: TagLines<NumberedTag>;
  readonly #reports: TargetReport[][] = [];

  constructor(run: Run, job: TagsJob) {
    this.#run = run;
    this.#job = job;
    this.#source = new RowOfFailures(job.source.toString());
    this.#sides = job.targets.map(({ store, name }) => {
      const pulse = new Pulse(job.patience ?? patience(), () => this.#lines.changed());
      const watched = new PulsingTarget(store, pulse);
      const list = new ListedTags(watched, { signal: job.signal });
      return { store: watched, name, list, pulse, failures: new RowOfFailures(name) };
    });
    const { width } = run.lanes.of(hostKey(job.source));
    const lines = this.#sides.map((side) => ({
      isQuiet: () => job.guard === undefined && side.pulse.isQuiet,
      isOver: () => this.#verdict(side) !== undefined,
    }));
    this.#lines = new TagLines(lines, width * TAGS_A_LANE, (tag, at, turn) => this.#copy(tag, at, turn));
  }

  /** One report a tag and target: tags in their order, targets in the order of the job. */
  get reports(): readonly TargetReport[] {
    return this.#reports.flat();
  }

  /** Copies the tags. Rejects as they do, when nothing runs any more. */
  async all(tags: AsyncGenerator<NumberedTag, void, void>): Promise<void> {
    await this.#lines.all(tags);
  }

  /** Copies one tag to the targets with these numbers. Never rejects: what failed is in the reports. */
  async #copy([at, tag]: NumberedTag, lines: readonly number[], turn: Turn): Promise<void> {
    const reports = (this.#reports[at] ??= []);
    const targets = new Map<CopyTarget, number>();
    const begun = lines.map(async (line) => {
      const side = this.#sides[line];
      if (side === undefined) return;
      const verdict = this.#verdict(side);
      const target = { store: side.store, tag, guard: this.#job.guard, reference: referenceOf(side, tag) };
      if (verdict !== undefined) {
        reports[line] = { ...emptyTargetReport(target.reference), error: verdict };
        turn.end(line);
        return;
      }
      const says = side.list.says(tag);
      if (lines.length > 1 && !(await turn.unlessQuiet(line, says))) turn.postpone(line);
      else targets.set({ ...target, absent: absenceOf(await says) }, line);
    });
    await Promise.all(begun);
    if (targets.size === 0) return;
    const ended = new Set<CopyTarget>();
    const end = (target: CopyTarget, report: TargetReport): void => {
      const line = targets.get(target);
      if (line === undefined) return;
      reports[line] = report;
      if (!ended.has(target)) this.#note(line, report.error);
      ended.add(target);
      turn.end(line);
    };
    const inOrder = [...targets].sort(([, a], [, b]) => a - b).map(([target]) => target);
    const done = await this.#copyTo(tag, inOrder, end);
    for (const [index, target] of inOrder.entries()) {
      const report = done[index];
      if (report !== undefined) end(target, report);
    }
  }

  async #copyTo(
    tag: string,
    targets: readonly CopyTarget[],
    onEnd: (target: CopyTarget, report: TargetReport) => void,
  ): Promise<readonly TargetReport[]> {
    try {
      parseTag(tag); // a layout may have names that no registry takes
      const headFirst = targets.every(({ absent }) => absent === undefined);
      const job = { ...this.#job, key: { tag }, targets, headFirst, onEnd };
      const outcome = await copyImage(this.#run, job);
      if (outcome.error === undefined) return outcome.targets;
      return failed(outcome.targets, listedTag(outcome.error, job.source.toString(), tag));
    } catch (error) {
      const empty = targets.map(({ reference }) => emptyTargetReport(reference));
      return failed(empty, withSide(error, 'source', this.#job.signal));
    }
  }

  #note(line: number, error: RegferryError | undefined): void {
    const side = this.#sides[line];
    if (error?.side === 'source') {
      this.#source.note(error);
    } else {
      side?.failures.note(error);
      // What could be copied, or not be written alone, was read.
      if (error === undefined) this.#source.note(undefined);
    }
    this.#lines.changed();
  }

  #verdict({ failures }: Side): RegferryError | undefined {
    return failures.verdict ?? this.#source.verdict;
  }
}

function referenceOf({ name }: Side, tag: string): string {
  return `${name}:${printable(tag, 160)}`;
}

function absenceOf(says: Listed): CopyTarget['absent'] {
  if (says === 'empty') return 'repository';
  return says === 'absent' ? 'tag' : undefined;
}

/** What was not done yet has failed. */
function failed(reports: readonly TargetReport[], error: RegferryError): readonly TargetReport[] {
  return reports.map((report) => {
    const isDone = report.error !== undefined || report.verified !== undefined;
    return isDone ? report : { ...report, error };
  });
}
