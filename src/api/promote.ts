import type { CopyPlan, CopyReport } from '../copy/report.js';
import { RegferryError, type Hint } from '../errors.js';
import type { Address } from '../place/address.js';
import { parseAddress, parseRepositoryAddress } from '../place/parse.js';
import { printable } from '../spec/printable.js';
import { isTag, parseTag, withoutUser } from '../spec/reference.js';
import { runReported } from './copy.js';
import type { Wanted } from './images.js';
import type { CopyOptions, SideOptions } from './options.js';
import { planned } from './plan.js';
import type { RecordedTags } from './recorded.js';
import { checkRepeat, digestCheck } from './repeat.js';

/** Options of a promotion. */
export interface PromoteOptions extends CopyOptions {
  /**
   * Repositories in which the tags are set, in any registry (or layout folders, `oci:FOLDER`). What is missing there is
   * copied first. The source's own is then one of them only if it is named. @default the source's own repository; what
   * `source` and `target` say goes for both sides then
   */
  readonly to?: readonly string[] | undefined;
  /**
   * The record of the same promotion, done before, which `createReceipt` is then to be given, too. E_CONFIG before anything
   * is written if it is of other tags or another image.
   */
  readonly repeatOf?: RecordedTags | undefined;
}

/**
 * Sets tags on an image that is already in a registry, without pulling it: `promote('r.example.com/app:1234', 'prod')`.
 * All content is everywhere before the first tag moves, and none moves if anything failed until then; each tag is looked
 * at once more just before it is written, and read back after. No registry can be told to write a tag only if nobody else
 * has: what comes between the look and the write is lost, and is seen only if it comes after the write.
 *
 * Throws CopyError when anything failed, and RegferryError (E_USAGE, E_REFERENCE) when the arguments are wrong.
 */
export async function promote(
  source: string,
  tags: string | readonly string[],
  options: PromoteOptions = {},
): Promise<CopyReport> {
  const from = parseAddress(source);
  const wanted = wantedTags(from, tags, options.to);
  const { repeatOf } = options;
  if (repeatOf === undefined) return runReported(from, wanted, sidesOf(options), { allOrNothing: true });
  checkRepeat(
    repeatOf,
    wanted.map(({ address: { reference } }) => ({ reference })),
  );
  const mode = { allOrNothing: true, check: digestCheck(repeatOf) };
  return runReported(from, wanted, sidesOf(options), mode);
}

/** What {@link promote} would do with the same arguments. Writes nothing. Throws PlanError as `promote` throws CopyError. */
export async function planPromotion(
  source: string,
  tags: string | readonly string[],
  options: PromoteOptions = {},
): Promise<CopyPlan> {
  const from = parseAddress(source);
  return planned(from, wantedTags(from, tags, options.to), sidesOf(options), true);
}

/** Inside one repository there is one registry: what is said of it as one side goes for the other, too. */
function sidesOf(options: PromoteOptions): CopyOptions {
  const { source, target, to } = options;
  if (to !== undefined) return options;
  return { ...options, source: eitherSide(target, source), target: eitherSide(source, target) };
}

/** The options of a side that may be either of two; the second counts more. */
export function eitherSide(less: SideOptions = {}, more: SideOptions = {}): SideOptions {
  const given = Object.entries(more).filter(([, value]: [string, unknown]) => value !== undefined);
  return { ...less, ...Object.fromEntries(given) };
}

/** Every tag in every repository, repository by repository. */
function wantedTags(
  source: Address,
  tags: string | readonly string[],
  to: readonly string[] | undefined,
): readonly Wanted[] {
  const names = (typeof tags === 'string' ? [tags] : tags).map((tag) => loneTag(tag, source));
  if (names.length === 0) throw new RegferryError('E_USAGE', 'a promotion needs at least one tag');
  if (to?.length === 0) throw new RegferryError('E_USAGE', 'a promotion needs at least one repository');
  const places = to === undefined ? [source] : to.map(parseRepositoryAddress);
  return places.flatMap((place) => names.map((tag) => ({ address: place.named({ tag }) })));
}

/** A tag. Throws E_REFERENCE, with the tag alone where a whole image was given. */
function loneTag(text: string, source: Address): string {
  if (isTag(text)) return text;
  const [, place = '', tag = ''] = /^(.*):([^:/@]*)$/.exec(text) ?? [];
  if (!isTag(tag)) {
    refuseRepository(text);
    return parseTag(text);
  }
  const message = `"${printable(withoutUser(text), 200)}" is not a tag: give the tag alone, ${tag}`;
  throw new RegferryError('E_REFERENCE', message, { hint: elsewhere(place, source) });
}

/** Throws E_REFERENCE for a repository in place of a tag. */
function refuseRepository(text: string): void {
  const repository = repositoryOf(text);
  if (repository === undefined) return;
  const message = `"${printable(withoutUser(text), 200)}" is not a tag but a repository`;
  throw new RegferryError('E_REFERENCE', message, {
    hint: { code: 'promote-to', repository, tagMissing: true },
  });
}

function repositoryOf(text: string): string | undefined {
  try {
    // `release/1.0` is a bad tag rather than a repository at Docker Hub.
    return /^(?:localhost|[^/]*[.:][^/]*)\//.test(text) ? parseRepositoryAddress(text).repository : undefined;
  } catch {
    return undefined;
  }
}

/** What to do where the image that was given for a tag is not in the repository of the source. */
function elsewhere(place: string, { repository }: Address): Hint | undefined {
  try {
    const other = parseRepositoryAddress(place);
    // `app:prod` beside `r.example.com/team/app:1` means the source's own repository, only shorter.
    if (repository.endsWith(`/${place}`) || repository === other.repository) return undefined;
    return { code: 'promote-to', repository: other.repository };
  } catch {
    return undefined;
  }
}
