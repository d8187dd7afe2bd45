import { RegferryError } from '../errors.js';
import { parseAddress } from '../place/parse.js';

import type { RecordedTag, RecordedTags, Repeat } from './recorded.js';

/** A tag that a run is to set. The digest is left out while it is not known; null for one that is to be deleted. */
export interface WantedTag {
  readonly reference: string;
  readonly digest?: string | null | undefined;
}

/**
 * Makes sure that a record is that of the run at hand, done before: the same tags, the same digests. Throws E_CONFIG with
 * what differs: to go on would lose what the tags of that run were.
 */
export function checkRepeat({ predicate }: RecordedTags, wanted: readonly WantedTag[]): void {
  const recorded = new Map(predicate.tags.map((tag) => [nameOf(tag), tag]));
  const names = new Set(wanted.map(nameOf));
  const missing = [...names].filter((name) => !recorded.has(name));
  const surplus = [...recorded.keys()].filter((name) => !names.has(name));
  if (missing.length > 0) throw another(`it does not have ${missing.join(', ')}`);
  if (surplus.length > 0) throw another(`it has ${surplus.join(', ')}, too`);
  for (const tag of wanted) {
    if (tag.digest !== undefined) checkDigest(recorded.get(nameOf(tag)), tag.digest);
  }
}

/** The rest of {@link checkRepeat}, for a run that finds its digest out on its way. */
export function digestCheck({ predicate }: RecordedTags): (digest: string) => void {
  return (digest) => {
    for (const tag of predicate.tags) checkDigest(tag, digest);
  };
}

function checkDigest(tag: RecordedTag | undefined, digest: string | null): void {
  if (tag === undefined || tag.digest === digest) return;
  const [was, is] = [tag.digest, digest].map((one) => one ?? 'absent');
  throw another(`it has ${nameOf(tag)} as ${was}, and this is ${is}`);
}

function nameOf({ reference }: WantedTag): string {
  return parseAddress(reference).reference;
}

function another(why: string): RegferryError {
  const message = `the receipt that is there is of another run: ${why}; nothing was written`;
  return new RegferryError('E_CONFIG', message, { hint: { code: 'keep-record' } });
}

/**
 * The tags of a run that was done before, with what they were before the first time. A run that was cut short is made
 * whole by its repeats: what each tag was is taken from the run that moved it. Throws E_CONFIG as {@link checkRepeat} does.
 */
export function repeated<Tag extends RecordedTag>(
  record: RecordedTags,
  tags: readonly Tag[],
  startedAt: string,
): { readonly tags: readonly Tag[]; readonly repeat: Repeat } {
  checkRepeat(record, tags);
  const { predicate } = record;
  const before = new Map(predicate.tags.map((tag) => [nameOf(tag), tag]));
  const { firstStartedAt = predicate.startedAt ?? startedAt, runs = 1 } = predicate.repeat ?? {};
  return {
    tags: tags.map((tag) => joined(before.get(nameOf(tag)), tag)),
    repeat: { firstStartedAt, runs: runs + 1 },
  };
}

function joined<Tag extends RecordedTag>(first: RecordedTag | undefined, now: Tag): Tag {
  if (first === undefined) return now;
  const { taken, changed, unsure } = historyOf(first, now);
  const { previous } = taken;
  const seen = new Set([...(first.alsoWas ?? []), first.previous, now.previous]);
  const alsoWas = [...seen].filter((one) => one !== undefined && one !== previous && one !== now.digest);
  const tag: Tag = { ...now, previous, changed, unsure, alsoWas };
  if (previous === undefined) Reflect.deleteProperty(tag, 'previous');
  if (!unsure) Reflect.deleteProperty(tag, 'unsure');
  if (alsoWas.length === 0) Reflect.deleteProperty(tag, 'alsoWas');
  return tag;
}

interface History {
  /** The record of the run that found the tag as it was before. */
  readonly taken: RecordedTag;
  readonly changed: boolean;
  readonly unsure: boolean;
}

/** Which run moved a tag, as far as the two of them tell. */
function historyOf(first: RecordedTag, now: RecordedTag): History {
  if (first.changed) return { taken: first, changed: true, unsure: false };
  const isSet = now.previous === now.digest && !now.changed;
  const wasOther = first.previous !== undefined && first.previous !== now.digest;
  // The first run failed at it, and yet it is what that was to make of it: the write was done, though no answer came.
  const wasSetFirst = first.unsure === true || (first.error !== undefined && wasOther);
  if (isSet && wasSetFirst) return { taken: first, changed: true, unsure: false };
  const unsure = now.unsure ?? false;
  if (now.changed || unsure) return { taken: now, changed: now.changed, unsure };
  return { taken: wasOther ? first : now, changed: false, unsure: first.unsure ?? false };
}
