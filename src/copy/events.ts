import type { HttpEvent } from '../http/message.js';
import type { Side } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';

/** What became of a blob at one target. `foreign` means: the manifest names it, its bytes were left where they are. */
export type BlobState = 'started' | 'skipped' | 'mounted' | 'copied' | 'foreign' | 'failed';

/** What a copy tells as it goes. `target` is the printed name of a target repository (`registry/repository`). */
export type CopyEvent =
  /** The source's root manifest was read. */
  | { readonly type: 'resolved'; readonly reference: string; readonly descriptor: Descriptor }
  /** More of the image became known: distinct blobs and their bytes so far, and whether that is all of them. */
  | {
      readonly type: 'walked';
      readonly target: string;
      readonly blobs: number;
      readonly bytes: number;
      readonly complete: boolean;
    }
  | {
      readonly type: 'blob';
      readonly target: string;
      readonly digest: string;
      readonly size: number;
      readonly state: BlobState;
    }
  /** Bytes of one blob handed to the target so far; may go back after a restart. */
  | { readonly type: 'progress'; readonly target: string; readonly digest: string; readonly bytes: number }
  | {
      readonly type: 'manifest';
      readonly target: string;
      readonly digest: string;
      readonly state: 'copied' | 'skipped';
    }
  /** A tag was written. `previous` is null for "was absent", undefined for "unknown". */
  | {
      readonly type: 'tagged';
      readonly target: string;
      readonly tag: string;
      readonly digest: string;
      readonly previous?: string | null | undefined;
    }
  /** Something a person should know that is not an error, in one line. */
  | { readonly type: 'note'; readonly message: string };

/**
 * Everything the library tells: the copy's own events, and each request, retry and warning with its side. Those of
 * repositories that `createRegistry` made name none.
 */
export type RegferryEvent = CopyEvent | (HttpEvent & { readonly side?: Side | undefined });
