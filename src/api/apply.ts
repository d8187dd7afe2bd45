import type { CopyReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import { parseAddress } from '../place/parse.js';
import { parseDigest, type Digest } from '../spec/digest.js';
import { runReported } from './copy.js';
import type { Wanted } from './images.js';
import type { CopyOptions } from './options.js';
import type { RecordedTags } from './recorded.js';
import { checkRepeat } from './repeat.js';

/** What a plan binds its execution to. The CopyPlan of `plan()` or `planPromotion()` is one, and so is a plan file. */
export interface Plan {
  readonly source: { readonly reference: string; readonly digest?: string | undefined };
  readonly targets: readonly PlannedTarget[];
  readonly platform?: string | undefined;
  readonly includeForeign?: boolean | undefined;
  readonly allOrNothing?: boolean | undefined;
}

/** A reference that a plan writes, and what it was when the plan was made; null for absent. */
export interface PlannedTarget {
  readonly reference: string;
  readonly previous?: string | null | undefined;
  /** Why nothing could be planned for it. */
  readonly error?: unknown;
}

/** Options of {@link apply}: how to reach the registries. What to do is in the plan. */
export interface ApplyOptions extends Omit<CopyOptions, 'platform' | 'includeForeign' | 'guards'> {
  /**
   * The record of the same work, done before, which `createReceipt` is then to be given, too. E_CONFIG before anything is
   * asked if it is of other tags or another image.
   */
  readonly repeatOf?: RecordedTags | undefined;
}

/**
 * Does what a plan says, if the source is still the digest that it was and each tag is still what it was (E_GUARD where
 * not; nothing is written then). A tag that is already what the plan makes of it will do, so that a plan whose execution
 * was cut short can be applied again. How a blob travels may differ from the plan. Throws CopyError as `copy` does, E_USAGE
 * for a plan that is not complete, and E_DENIED for one of a tag that could not be seen.
 */
export async function apply(plan: Plan, options: ApplyOptions = {}): Promise<CopyReport> {
  const { source, targets, platform, includeForeign, allOrNothing } = plan;
  const expect = boundDigest(plan);
  if (options.repeatOf !== undefined) {
    checkRepeat(
      options.repeatOf,
      targets.map(({ reference }) => ({ reference, digest: expect })),
    );
  }
  return runReported(
    parseAddress(source.reference),
    targets.map((target) => boundTarget(target, parseDigest(expect))),
    { ...options, platform, includeForeign, guards: { expect } },
    { allOrNothing: allOrNothing ?? false },
  );
}

/**
 * The digest that a plan copies. Throws E_USAGE for a plan with a target that could not be planned, and E_DENIED for one
 * whose present state could not be seen: it would be bound to nothing.
 */
export function boundDigest({ source, targets }: Plan): string {
  const failed = targets.find(({ error }) => error !== undefined);
  if (source.digest === undefined || targets.length === 0 || failed !== undefined) {
    const which = failed === undefined ? source.reference : failed.reference;
    throw new RegferryError('E_USAGE', `the plan is not complete: there is none for ${which}`);
  }
  const unseen = targets.find(({ previous }) => previous === undefined);
  if (unseen !== undefined) {
    throw new RegferryError(
      'E_DENIED',
      `the plan cannot be bound to what ${unseen.reference} is now: this login may not see it`,
      { side: 'target' },
    );
  }
  return source.digest;
}

/** A reference without a tag was pushed by digest alone; a target without both would take the source's tag. */
function boundTarget({ reference, previous }: PlannedTarget, digest: Digest): Wanted {
  const address = parseAddress(reference);
  const is = typeof previous === 'string' ? parseDigest(previous) : null;
  return {
    address: address.tag === undefined ? address.named({ digest }) : address,
    guard: { is, orDone: true },
  };
}
