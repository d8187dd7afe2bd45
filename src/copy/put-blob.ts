import type { ContentTarget, OpenBlob, PutOptions, PutOutcome } from '../content/store.js';
import { withSide } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { CopyJob } from './job.js';
import { isCorrupt, refetching } from '../graph/refetching.js';
import { resuming } from '../graph/resuming.js';
import type { Seat } from './shared-read.js';
import { sourceBlob } from './source-blob.js';

/** Options of {@link putBlob}. */
export interface PutBlobOptions extends PutOptions {
  /** Where the blob is read with others. What is read again is read alone. */
  readonly seat?: Seat | undefined;
}

/**
 * Puts one blob of the source at a target. A broken read is taken up again, and a blob that arrives corrupt is fetched
 * again; every target checks the bytes before it takes them, so that wrong ones in the end were wrong at the source.
 */
export async function putBlob(
  { source, resume }: Pick<CopyJob, 'source' | 'resume'>,
  target: ContentTarget,
  descriptor: Descriptor,
  { seat, ...options }: PutBlobOptions,
): Promise<PutOutcome> {
  const alone = sourceBlob(source, descriptor);
  const open: OpenBlob = (wanted) => seat?.open(wanted) ?? alone(wanted);
  const put = (): Promise<PutOutcome> => {
    return target.put(descriptor, resuming(open, descriptor, resume), {
      ...options,
      onHeld: () => seat?.leave(),
    });
  };
  try {
    return await refetching(put, options.signal);
  } catch (error) {
    throw isCorrupt(error) ? withSide(error, 'source') : error;
  }
}
