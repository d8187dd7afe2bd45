import { lookAtLeft, removeTag, type LookedAt } from '../copy/remove-tag.js';
import type { CopyReport, TargetReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import type { Address } from '../place/address.js';
import type { CommonOptions, SideOptions } from './options.js';
import { Session } from './session.js';

/** A tag that was absent before a recorded run. */
interface NewTag {
  readonly address: Address;
  /** As reports print it. */
  readonly reference: string;
}

/** A new tag that an undo is to delete: what the recorded run made of it. */
export interface TagToDelete extends NewTag {
  readonly digest: string;
}

/** A new tag that an undo is to leave: what the recorded run made of it, null where that deleted it. */
export interface TagToLeave extends NewTag {
  readonly digest: string | null;
}

/** How the registries are reached. */
export interface RemovalOptions extends CommonOptions {
  readonly target?: SideOptions | undefined;
}

/** What became of the tags, and what it took. */
export type Removed = Pick<CopyReport, 'targets' | 'requests' | 'retries' | 'durationMs'>;

/** Deletes tags by their names, one after the other; with `dryRun` they are looked at alone. Throws E_LAYOUT. */
export function removeTags(
  tags: readonly TagToDelete[],
  options: RemovalOptions,
  dryRun: boolean,
): Promise<Removed> {
  return tagByTag(tags, options, async (tag, session) => {
    const { sleep } = session.engineOptions();
    return removeTag({ ...(await opened(tag, session, dryRun)), digest: tag.digest, dryRun, sleep });
  });
}

/** Looks once at each of the tags that are left, to tell what it is now. Throws E_LAYOUT. */
export function lookAtTags(tags: readonly TagToLeave[], options: RemovalOptions): Promise<Removed> {
  return tagByTag(tags, options, async (tag, session) =>
    lookAtLeft({ ...(await opened(tag, session, true)), digest: tag.digest }),
  );
}

async function tagByTag<T extends NewTag>(
  tags: readonly T[],
  options: RemovalOptions,
  work: (tag: T, session: Session) => Promise<TargetReport>,
): Promise<Removed> {
  const session = new Session(options);
  return session.run(async () => {
    const targets: TargetReport[] = [];
    for (const tag of tags) targets.push(await work(tag, session));
    // What failed is in the report, and not thrown.
    for (const { error } of targets) session.cleaned(error);
    return { targets, ...session.totals() };
  });
}

async function opened({ address, reference }: NewTag, session: Session, dry: boolean): Promise<LookedAt> {
  const { tag } = address;
  if (tag === undefined) throw new RegferryError('E_USAGE', `${reference} names no tag`);
  // The scope for deleting is asked for when something is deleted.
  const store = await address.write(session.opening('target', { dry, access: 'pull' }));
  return { store, tag, reference, signal: session.engineOptions().signal };
}
