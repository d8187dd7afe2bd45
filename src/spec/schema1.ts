import { RegferryError } from '../errors.js';
import { digestOf } from './digest.js';
import type { Digest } from './digest.js';
import { isJsonObject, own, parseJson } from './json.js';
import { isSchema1Type } from './media-types.js';

/** Where the signed payload lies in a signed manifest: so many bytes of it, then the tail. */
interface Format {
  readonly length: number;
  readonly tail: string;
}

/**
 * The digest of a Docker schema 1 manifest. Signed ones are known by the digest of what was signed: the first
 * `formatLength` bytes and the decoded `formatTail`, on which all signatures must agree. Unsigned ones: of the bytes.
 * Signatures are not verified. Throws E_MANIFEST.
 * https://distribution.github.io/distribution/spec/deprecated-schema-v1/#signed-manifests
 */
export function schema1Digest(bytes: Uint8Array): Digest {
  const document = parseJson(bytes, 'schema 1 manifest');
  if (!isJsonObject(document)) throw malformed('is not an object');
  const signatures = own(document, 'signatures') ?? [];
  if (!Array.isArray(signatures)) throw malformed('has signatures that are not a list');
  const [first, ...rest] = signatures.map((signature) => readFormat(signature, bytes.length));
  if (first === undefined) return digestOf(bytes);
  if (rest.some(({ length, tail }) => length !== first.length || tail !== first.tail)) {
    throw malformed('has signatures that disagree about what they sign');
  }
  return digestOf(Buffer.concat([bytes.subarray(0, first.length), Buffer.from(first.tail, 'base64url')]));
}

/**
 * Why a schema 1 manifest is not copied, as an E_SCHEMA1 to throw; undefined for every other type. `what` names the
 * manifest in the message. Registries checked its signature against the name it is pushed under, and newer ones
 * no longer take it at all.
 */
export function schema1Refusal(mediaType: string, what: string): RegferryError | undefined {
  const type = mediaType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return isSchema1Type(type) ? schema1Error(type, what) : undefined;
}

/** The E_SCHEMA1 error of {@link schema1Refusal}, for a type that is known to be one of schema 1. */
export function schema1Error(type: string, what: string): RegferryError {
  return new RegferryError(
    'E_SCHEMA1',
    `${what}: Docker schema 1 (${type}) cannot be copied unchanged: it is signed together with its old name, and its ` +
      'digest is not the digest of its bytes; rebuild the image, or pull it and push it once as Docker schema 2 or OCI',
  );
}

function readFormat(signature: unknown, available: number): Format {
  const header = isJsonObject(signature) ? own(signature, 'protected') : undefined;
  if (!isBase64Url(header)) throw malformed('has a signature without a protected header');
  const format = parseJson(Buffer.from(header, 'base64url'), 'protected header of a schema 1 signature');
  if (!isJsonObject(format)) throw malformed('has a protected header that is not an object');
  const length = own(format, 'formatLength');
  const tail = own(format, 'formatTail');
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0 || length > available) {
    throw malformed('has a formatLength that does not fit its bytes');
  }
  if (!isBase64Url(tail)) throw malformed('has a formatTail that is not base64url');
  return { length, tail };
}

function isBase64Url(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9_-]*$/.test(value);
}

function malformed(why: string): RegferryError {
  return new RegferryError('E_MANIFEST', `schema 1 manifest ${why}`);
}
