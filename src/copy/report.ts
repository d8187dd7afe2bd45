import type { RegferryError } from '../errors.js';

/** Counts of blobs by what became of them; each digest counts once a target. */
export interface BlobCounts {
  copied: number;
  mounted: number;
  skipped: number;
  foreign: number;
}

/**
 * How it is known that a reference has an image: `bytes` after a read-back of its manifest that was hashed here; `header`
 * when nothing had to be written, by what the registry says. Of a layout, `bytes` when in this run all was written and
 * hashed; `presence` when some or all was there: manifests were hashed, of blobs existence and size were looked at.
 */
export type Verified = 'bytes' | 'header' | 'presence';

/** What happened at one target reference. */
export interface TargetReport {
  /** `registry/repository:tag`, or `registry/repository` for an untagged push; `oci:folder:tag`. */
  readonly reference: string;
  /** Digest that the reference has now, or was to have if `error` is set. */
  digest?: string;
  /** True when a tag moved or, untagged, when the root manifest was written. */
  changed: boolean;
  /** What the tag was before; null for absent; left out where that is not known. */
  previous?: string | null;
  blobs: BlobCounts;
  manifests: { copied: number; skipped: number };
  bytes: { copied: number; mounted: number; skipped: number };
  /** How it is known that the reference has the image. */
  verified?: Verified;
  /** True when a write of the tag was sent, and it is not known whether it was done. */
  unsure?: boolean;
  /** Undo alone: the tag was absent before, and is left as it is. */
  left?: boolean;
  /** Undo alone, with `left`: the tag is not what the recorded run made of it, so that someone has moved it since. */
  movedSince?: boolean;
  /** Undo alone: the tag was absent before, and is so again. */
  deleted?: boolean;
  error?: RegferryError;
}

/** A report before anything happened. */
export function emptyTargetReport(reference: string): TargetReport {
  return {
    reference,
    changed: false,
    blobs: { copied: 0, mounted: 0, skipped: 0, foreign: 0 },
    manifests: { copied: 0, skipped: 0 },
    bytes: { copied: 0, mounted: 0, skipped: 0 },
  };
}

/** What a copy did. Targets appear in the order in which they were given. */
export interface CopyReport {
  ok: boolean;
  source: { reference: string; digest?: string; mediaType?: string; size?: number };
  targets: TargetReport[];
  /** Undo alone: tags that were absent before, and were left as they are. */
  left?: readonly string[];
  /** Undo alone: tags that the recorded run had not moved, so that there is nothing to put back. */
  unmoved?: readonly string[];
  /** Undo alone: nothing was written; `changed` says what would be. */
  dryRun?: boolean;
  /** Set when the copy failed as a whole, before or beside its targets. */
  error?: RegferryError;
  requests: { source: number; target: number };
  retries: number;
  durationMs: number;
}

/** What a copy would do at one target reference. */
export interface TargetPlan {
  readonly reference: string;
  /** Digest that the reference would have. */
  digest?: string;
  /** Whether the tag would move, and from where; `previous` as in {@link TargetReport}. */
  changed: boolean;
  previous?: string | null;
  blobs: { copy: number; mount: number; skip: number; foreign: number };
  manifests: { copy: number; skip: number };
  bytes: { copy: number; mount: number; skip: number };
  error?: RegferryError;
}

/** What a copy would do. Nothing was written. */
export interface CopyPlan {
  ok: boolean;
  source: { reference: string; digest?: string; mediaType?: string; size?: number };
  targets: TargetPlan[];
  error?: RegferryError;
  /** The platform that was asked for. */
  platform?: string;
  /** Whether blobs of non-distributable layers would be copied. */
  includeForeign?: boolean;
  /** Whether no tag would move before all content is everywhere. */
  allOrNothing?: boolean;
  /**
   * Requests that it would take: about so many, since logins, redirects, repeats and chunks come on top, and a repository
   * that holds nothing yet spares one for each blob of up to 4 MiB.
   */
  expected?: { source: number; target: number };
  /** Requests that were sent to find all this out. */
  requests: { source: number; target: number };
  retries: number;
  durationMs: number;
}

/** Notes that a reference holds `digest` and was not written. */
export function settle(report: TargetReport, digest: string, verified: Verified): void {
  report.digest = digest;
  report.previous = digest;
  report.changed = false;
  report.verified = verified;
}
