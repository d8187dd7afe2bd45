import { removeTag } from '../copy/remove-tag.js';
import type { CopyReport, TargetReport } from '../copy/report.js';
import { RegferryError } from '../errors.js';
import type { Address } from '../place/address.js';
import type { CommonOptions, SideOptions } from './options.js';
import { Session } from './session.js';

/** A tag that an undo is to delete: what the recorded run made of it. */
export interface NewTag {
  readonly address: Address;
  /** As reports print it. */
  readonly reference: string;
  readonly digest: string;
}

/** How the registries are reached. */
export interface RemovalOptions extends CommonOptions {
  readonly target?: SideOptions | undefined;
}

/** What became of the tags, and what it took. */
export type Removed = Pick<CopyReport, 'targets' | 'requests' | 'retries' | 'durationMs'>;

/** Deletes tags by their names, one after the other; with `dryRun` they are looked at alone. Throws E_LAYOUT. */
export async function removeTags(
  tags: readonly NewTag[],
  options: RemovalOptions,
  dryRun: boolean,
): Promise<Removed> {
  const session = new Session(options);
  return session.run(async () => {
    const targets: TargetReport[] = [];
    for (const tag of tags) targets.push(await removeOne(session, tag, dryRun));
    // What failed is in the report, and not thrown.
    for (const { error } of targets) session.cleaned(error);
    return { targets, ...session.totals() };
  });
}

async function removeOne(
  session: Session,
  { address, reference, digest }: NewTag,
  dryRun: boolean,
): Promise<TargetReport> {
  const { tag } = address;
  if (tag === undefined) throw new RegferryError('E_USAGE', `${reference} names no tag`);
  // The scope for deleting is asked for when something is deleted.
  const store = await address.write(session.opening('target', { dry: dryRun, access: 'pull' }));
  const { signal, sleep } = session.engineOptions();
  return removeTag({ store, tag, reference, digest, dryRun, signal, sleep });
}
