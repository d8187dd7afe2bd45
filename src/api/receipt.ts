import type { BlobCounts, CopyReport, TargetReport, Verified } from '../copy/report.js';
import { RegferryError, type ErrorCode } from '../errors.js';
import { algorithmOf, encodedOf, parseDigest } from '../spec/digest.js';
import { version } from '../version.js';
import type { Guards } from './guards.js';
import type { RecordedTag, RecordedTags, Repeat } from './recorded.js';
import { repeated } from './repeat.js';

/** https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
/** What a receipt states: its fields are in docs/receipt.schema.json. The name is only a name, not an address. */
export const PREDICATE_TYPE = 'urn:regferry:promotion:v1';

/** What was found to hold before anything was written. */
export interface HeldGuards extends Guards {
  /** Source and tags were still what this plan or receipt said. */
  readonly unmovedSince?: 'plan' | 'receipt' | undefined;
}

/** One tag in a receipt. Where `error` is set, `digest` is what it was to be set to. */
export interface ReceiptTag extends RecordedTag {
  /** What the registry said afterwards: the bytes were read back and hashed, or (nothing was written) its header was seen. */
  readonly readBack?: { readonly digest: string; readonly by: Verified };
  /** What moved for it; what several tags of a repository share counts at the first of them. */
  readonly moved: {
    readonly blobs: Readonly<BlobCounts>;
    readonly manifests: { readonly copied: number; readonly skipped: number };
    readonly bytes: { readonly copied: number; readonly mounted: number; readonly skipped: number };
  };
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** A record of what tags were set: an in-toto Statement, unsigned. */
export interface Receipt {
  readonly _type: typeof STATEMENT_TYPE;
  /** Every tag that is proved to be what it was to be. */
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly predicateType: typeof PREDICATE_TYPE;
  readonly predicate: {
    readonly tool: { readonly name: 'regferry'; readonly version: string };
    readonly startedAt: string;
    readonly finishedAt: string;
    /** False when some tags could not be set. */
    readonly complete: boolean;
    readonly source: {
      readonly reference: string;
      readonly digest?: string;
      readonly mediaType?: string;
      readonly size?: number;
    };
    readonly guards: HeldGuards;
    readonly tags: readonly ReceiptTag[];
    /** The run was done again: when the first one was, and how many there were. `previous` is what was before the first. */
    readonly repeat?: Repeat;
    readonly requests: { readonly source: number; readonly target: number };
    readonly retries: number;
  };
}

/** Options of {@link createReceipt}. */
export interface ReceiptOptions {
  /** The guards of the call, all of which held: else there is nothing to write a receipt of. */
  readonly guards?: HeldGuards | undefined;
  /** When the work ended. @default now */
  readonly finishedAt?: Date | undefined;
  /** The record of the same run, done before: what it knows of `previous` is kept. E_CONFIG for one of another run. */
  readonly repeatOf?: RecordedTags | undefined;
}

/**
 * The record of a promotion, an apply or an undo, also of one that failed after some tags had moved (a CopyError carries
 * its report). Throws E_USAGE for a report of which there is nothing to record: see {@link isRecordable}.
 */
export function createReceipt(report: CopyReport, options: ReceiptOptions = {}): Receipt {
  const { guards = {}, finishedAt = new Date(), repeatOf } = options;
  if (!isRecordable(report)) {
    throw new RegferryError('E_USAGE', 'there is nothing to write a receipt of: no tag was set');
  }
  const { reference, digest, mediaType, size } = report.source;
  const startedAt = new Date(finishedAt.getTime() - report.durationMs).toISOString();
  const tags = report.targets.flatMap(receiptTag);
  return {
    _type: STATEMENT_TYPE,
    subject: subjectsOf(report),
    predicateType: PREDICATE_TYPE,
    predicate: {
      tool: { name: 'regferry', version },
      startedAt,
      finishedAt: finishedAt.toISOString(),
      complete: report.ok,
      source: {
        reference,
        ...(digest === undefined ? {} : { digest }),
        ...(mediaType === undefined ? {} : { mediaType }),
        ...(size === undefined ? {} : { size }),
      },
      guards: withoutAbsent(guards),
      ...(repeatOf === undefined ? { tags } : repeated(repeatOf, tags, startedAt)),
      requests: { ...report.requests },
      retries: report.retries,
    },
  };
}

/** True when some tag was written, or may have been, and when all went well and some tag is what it was to be. */
export function isRecordable(report: CopyReport): boolean {
  if (report.dryRun === true) return false;
  return report.targets.some(isWritten) || (report.ok && report.targets.some(isProved));
}

function isWritten({ changed, unsure }: TargetReport): boolean {
  return changed || unsure === true;
}

/** What is proved; where nothing is, what was written or deleted, since a statement has to be about something. */
function subjectsOf({ targets, source }: CopyReport): Receipt['subject'] {
  const proved = targets.filter(isProved);
  return (proved.length > 0 ? proved : targets.filter(isWritten)).flatMap((target) => {
    const what = target.digest ?? target.previous ?? source.digest;
    return what === undefined ? [] : [{ name: target.reference, digest: digestSet(what) }];
  });
}

type ProvedTarget = TargetReport & { readonly digest: string; readonly verified: Verified };

function isProved(target: TargetReport): target is ProvedTarget {
  return target.error === undefined && target.verified !== undefined && target.digest !== undefined;
}

/** https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/digest_set.md */
function digestSet(text: string): Record<string, string> {
  const digest = parseDigest(text);
  return { [algorithmOf(digest)]: encodedOf(digest) };
}

function receiptTag(target: TargetReport): ReceiptTag[] {
  const { reference, previous, changed, unsure, verified, blobs, manifests, bytes, error } = target;
  const digest = target.digest ?? (target.deleted === true ? null : undefined);
  if (digest === undefined || target.left === true) return [];
  // An undo that was not to delete a tag has done nothing about one that is absent anyway.
  if (digest === null && !changed && unsure !== true && verified === undefined && error === undefined)
    return [];
  return [
    {
      reference,
      digest,
      ...(previous === undefined ? {} : { previous }),
      changed,
      ...(unsure === true ? { unsure } : {}),
      ...(verified === undefined || digest === null ? {} : { readBack: { digest, by: verified } }),
      moved: { blobs: { ...blobs }, manifests: { ...manifests }, bytes: { ...bytes } },
      ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
    },
  ];
}

function withoutAbsent(guards: HeldGuards): HeldGuards {
  return Object.fromEntries(
    Object.entries(guards).filter(([, value]: [string, unknown]) => value !== undefined && value !== false),
  );
}
