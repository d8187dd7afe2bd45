import { isRegferryError, type RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';

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
export function saysMissing(error: RegferryError): boolean {
  return error.registryCodes.some((code) => MISSING.includes(code));
}

/** Each digest once. */
export function distinct(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}
