import type { RegferryError } from '../errors.js';
import { parseDigest, type Digest } from '../spec/digest.js';
import { isJsonObject, own, ownText, parseJson, type JsonObject } from '../spec/json.js';
import { parseAddress } from '../place/parse.js';

/** Makes the error for a document of which something is wrong. */
export type Bad = (why: string, cause?: unknown) => RegferryError;

/** The JSON object that a text is. Throws what `bad` makes. */
export function parseDocument(text: string, bad: Bad): JsonObject {
  let document: unknown;
  try {
    document = parseJson(Buffer.from(text), 'document');
  } catch (cause) {
    throw bad('it is not JSON', cause);
  }
  if (!isJsonObject(document)) throw bad('it is no JSON object');
  return document;
}

/** The list of objects in a member of that name; at least one. Throws what `bad` makes. */
export function readObjects(object: JsonObject, name: string, bad: Bad): readonly JsonObject[] {
  const value = own(object, name);
  if (!Array.isArray(value) || value.length === 0) throw bad(`"${name}" is missing or empty`);
  return value.map((item: unknown, at) => {
    if (!isJsonObject(item)) throw bad(`"${name}[${at}]" is no object`);
    return item;
  });
}

/** The member `reference`, an image of any kind. Throws what `bad` makes. */
export function readReference(object: JsonObject, bad: Bad): string {
  const reference = ownText(object, 'reference');
  if (reference === undefined) throw bad('a "reference" is missing');
  try {
    parseAddress(reference);
  } catch (cause) {
    throw bad(`a "reference" is no image: ${messageOf(cause)}`, cause);
  }
  return reference;
}

/** The digest in a member of that name. Throws what `bad` makes. */
export function readDigest(object: JsonObject, name: string, bad: Bad): Digest {
  const value = own(object, name);
  if (typeof value !== 'string') throw bad(`a "${name}" is no digest`);
  try {
    return parseDigest(value);
  } catch (cause) {
    throw bad(`a "${name}" is no digest: ${messageOf(cause)}`, cause);
  }
}

/** What a tag was, in the member `previous`: a digest, or null for absent. Throws what `bad` makes. */
export function readPrevious(object: JsonObject, bad: Bad): Digest | null {
  return own(object, 'previous') === null ? null : readDigest(object, 'previous', bad);
}

/** The boolean in a member of that name. Throws what `bad` makes. */
export function readFlag(object: JsonObject, name: string, bad: Bad): boolean {
  const value = own(object, name);
  if (typeof value !== 'boolean') throw bad(`a "${name}" is neither true nor false`);
  return value;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : '';
}
