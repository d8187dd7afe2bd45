import { parseDigest } from '../spec/digest.js';
import { formatLocation, parseLocation } from '../spec/location.js';
import { printedReference } from './images.js';
import type { RecordedTag, RecordedTags } from './recorded.js';
import type { NewTag } from './removals.js';
import type { WantedTag } from './repeat.js';

/** What an undo has to do. */
export interface Task {
  /** Tags that the recorded run has moved, or may have. */
  readonly moved: readonly RecordedTag[];
  readonly unmoved: readonly RecordedTag[];
  readonly steps: readonly Step[];
  readonly removals: readonly NewTag[];
}

/** What undoing a receipt comes to. */
export function taskOf({ predicate }: RecordedTags, deleteNewTags: boolean): Task {
  const tags = predicate.tags.map((tag) => ({ ...tag, reference: printedReference(tag.reference) }));
  const isMoved = ({ changed, unsure }: RecordedTag): boolean => changed || unsure === true;
  const moved = tags.filter(isMoved);
  return {
    moved,
    unmoved: tags.filter((tag) => !isMoved(tag)),
    steps: stepsOf(moved),
    removals: moved.flatMap(({ reference, digest, previous }) => {
      return deleteNewTags && previous === null && digest !== null ? [{ reference, digest }] : [];
    }),
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
  readonly source: string;
  readonly tags: RecordedTag[];
}

function stepsOf(tags: readonly RecordedTag[]): readonly Step[] {
  const steps = new Map<string, Step>();
  for (const tag of tags) {
    if (typeof tag.previous !== 'string') continue;
    const source = inSameRepository(tag.reference, tag.previous);
    const step = steps.get(source);
    if (step === undefined) steps.set(source, { source, tags: [tag] });
    else step.tags.push(tag);
  }
  return [...steps.values()];
}

function inSameRepository(reference: string, text: string): string {
  const digest = parseDigest(text);
  const location = parseLocation(reference);
  if (location.kind === 'layout') {
    return formatLocation({ kind: 'layout', folder: location.folder, digest });
  }
  const { registry, repository } = location.reference;
  return formatLocation({ kind: 'registry', reference: { registry, repository, digest } });
}
