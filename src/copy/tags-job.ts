import type { ContentTarget } from '../content/store.js';
import type { TagMatcher } from '../spec/tag-glob.js';
import type { CopyJob, TargetGuard } from './job.js';

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
