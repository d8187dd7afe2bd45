import { repositoryKey } from '../content/identity.js';
import type { ContentSource, ContentTarget } from '../content/store.js';
import { DryTarget } from '../copy/dry-target.js';
import type { TagsTarget } from '../copy/tags-job.js';
import { RegferryError } from '../errors.js';
import type { Address } from '../place/address.js';
import { parseRepositoryAddress } from '../place/parse.js';
import { StoreAddress } from '../place/store-address.js';
import type { Session } from './session.js';

/** A repository to read: `[registry/]repository`, `oci:FOLDER`, or a store of the caller's own. */
export type SourceRepository = string | ContentSource;
/** A repository to write: `[registry/]repository`, `oci:FOLDER`, or a store of the caller's own. */
export type TargetRepository = string | ContentTarget;

/** The repositories of a copy of tags, opened. */
export interface OpenedRepositories {
  readonly source: ContentSource;
  /** How the source is printed. */
  readonly name: string;
  readonly targets: readonly TagsTarget[];
}

/**
 * Opens the repositories of a copy of tags. Throws E_REFERENCE (also for a tag or digest), E_LAYOUT, E_USAGE (no target,
 * the same one twice, the source itself, one login for several registries).
 */
export async function openRepositories(
  session: Session,
  from: SourceRepository,
  to: readonly TargetRepository[],
  dry: boolean,
): Promise<OpenedRepositories> {
  if (to.length === 0) throw new RegferryError('E_USAGE', 'a copy needs at least one target');
  const origin = addressOf(from);
  const places = to.map(addressOf);
  session.checkTargets(places);
  const source = await origin.read(session.opening('source'));
  const opening = session.opening('target', { dry });
  const targets: TagsTarget[] = [];
  const seen = new Set<string>();
  for (const place of places) {
    const name = place.repository;
    const key = await place.key();
    if (key === repositoryKey(source)) {
      throw new RegferryError('E_USAGE', `the target ${name} is the source itself`);
    }
    if (seen.has(key)) throw new RegferryError('E_USAGE', `the target ${name} is given twice`);
    seen.add(key);
    const opened = await place.write(opening);
    targets.push({ store: dry ? new DryTarget(opened) : opened, name });
  }
  return { source, name: origin.repository, targets };
}

function addressOf<Store extends ContentSource>(repository: string | Store): Address | Address<Store> {
  return typeof repository === 'string' ? parseRepositoryAddress(repository) : new StoreAddress(repository);
}
