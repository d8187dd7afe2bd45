import { oci } from './oci.js';
import type { Scheme } from './scheme.js';

/** Every scheme that has a prefix. What has none is in a registry (place/registry-address.ts). */
export const SCHEMES: readonly Scheme[] = [oci];

/** Prefixes of other tools, for places that regferry does not know. */
const OTHER =
  /^(?:oci-archive|docker-archive|docker-daemon|containers-storage|oci-layout|ocidir|ostree|dir):/;

/** The scheme that a text is spelled in; undefined where it has the prefix of none. */
export function schemeOf(text: string): Scheme | undefined {
  return SCHEMES.find(({ prefix }) => text.startsWith(prefix));
}

/** The prefix of another tool's that a text has, and that regferry does not know. */
export function foreignPrefix(text: string): string | undefined {
  return schemeOf(text) === undefined ? OTHER.exec(text)?.[0] : undefined;
}

/** True for what would not be read as an image in a registry. */
export function hasPrefix(text: string): boolean {
  return schemeOf(text) !== undefined || OTHER.test(text);
}
