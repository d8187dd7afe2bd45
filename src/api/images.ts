import type { ContentSource, ContentTarget } from '../content/store.js';
import { DryTarget } from '../copy/dry-target.js';
import type { CopyTarget, TargetGuard } from '../copy/job.js';
import { RegferryError } from '../errors.js';
import type { Address, OpenedImage } from '../place/address.js';
import { parseAddress } from '../place/parse.js';
import { StoreAddress } from '../place/store-address.js';
import type { Digest } from '../spec/digest.js';
import { printable } from '../spec/printable.js';
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

/** The address of an image. Throws E_REFERENCE, E_ALGORITHM. */
export function addressOf<Store extends ContentSource>(
  image: string | StoreImage<Store>,
): Address | Address<Store> {
  return typeof image === 'string' ? parseAddress(image) : new StoreAddress(image.store, image);
}

/** One target of a copy: where, and what has to be there now, in place of what the options say. */
export interface Wanted {
  readonly address: Address;
  readonly guard?: TargetGuard | undefined;
}

/** The targets that a caller names. Throws E_REFERENCE, E_ALGORITHM. */
export function wantedOf(targets: TargetImage | readonly TargetImage[]): readonly Wanted[] {
  const list: readonly TargetImage[] = isList(targets) ? targets : [targets];
  return list.map((image) => ({ address: addressOf(image) }));
}

/**
 * What there is to say of a source that was named without a tag or digest: what it was taken for, and what that is, if
 * `digest` is the whole image's. Undefined for any other source.
 */
export function assumedNote(source: OpenedImage, digest: string | undefined): string | undefined {
  if (source.isAssumed !== true) return undefined;
  const { reference, alsoTagged = [] } = source;
  const others = alsoTagged.length === 0 ? '' : `, which is ${alsoTagged.slice(0, 5).join(', ')} as well`;
  return `no tag was given; it is read as ${reference}${digest === undefined ? '' : `@${digest}`}${others}`;
}

/**
 * Opens the targets of a copy, one store a repository. A target's tag is its own or the source's; its digest is a guard.
 * Throws E_REFERENCE, E_LAYOUT, E_USAGE (the same reference twice, one login for several registries).
 */
export async function openTargets(
  session: Session,
  source: OpenedImage,
  wanted: readonly Wanted[],
  dry: boolean,
): Promise<readonly CopyTarget[]> {
  if (wanted.length === 0) throw new RegferryError('E_USAGE', 'a copy needs at least one target');
  session.checkTargets(wanted.map(({ address }) => address));
  refuseMisnomer(source, wanted);
  tellUntagged(source, wanted, session);
  const opening = session.opening('target', { dry });
  const stores = new Map<string, ContentTarget>();
  const targets = new Map<string, CopyTarget>();
  for (const { address, guard } of wanted) {
    const key = await address.key();
    let store = stores.get(key);
    if (store === undefined) {
      const opened = await address.write(opening);
      stores.set(key, (store = dry ? new DryTarget(opened) : opened));
    }
    const { digest } = address;
    // A digest alone asks for a push by digest; next to a tag it is a guard only.
    const tag = address.tag ?? (digest === undefined ? source.tag : undefined);
    const { reference } = address.named({ tag });
    const image = JSON.stringify([key, tag]);
    if (targets.has(image)) throw new RegferryError('E_USAGE', `the target ${reference} is given twice`);
    targets.set(image, { store, tag, expect: digest, guard, reference });
  }
  return [...targets.values()];
}

/** The first target that takes the source's tag, having neither a tag nor a digest of its own. */
function namelessOf(wanted: readonly Wanted[]): Address | undefined {
  return wanted
    .map(({ address }) => address)
    .find(({ tag, digest }) => tag === undefined && digest === undefined);
}

/** A target that would take the tag of a source that has none is written by digest alone, where nobody finds it by a name. */
function tellUntagged(source: OpenedImage, wanted: readonly Wanted[], session: Session): void {
  const repository = namelessOf(wanted)?.repository;
  if (source.isUntagged !== true || repository === undefined) return;
  const message = `${source.reference} has no tag, and none was given for ${repository}: it gets the digest alone`;
  session.engineOptions().emit({ type: 'note', message });
}

/** Throws E_REFERENCE where a target would take the source's tag, and what the source is called is none. */
function refuseMisnomer({ misnomer, reference }: OpenedImage, wanted: readonly Wanted[]): void {
  const repository = namelessOf(wanted)?.repository;
  if (misnomer === undefined || repository === undefined) return;
  const what = `${reference} is called "${printable(misnomer, 200)}", which is no tag, nor a reference with one`;
  throw new RegferryError('E_REFERENCE', `${what}: give the target a tag, as in ${repository}:TAG`);
}

function isList(targets: TargetImage | readonly TargetImage[]): targets is readonly TargetImage[] {
  return Array.isArray(targets);
}
