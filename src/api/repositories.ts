import { repositoryKey } from '../content/identity.js';
import type { ContentSource, ContentTarget } from '../content/store.js';
import type { TagsTarget } from '../copy/tags-job.js';
import { DryTarget } from '../copy/dry-target.js';
import { RegferryError } from '../errors.js';
import { formatLocation, parseRepositoryLocation, type Location } from '../spec/location.js';
import { locationKey } from './location-key.js';
import type { Session } from './session.js';

/** A repository to read: `[registry/]repository`, `oci:FOLDER`, or a store of the caller's own. */
export type SourceRepository = string | ContentSource;
/** A repository to write: `[registry/]repository`, `oci:FOLDER`, or a store of the caller's own. */
export type TargetRepository = string | ContentTarget;

/** Opens a repository or layout folder to read. Throws E_LAYOUT. */
export async function openRepository(session: Session, location: Location): Promise<ContentSource> {
  if (location.kind === 'layout') return session.layout(location.folder);
  return session.repository(location.reference, 'source', 'pull');
}

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
  dryRun: boolean,
): Promise<OpenedRepositories> {
  if (to.length === 0) throw new RegferryError('E_USAGE', 'a copy needs at least one target');
  const origin = located(from);
  const places = to.map(located);
  session.checkTargets(places.flatMap((place) => ('kind' in place ? [place] : [])));
  const source = 'kind' in origin ? await openRepository(session, origin) : origin;
  const targets: TagsTarget[] = [];
  const seen = new Set<string>();
  for (const place of places) {
    const name = nameOf(place);
    const key = 'kind' in place ? await locationKey(place) : repositoryKey(place);
    if (key === repositoryKey(source)) {
      throw new RegferryError('E_USAGE', `the target ${name} is the source itself`);
    }
    if (seen.has(key)) throw new RegferryError('E_USAGE', `the target ${name} is given twice`);
    seen.add(key);
    const opened = 'kind' in place ? await openTarget(session, place, dryRun) : place;
    targets.push({ store: dryRun ? new DryTarget(opened) : opened, name });
  }
  return { source, name: nameOf(origin), targets };
}

function located<Store extends ContentSource>(repository: string | Store): Location | Store {
  return typeof repository === 'string' ? parseRepositoryLocation(repository) : repository;
}

function openTarget(session: Session, place: Location, dryRun: boolean): Promise<ContentTarget> {
  if (place.kind === 'layout') return session.targetLayout(place.folder, dryRun);
  return Promise.resolve(session.repository(place.reference, 'target', 'push'));
}

function nameOf(place: Location | ContentSource): string {
  return 'kind' in place ? formatLocation(place) : place.toString();
}
