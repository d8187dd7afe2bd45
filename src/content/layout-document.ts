import { isUtf8 } from 'node:buffer';

import { isRegferryError, RegferryError } from '../errors.js';
import { checkSpelling } from '../spec/descriptor.js';
import { isJsonObject, own, parseJson, type JsonObject } from '../spec/json.js';
import { MANIFEST_NAMES } from '../spec/manifest-type.js';
import { OCI_INDEX } from '../spec/media-types.js';
import { refuseOtherCase } from '../spec/spelling.js';

/** An index.json as it stands in the file, and its entries, of which each may still be malformed. */
interface LayoutDocument {
  readonly document: JsonObject;
  readonly entries: readonly JsonObject[];
}

/** Reads the bytes of an index.json. Throws E_LAYOUT for what is none, E_MANIFEST where others would read it differently. */
export function readLayoutDocument(bytes: Uint8Array): LayoutDocument {
  if (!isUtf8(bytes)) throw malformed('it is not UTF-8');
  const document = asLayoutError(() => parseJson(bytes, 'index.json'));
  if (!isJsonObject(document)) throw malformed('it is not an object');
  refuseOtherCase(document, MANIFEST_NAMES, 'index.json');
  if (own(document, 'schemaVersion') !== 2) throw malformed('its schemaVersion is not 2');
  const mediaType = own(document, 'mediaType');
  if (mediaType !== undefined && mediaType !== OCI_INDEX)
    throw malformed('its mediaType is not that of an index');
  // Go writes an empty list as null.
  const entries: unknown = own(document, 'manifests') ?? [];
  if (!Array.isArray(entries) || !entries.every(isJsonObject)) {
    throw malformed('its manifests are not a list of descriptors');
  }
  for (const [at, entry] of entries.entries()) checkSpelling(entry, `index.json: manifests[${at}]`);
  return { document, entries };
}

/** Runs a reading of a part of index.json; what is malformed makes the layout unusable: E_LAYOUT, not E_MANIFEST. */
export function asLayoutError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isRegferryError(error) || error.code !== 'E_MANIFEST') throw error;
    throw new RegferryError('E_LAYOUT', error.message, { cause: error });
  }
}

/** The error for an index.json that is none. */
export function malformed(why: string): RegferryError {
  return new RegferryError('E_LAYOUT', `index.json is not usable: ${why}`);
}
