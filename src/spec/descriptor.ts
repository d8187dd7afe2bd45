import { isRegferryError, RegferryError } from '../errors.js';
import { parseDigest } from './digest.js';
import type { Digest } from './digest.js';
import { isJsonObject, own, ownText, type JsonObject } from './json.js';
import { PLATFORM_NAMES, readPlatform } from './platform.js';
import type { Platform } from './platform.js';
import { printable } from './printable.js';
import { namesOf, refuseOtherCase } from './spelling.js';

/**
 * A reference to content: its type, digest and size, and where an index names a platform, that.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Size in bytes. -1 only where a server did not tell (see ContentSource.resolve). */
  readonly size: number;
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
  readonly artifactType?: string | undefined;
}

/** What is read of a descriptor, here or by those who read it later. */
const NAMES = namesOf(
  'mediaType',
  'digest',
  'size',
  'urls',
  'annotations',
  'platform',
  'artifactType',
  'data',
);

/**
 * Refuses a descriptor that names one of its fields, or of its platform's, in another letter case; see refuseOtherCase.
 * Throws E_MANIFEST.
 */
export function checkSpelling(value: JsonObject, where: string): void {
  refuseOtherCase(value, NAMES, where);
  const platform = own(value, 'platform');
  if (isJsonObject(platform)) refuseOtherCase(platform, PLATFORM_NAMES, `${where}.platform`);
}

/**
 * Reads a descriptor out of parsed JSON; `where` names its place in messages, as in `layers[2]`.
 * What decides about the copy (type, digest, size, urls) is strict; what only describes (platform, annotations,
 * artifactType) is left out when it is malformed. `data` is not kept.
 * Throws E_MANIFEST, or E_ALGORITHM for a digest that cannot be verified.
 */
export function parseDescriptor(value: unknown, where: string): Descriptor {
  if (!isJsonObject(value)) throw malformed(where, 'is not an object');
  checkSpelling(value, where);
  const urls = readUrls(own(value, 'urls'), where);
  const annotations = readAnnotations(own(value, 'annotations'));
  const platform = readPlatform(own(value, 'platform'));
  const artifactType = ownText(value, 'artifactType');
  return {
    mediaType: readMediaType(own(value, 'mediaType'), where),
    digest: readDigest(own(value, 'digest'), where),
    size: readSize(own(value, 'size'), where),
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    ...(platform && { platform }),
    ...(artifactType !== undefined && { artifactType }),
  };
}

/** True when both name the same bytes: the same digest and size, whatever else they say about them. */
export function sameContent(a: Descriptor, b: Descriptor): boolean {
  return a.digest === b.digest && a.size === b.size;
}

/** Printable ASCII only: the type of a child manifest becomes a header of the request that pushes it. */
function readMediaType(value: unknown, where: string): string {
  if (typeof value === 'string' && /^[\x20-\x7e]{1,255}$/.test(value)) return value;
  throw malformed(where, 'has no usable mediaType');
}

function readDigest(value: unknown, where: string): Digest {
  if (typeof value !== 'string') throw malformed(where, 'has no digest');
  try {
    return parseDigest(value);
  } catch (cause) {
    if (isRegferryError(cause) && cause.code === 'E_ALGORITHM') {
      throw new RegferryError('E_ALGORITHM', `${where}: ${cause.message}`, { cause });
    }
    throw malformed(where, `has a malformed digest, "${printable(value, 160)}"`);
  }
}

function readSize(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw malformed(where, 'has no usable size: expected a whole number from 0 to 2^53-1');
}

function readUrls(value: unknown, where: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((url) => typeof url === 'string')) return value;
  throw malformed(where, 'has urls that are not a list of strings');
}

function readAnnotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isJsonObject(value)) return undefined;
  const texts = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(texts);
}

function malformed(where: string, why: string): RegferryError {
  return new RegferryError('E_MANIFEST', `${where} ${why}`);
}

/** Orders blobs for a transfer: a large one that begins last would be all that is left to wait for. */
export function largestFirst(a: Descriptor, b: Descriptor): number {
  return b.size - a.size;
}
