import { repositoryKey } from '../content/identity.js';
import type { ContentSource, ContentTarget, ManifestKey } from '../content/store.js';
import { DryTarget } from '../copy/dry-target.js';
import type { CopyTarget } from '../copy/job.js';
import { RegferryError } from '../errors.js';
import { parseDigest, type Digest } from '../spec/digest.js';
import { formatLocation, parseLocation, type Location } from '../spec/location.js';
import { printable } from '../spec/printable.js';
import { parseTag } from '../spec/reference.js';
import { locationKey } from './location-key.js';
import type { Session } from './session.js';

/** An image in a store of the caller's own; without a tag and a digest, `latest`. */
export interface StoreImage<Store extends ContentSource> {
  readonly store: Store;
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** What can be copied from: a reference, or an image in a store. */
export type SourceImage = string | StoreImage<ContentSource>;
/** What can be copied to. */
export type TargetImage = string | StoreImage<ContentTarget>;

/** A source image, found. */
export interface OpenedSource {
  readonly store: ContentSource;
  readonly key: ManifestKey;
  /** The tag that a target without one takes; none for a source that was named by digest alone. */
  readonly tag?: string | undefined;
  /** What a layout calls its image where that is no tag, so that a target without one cannot take it. */
  readonly misnomer?: string | undefined;
  readonly reference: string;
  /** True where nobody named a tag or digest, and `latest` stands in. @default false */
  readonly isAssumed?: boolean | undefined;
}

/**
 * What there is to say of a source that was named without a tag or digest: what it was taken for, and what that is, if
 * `digest` is the whole image's. Undefined for any other source.
 */
export function assumedNote(source: OpenedSource, digest: string | undefined): string | undefined {
  if (source.isAssumed !== true) return undefined;
  return `no tag was given; it is read as ${source.reference}${digest === undefined ? '' : `@${digest}`}`;
}

/**
 * Opens a source image. Without a tag and a digest `latest` stands in for a registry; a layout then has to hold one
 * manifest alone. Throws E_REFERENCE, E_LAYOUT, E_USAGE (several images in a layout).
 */
export async function openSource(session: Session, image: SourceImage): Promise<OpenedSource> {
  if (typeof image !== 'string')
    return sourceOf(image.store, image.tag, image.digest, image.store.toString());
  const location = parseLocation(image);
  if (location.kind === 'registry') {
    const { reference } = location;
    const store = session.repository(reference, 'source', 'pull');
    const { registry, repository } = reference;
    const name = formatLocation({ kind: 'registry', reference: { registry, repository } });
    return sourceOf(store, reference.tag, reference.digest, name);
  }
  const store = await session.layout(location.folder);
  const folder = formatLocation({ ...location, tag: undefined, digest: undefined });
  const { tag, digest } = location;
  if (tag !== undefined || digest !== undefined) return sourceOf(store, tag, digest, folder);
  const { descriptor, tag: only, name } = await store.singleImage();
  return {
    ...sourceOf(store, only, only === undefined ? descriptor.digest : undefined, folder),
    key: descriptor,
    ...(only === undefined && name !== undefined && { misnomer: name }),
  };
}

/** Next to a digest, which says what is meant, a tag is only a name. */
function sourceOf(
  store: ContentSource,
  named: string | undefined,
  digest: Digest | undefined,
  name: string,
): OpenedSource {
  checkNames(named, digest);
  const tag = named ?? (digest === undefined ? 'latest' : undefined);
  const key = digest === undefined ? { tag: tag ?? 'latest' } : { digest };
  const isAssumed = named === undefined && digest === undefined;
  return { store, key, tag, reference: printed(name, tag, digest), isAssumed };
}

/** One target as it was asked for: where, and what it is to be called. */
interface Wanted {
  /** The same for references of one repository, however they are spelled. */
  readonly key: string;
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
  readonly open: () => Promise<ContentTarget>;
}

/**
 * Opens the targets of a copy, one store a repository. A target's tag is its own or the source's; its digest is a guard.
 * Throws E_REFERENCE, E_LAYOUT, E_USAGE (the same reference twice, one login for several registries).
 */
export async function openTargets(
  session: Session,
  source: OpenedSource,
  images: readonly TargetImage[],
  dryRun: boolean,
): Promise<readonly CopyTarget[]> {
  if (images.length === 0) throw new RegferryError('E_USAGE', 'a copy needs at least one target');
  const locations = images.map((image) => (typeof image === 'string' ? parseLocation(image) : image));
  session.checkTargets(locations.flatMap((location) => ('kind' in location ? [location] : [])));
  const all = await Promise.all(locations.map((location) => wantedOf(session, location, dryRun)));
  refuseMisnomer(source, all);
  const stores = new Map<string, ContentTarget>();
  const targets = new Map<string, CopyTarget>();
  for (const wanted of all) {
    const { key, name, digest } = wanted;
    let store = stores.get(key);
    if (store === undefined) {
      const opened = await wanted.open();
      stores.set(key, (store = dryRun ? new DryTarget(opened) : opened));
    }
    // A digest alone asks for a push by digest; next to a tag it is a guard only.
    const tag = wanted.tag ?? (digest === undefined ? source.tag : undefined);
    const reference = printed(name, tag, undefined);
    const image = JSON.stringify([key, tag]);
    if (targets.has(image)) throw new RegferryError('E_USAGE', `the target ${reference} is given twice`);
    targets.set(image, { store, tag, expect: digest, reference });
  }
  return [...targets.values()];
}

/** Throws E_REFERENCE where a target would take the source's tag, and what the source is called is none. */
function refuseMisnomer({ misnomer, reference }: OpenedSource, targets: readonly Wanted[]): void {
  const target = targets.find(({ tag, digest }) => tag === undefined && digest === undefined);
  if (misnomer === undefined || target === undefined) return;
  const what = `${reference} is called "${printable(misnomer, 200)}", which is no tag, nor a reference with one`;
  throw new RegferryError('E_REFERENCE', `${what}: give the target a tag, as in ${target.name}:TAG`);
}

async function wantedOf(
  session: Session,
  image: Location | StoreImage<ContentTarget>,
  dryRun: boolean,
): Promise<Wanted> {
  if (!('kind' in image)) {
    const { store, tag, digest } = image;
    checkNames(tag, digest);
    return {
      key: repositoryKey(store),
      name: store.toString(),
      tag,
      digest,
      open: () => Promise.resolve(store),
    };
  }
  const key = await locationKey(image);
  if (image.kind === 'layout') {
    const { folder, tag, digest } = image;
    const name = formatLocation({ kind: 'layout', folder });
    return { key, name, tag, digest, open: () => session.targetLayout(folder, dryRun) };
  }
  const { reference } = image;
  const { registry, repository, tag, digest } = reference;
  const name = formatLocation({ kind: 'registry', reference: { registry, repository } });
  const open = (): Promise<ContentTarget> => Promise.resolve(session.repository(reference, 'target', 'push'));
  return { key, name, tag, digest, open };
}

/** What a caller of the library gives as tag and digest may be any text. Throws E_REFERENCE, E_ALGORITHM. */
function checkNames(tag: string | undefined, digest: string | undefined): void {
  if (tag !== undefined) parseTag(tag);
  if (digest !== undefined) parseDigest(digest);
}

/**
 * A reference as reports print it, however it was written: in full, with its tag, without a digest. Throws E_REFERENCE.
 */
export function printedReference(text: string): string {
  const location = parseLocation(text);
  if (location.kind === 'layout') return formatLocation({ ...location, digest: undefined });
  return formatLocation({ kind: 'registry', reference: { ...location.reference, digest: undefined } });
}

function printed(name: string, tag: string | undefined, digest: Digest | undefined): string {
  return `${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}
