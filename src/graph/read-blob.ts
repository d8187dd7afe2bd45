import type { ContentSource, Op } from '../content/store.js';
import { readVerified } from '../content/verify.js';
import type { Descriptor } from '../spec/descriptor.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { refetching } from './refetching.js';
import { resuming, type ResumePolicy } from './resuming.js';

/** How a blob is read. */
export interface ReadBlobOptions extends Op {
  /** When one that breaks off is taken up again. @default never */
  readonly resume?: ResumePolicy | undefined;
}

const NO_REPEATS: ResumePolicy = { retries: 0, backoff: () => Promise.resolve() };

/**
 * A blob of at most 4 MiB, checked by size and hash: resumed where it breaks off, and fetched again where what arrives is not
 * it. Throws E_LIMIT, E_SIZE_MISMATCH, E_DIGEST_MISMATCH and what the source throws.
 */
export function readBlob(
  source: ContentSource,
  descriptor: Descriptor,
  options: ReadBlobOptions = {},
): Promise<Buffer> {
  return readingBlob(source, descriptor, options, (stream) =>
    readVerified(stream, descriptor, MANIFEST_BYTES),
  );
}

/** The same, read by `read`, which checks it. */
export function readingBlob<T>(
  source: ContentSource,
  descriptor: Descriptor,
  { resume = NO_REPEATS, signal }: ReadBlobOptions,
  read: (stream: AsyncIterable<Uint8Array>, descriptor: Descriptor) => Promise<T>,
): Promise<T> {
  const open = resuming((options) => source.open(descriptor, options), descriptor, resume);
  return refetching(async () => read(await open({ signal }), descriptor), signal);
}
