import { hostKey } from '../content/identity.js';
import type { ContentTarget, LeftOutName } from '../content/store.js';
import { RegferryError, throwIfAborted, withSide } from '../errors.js';
import { printable } from '../spec/printable.js';
import { parseTag } from '../spec/reference.js';
import type { TagMatcher } from '../spec/tag-glob.js';
import type { CopyJob, CopyTarget, TargetGuard } from './job.js';
import { FIRST_CONNECTIONS } from './lanes.js';
import { linkedSignal } from './linked-signal.js';
import { ListedTags, type Listed } from './listed-tags.js';
import { readingAhead } from './reading-ahead.js';
import { RememberedManifests } from './remembered-manifests.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import { copyImage, newRun, type Run } from './run.js';

/** A tag takes about two requests' time to each that it needs, so twice as many as a lane is wide keep it full. */
const TAGS_A_LANE = 2;

/** A repository to copy tags to, and how it is printed. */
export interface TagsTarget {
  readonly store: ContentTarget;
  readonly name: string;
}

/** Everything that a copy of many tags needs. */
export interface TagsJob extends Pick<
  CopyJob,
  'source' | 'includeForeign' | 'dryRun' | 'concurrency' | 'resume' | 'patience' | 'signal' | 'emit' | 'sleep'
> {
  readonly targets: readonly TagsTarget[];
  /** Which tags to copy. */
  readonly selects: TagMatcher;
  /** What each tag has to be at each target, or it is not written. */
  readonly guard?: TargetGuard | undefined;
}

/** What became of many tags. */
export interface TagsOutcome {
  /** One report a tag and target: tags as the source lists them, targets in the order of the job. */
  readonly targets: readonly TargetReport[];
  /** Why not all of the source's tags are among them. */
  readonly error?: RegferryError | undefined;
}

/**
 * Copies tags of one repository, several at a time: both sides are asked for their lists at once, and the first tags are
 * on their way before the lists have ended. A tag that a target does not list is not asked for there; one that both list
 * costs one HEAD a side where it is the same. What several tags share moves once. A tag that fails does not stop the
 * others. Never rejects for what can go wrong with a registry.
 */
export async function runAllTags(given: TagsJob): Promise<TagsOutcome> {
  const source = given.source.metered ? new RememberedManifests(given.source) : given.source;
  const job = { ...given, source, signal: linkedSignal(given.signal) };
  const run = newRun(job.concurrency);
  const op = { signal: job.signal };
  for (const store of [job.source, ...job.targets.map((target) => target.store)]) {
    store.prepare?.(FIRST_CONNECTIONS, op);
  }
  const lists = job.targets.map(({ store }) => new ListedTags(store, op));
  const reports: (readonly TargetReport[])[] = [];
  const tags = selected(run, job);
  let failure: RegferryError | undefined;
  const work = async (): Promise<void> => {
    try {
      for await (const [at, tag] of tags) reports[at] = await copyTag(run, job, lists, tag);
    } catch (error) {
      failure ??= withSide(error, 'source', job.signal);
    }
  };
  const { width } = run.lanes.of(hostKey(job.source));
  await Promise.all(Array.from({ length: width * TAGS_A_LANE }, work));
  return { targets: reports.flat(), error: failure };
}

/** The tags to copy, numbered, as they become known. Throws E_NOT_FOUND if there are none, and what listing throws. */
async function* selected(run: Run, job: TagsJob): AsyncGenerator<readonly [at: number, tag: string]> {
  const { source, targets, selects, signal } = job;
  const extents = targets.map(({ store }) => run.memories.of(store).extent);
  // While there may be more tags, nobody knows how much there is to do.
  for (const extent of extents) extent.found();
  let count = 0;
  let all = 0;
  const disputed: string[] = [];
  const onLeftOut = ({ tag, message }: LeftOutName): void => {
    // A tag that is several images' is asked for all the same, and fails with the reason.
    if (tag === undefined) job.emit({ type: 'note', message: `left out: ${message}` });
    else disputed.push(tag);
  };
  for await (const tag of readingAhead(source.tags({ signal, onLeftOut }))) {
    throwIfAborted(signal);
    all += 1;
    if (selects(tag)) yield [count++, tag];
  }
  for (const tag of disputed) {
    all += 1;
    if (selects(tag)) yield [count++, tag];
  }
  for (const extent of extents) extent.read([]);
  if (count > 0) return;
  const why = all === 0 ? 'has no tags' : `has ${all} tag${all === 1 ? '' : 's'}, but none that is asked for`;
  throw new RegferryError('E_NOT_FOUND', `${source.toString()} ${why}`, { side: 'source' });
}

/** Copies one tag to every target. Never rejects: what failed is in the reports. */
async function copyTag(
  run: Run,
  job: TagsJob,
  lists: readonly ListedTags[],
  tag: string,
): Promise<readonly TargetReport[]> {
  const { guard } = job;
  const says = await Promise.all(lists.map((list) => list.says(tag)));
  const targets = job.targets.map(({ store, name }, at): CopyTarget => {
    return { store, tag, guard, absent: absenceOf(says[at]), reference: `${name}:${printable(tag, 160)}` };
  });
  try {
    parseTag(tag); // a layout may have names that no registry takes
    const headFirst = targets.every(({ absent }) => absent === undefined);
    const outcome = await copyImage(run, { ...job, key: { tag }, targets, headFirst });
    return outcome.error === undefined ? outcome.targets : failed(outcome.targets, outcome.error);
  } catch (error) {
    return failed(
      targets.map(({ reference }) => emptyTargetReport(reference)),
      withSide(error, 'source', job.signal),
    );
  }
}

function absenceOf(says: Listed | undefined): CopyTarget['absent'] {
  if (says === 'empty') return 'repository';
  return says === 'absent' ? 'tag' : undefined;
}

function failed(reports: readonly TargetReport[], error: RegferryError): readonly TargetReport[] {
  return reports.map((report) => (report.error === undefined ? { ...report, error } : report));
}
