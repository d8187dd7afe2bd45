import type { LeftOutName } from '../content/store.js';
import { RegferryError, throwIfAborted, withSide } from '../errors.js';
import { FIRST_CONNECTIONS } from './lanes.js';
import { linkedSignal } from '../content/linked-signal.js';
import { ManifestRoom } from './manifest-room.js';
import { readingAhead } from './reading-ahead.js';
import { RememberedManifests } from './remembered-manifests.js';
import type { TargetReport } from './report.js';
import { newRun, type Run } from './run.js';
import type { TagsJob } from './tags-job.js';
import { TagsCopying, type NumberedTag } from './tags-copying.js';

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
  const job = { ...given, source, signal: linkedSignal(given.signal), emit: sayingOnce(given.emit) };
  const run = { ...newRun(job), room: new ManifestRoom() };
  const op = { signal: job.signal };
  for (const store of [job.source, ...job.targets.map((target) => target.store)]) {
    store.prepare?.(FIRST_CONNECTIONS, op);
  }
  const copying = new TagsCopying(run, job);
  let failure: RegferryError | undefined;
  try {
    await copying.all(selected(run, job));
  } catch (error) {
    failure = withSide(error, 'source', job.signal);
  }
  return { targets: copying.reports, error: failure };
}

/** Many tags would say the same. */
function sayingOnce(emit: TagsJob['emit']): TagsJob['emit'] {
  const said = new Set<string>();
  return (event) => {
    if (event.type === 'note') {
      if (said.has(event.message)) return;
      said.add(event.message);
    }
    emit(event);
  };
}

/** The tags to copy, numbered, as they become known. Throws E_NOT_FOUND if there are none, and what listing throws. */
async function* selected(run: Run, job: TagsJob): AsyncGenerator<NumberedTag, void, void> {
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
