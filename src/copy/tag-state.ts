import type { Certainty, ContentTarget, ManifestKey, Op } from '../content/store.js';
import { isRegferryError, type RegferryError } from '../errors.js';
import type { CopyTarget } from './job.js';
import type { Previous } from './prove.js';
import type { TargetReport } from './report.js';

/** What a target reference holds before a copy, or why that could not be found out. */
export type TagState =
  | {
      readonly previous: Previous;
      /** Why it is not known: the login may write, perhaps, but not look. Enough to go on, not enough for a guard. */
      readonly unknown?: RegferryError | undefined;
      readonly error?: undefined;
    }
  | { readonly error: RegferryError };

/** A reference to write: what it is now, and what is reported of it. */
export interface Entry {
  readonly target: CopyTarget;
  readonly report: TargetReport;
  state: TagState;
}

/**
 * Asks what a tag is now, as surely as the answer is needed: see {@link lookUp}. A target without a tag has no state.
 */
export async function tagState(
  target: CopyTarget,
  op: Op,
  certainty: Certainty = 'likely',
): Promise<TagState> {
  if (target.tag === undefined) return { previous: undefined };
  return lookUp(target.store, { tag: target.tag }, op, certainty);
}

/**
 * Asks what a tag or digest is now. A login that is refused means "unknown", since some registries let people write what
 * they may not list; any other failure stays a failure and is never taken for "absent".
 */
export async function lookUp(
  store: ContentTarget,
  key: ManifestKey,
  op: Op,
  certainty: Certainty = 'likely',
): Promise<TagState> {
  try {
    return { previous: (await store.resolve(key, { ...op, certainty }))?.digest ?? null };
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    if (certainty === 'proved' && error.code === 'E_NOT_FOUND') return { previous: null };
    const unknown = error.code === 'E_UNAUTHORIZED' || error.code === 'E_DENIED';
    return unknown ? { previous: undefined, unknown: error } : { error };
  }
}
