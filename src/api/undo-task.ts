import { parseDigest } from '../spec/digest.js';
import type { Address } from '../place/address.js';
import { parseAddress } from '../place/parse.js';
import type { RecordedTag, RecordedTags } from './recorded.js';
import type { TagToDelete, TagToLeave } from './removals.js';
import type { WantedTag } from './repeat.js';

/** A recorded tag, and where it is. Its reference is as reports print it. */
export interface PlacedTag extends RecordedTag {
  readonly address: Address;
}

/** What an undo has to do. */
export interface Task {
  /** Tags that the recorded run has moved, or may have. */
  readonly moved: readonly PlacedTag[];
  readonly unmoved: readonly PlacedTag[];
  readonly steps: readonly Step[];
  readonly removals: readonly TagToDelete[];
  /** Tags that were absent before, and are not to be deleted. */
  readonly kept: readonly TagToLeave[];
}

/** What undoing a receipt comes to. */
export function taskOf({ predicate }: RecordedTags, deleteNewTags: boolean): Task {
  const tags = predicate.tags.map((tag) => {
    const address = parseAddress(tag.reference);
    return { ...tag, address, reference: address.reference };
  });
  const isMoved = ({ changed, unsure }: RecordedTag): boolean => changed || unsure === true;
  const moved = tags.filter(isMoved);
  const fresh = moved.filter(({ previous }) => previous === null);
  const isToGo = (digest: string | null): digest is string => deleteNewTags && digest !== null;
  return {
    moved,
    unmoved: tags.filter((tag) => !isMoved(tag)),
    steps: stepsOf(moved),
    removals: fresh.flatMap(({ address, reference, digest }) =>
      isToGo(digest) ? [{ address, reference, digest }] : [],
    ),
    kept: fresh.filter(({ digest }) => !isToGo(digest)),
  };
}

/** What the receipt of an undo has: what it puts back or deletes. */
export function recordedOf({ steps, removals }: Task): readonly WantedTag[] {
  const back = steps.flatMap(({ tags }) =>
    tags.map(({ reference, previous }) => ({ reference, digest: previous })),
  );
  return [...back, ...removals.map(({ reference }) => ({ reference, digest: null }))];
}

/** One image to go back to, and the tags of its repository that were it. */
export interface Step {
  readonly source: Address;
  readonly tags: PlacedTag[];
}

function stepsOf(tags: readonly PlacedTag[]): readonly Step[] {
  const steps = new Map<string, Step>();
  for (const tag of tags) {
    if (typeof tag.previous !== 'string') continue;
    const source = tag.address.named({ digest: parseDigest(tag.previous) });
    const step = steps.get(source.toString());
    if (step === undefined) steps.set(source.toString(), { source, tags: [tag] });
    else step.tags.push(tag);
  }
  return [...steps.values()];
}
