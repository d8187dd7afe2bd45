/** A tag as a receipt tells of it, as far as undoing or repeating takes. Every tag of a receipt is one. */
export interface RecordedTag {
  readonly reference: string;
  /** What it was set to; null where an undo has deleted it. */
  readonly digest: string | null;
  /** What it was before; null for absent; left out where that is not known. */
  readonly previous?: string | null;
  readonly changed: boolean;
  /** It is not known whether the write of the tag was done. @default false */
  readonly unsure?: boolean;
  /** What else it was when a repeat of the run looked at it, null for absent: someone moved it between the runs. */
  readonly alsoWas?: readonly (string | null)[];
  /** Why it was not set. */
  readonly error?: unknown;
}

/** How often a run was done, and when first. */
export interface Repeat {
  readonly firstStartedAt: string;
  readonly runs: number;
}

/** What undoing or repeating takes of a receipt. Every receipt is one. */
export interface RecordedTags {
  readonly predicate: {
    readonly tags: readonly RecordedTag[];
    readonly startedAt?: string;
    readonly repeat?: Repeat;
  };
}
