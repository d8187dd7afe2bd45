import { RegferryError } from '../errors.js';
import { formatPlatform, matchesPlatform } from '../spec/platform.js';
import type { CopyJob, CopyTarget, SourceGuard } from './job.js';
import { platformsOf } from '../graph/platforms.js';
import type { Previous } from './prove.js';
import type { TagState } from './tag-state.js';
import type { Node, ManifestReader } from '../graph/manifest-reader.js';

/** Throws E_GUARD when what would be copied is not what it has to be. */
export async function checkSource(
  guard: SourceGuard,
  root: Node,
  reader: ManifestReader,
  job: Pick<CopyJob, 'source' | 'key'>,
): Promise<void> {
  const name = nameOf(job);
  const { digest } = root.manifest.descriptor;
  guard.check?.(digest);
  if (guard.digest !== undefined && guard.digest !== digest) {
    throw broken(`the source has to be ${guard.digest}, but ${name} is ${digest}`, 'source');
  }
  const wanted = guard.platforms ?? [];
  if (wanted.length === 0) return;
  const have = await platformsOf(root, reader);
  const missing = wanted.filter((platform) => !have.some((one) => matchesPlatform(platform, one)));
  if (missing.length === 0) return;
  const found = have.length === 0 ? 'none that is named' : have.map(formatPlatform).join(', ');
  throw broken(
    `the source has to hold ${missing.map(formatPlatform).join(' and ')}, but ${name} holds ${found}`,
    'source',
  );
}

function nameOf({ source, key }: Pick<CopyJob, 'source' | 'key'>): string {
  return `${source.toString()}${'tag' in key ? `:${key.tag}` : `@${key.digest}`}`;
}

/**
 * Why a target must not be written, if its guard does not hold or cannot be checked: what could not be found out is
 * never taken for "absent".
 */
export function brokenGuard(target: CopyTarget, state: TagState, digest: string): RegferryError | undefined {
  const { expect, guard, reference } = target;
  if (expect !== undefined && expect !== digest) {
    return broken(`${reference} was to become ${expect}, but the source is ${digest}`, 'source');
  }
  if (state.error !== undefined || guard === undefined) return undefined;
  const { previous } = state;
  if (previous === undefined) return state.unknown;
  const now = previous ?? 'absent';
  const isDone = guard.orDone === true && previous === digest;
  if (guard.is !== undefined && guard.is !== previous && !isDone) {
    return broken(`${reference} has to be ${guard.is ?? 'absent'}, but is ${now}`, 'target');
  }
  if (guard.noClobber === true && previous !== null && previous !== digest) {
    return broken(`${reference} exists already as ${now}, and is not to be overwritten`, 'target');
  }
  return undefined;
}

/**
 * True for a guarded tag that has become `digest` meanwhile, as it was to; false for one that is what it was when the copy
 * began. Throws E_TAG_MOVED for another, and what kept it from being seen.
 */
export function isSettledMeanwhile(
  target: CopyTarget,
  previous: string | null,
  state: TagState,
  digest: string,
): boolean {
  if (state.error !== undefined) throw state.error;
  if (state.previous === previous) return false;
  const isStrict = target.guard?.is !== undefined && target.guard.orDone !== true;
  if (state.previous === digest && !isStrict) return true;
  throw movedMeanwhile(target, previous, state);
}

function movedMeanwhile(
  { reference }: CopyTarget,
  previous: string | null,
  state: { readonly previous: Previous },
): RegferryError {
  const was = previous ?? 'absent';
  const now = state.previous ?? (state.previous === null ? 'absent' : 'not to be seen');
  return new RegferryError(
    'E_TAG_MOVED',
    `${reference} was ${was} when the copy began and is ${now}: someone else moved it meanwhile; it was left so`,
    { side: 'target' },
  );
}

function broken(why: string, side: 'source' | 'target'): RegferryError {
  return new RegferryError('E_GUARD', `${why}; nothing was written`, { side });
}
