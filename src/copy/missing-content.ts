import { isRegferryError, type RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { gather } from './gather.js';

const MISSING: readonly string[] = ['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN', 'MANIFEST_UNKNOWN'];

/**
 * True when a registry refused a manifest because it lacks something that the manifest names, or may have: zot answers a
 * bare MANIFEST_INVALID then.
 */
export function missesContent(error: unknown): error is RegferryError {
  if (!isRegferryError(error)) return false;
  return saysMissing(error) || error.registryCodes.includes('MANIFEST_INVALID');
}

/** True when the refusal says so itself: then nothing that the registry told before is to be trusted. */
function saysMissing(error: RegferryError): boolean {
  return error.registryCodes.some((code) => MISSING.includes(code));
}

/** Each digest once. */
export function distinct(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

/** What is known of a repository that refused a manifest. */
export interface Holding {
  /** Asks whether a blob is there now. */
  readonly has: (blob: Descriptor) => Promise<boolean>;
  /** True for a blob that this run uploaded. */
  readonly isCopied: (blob: Descriptor) => boolean;
  /** Told of the first question that failed. */
  readonly stop: (reason: unknown) => void;
}

/**
 * Which of a manifest's blobs have to be brought again after it was refused. Where the registry says that something is
 * missing: what it said to have or to have mounted, and what it has lost since it came, or everything where that is
 * nothing. Where something only may be missing: what is not found there now.
 */
export async function toBringAgain(
  blobs: readonly Descriptor[],
  refusal: RegferryError,
  holding: Holding,
): Promise<readonly Descriptor[]> {
  if (!saysMissing(refusal)) return absent(blobs, holding);
  const doubted = blobs.filter((blob) => !holding.isCopied(blob));
  const lost = await absent(
    blobs.filter((blob) => holding.isCopied(blob)),
    holding,
  );
  return doubted.length + lost.length === 0 ? blobs : [...doubted, ...lost];
}

/** Which blobs are not there now. Rejects with the first question that failed. */
export async function absent(
  blobs: readonly Descriptor[],
  { has, stop }: Pick<Holding, 'has' | 'stop'>,
): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  const asked = blobs.map(async (blob) => {
    if (!(await has(blob))) found.push(blob);
  });
  await gather(asked, stop);
  return found;
}
