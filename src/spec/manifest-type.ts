import { isUtf8 } from 'node:buffer';

import { RegferryError } from '../errors.js';
import { isJsonObject, own, parseJson } from './json.js';
import type { JsonObject } from './json.js';
import {
  cleanMediaType,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  isArtifactType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  OCI_ARTIFACT,
  OCI_INDEX,
  OCI_MANIFEST,
  SCHEMA1,
  SCHEMA1_SIGNED,
} from './media-types.js';
import { inAnyCase, namesOf, refuseOtherCase, type Names } from './spelling.js';

/** What is read of a manifest of any kind: names that decide what it is and what it names. */
export const MANIFEST_NAMES: Names = namesOf(
  'schemaVersion',
  'mediaType',
  'artifactType',
  'manifests',
  'config',
  'layers',
  'fsLayers',
  'blobs',
  'subject',
  'annotations',
);

/** What manifests are: each kind is read in its own way. */
export type ManifestKind = 'index' | 'image' | 'artifact' | 'schema1';

/** The kind of a manifest type that is known. */
export function kindOf(mediaType: string): ManifestKind {
  if (isIndexType(mediaType)) return 'index';
  if (isSchema1Type(mediaType)) return 'schema1';
  return isArtifactType(mediaType) ? 'artifact' : 'image';
}

/**
 * The media type of a manifest by what is in it: its mediaType field where that names a manifest type, else its form. The
 * `labels`, what others call it (a Content-Type, the type in an index), decide between types of one kind alone, OCI or
 * Docker, where there is no field. Undefined for bytes that are no manifest.
 * Throws E_MANIFEST for a manifest that has the names that matter in another letter case.
 */
export function detectMediaType(
  bytes: Uint8Array,
  ...labels: readonly (string | undefined)[]
): string | undefined {
  const document = objectOf(bytes);
  if (document === undefined) return undefined;
  const type = fieldType(document) ?? formOf(document);
  const folded = type === undefined ? inAnyCase(document, MANIFEST_NAMES) : document;
  if (type === undefined && (fieldType(folded) ?? formOf(folded)) === undefined) return undefined;
  refuseOtherCase(document, MANIFEST_NAMES, 'manifest refused: it');
  if (type === undefined || fieldType(document) !== undefined) return type;
  const fitting = labels
    .map(knownType)
    .find((label) => label !== undefined && kindOf(label) === kindOf(type));
  return fitting ?? type;
}

/**
 * The media type of what came for a name and, where an index named it, a type: that of its bytes. What an index names by a
 * type that we do not know may be anything, and keeps that type where it is no manifest. Undefined, and throws, as
 * {@link detectMediaType}.
 */
export function typeOf(bytes: Uint8Array, named: string | undefined, label?: string): string | undefined {
  const other = knownType(named) === undefined ? named : undefined;
  return detectMediaType(bytes, named, label) ?? other;
}

/** Why bytes are no manifest, for a message; only for those of which {@link detectMediaType} says so. */
export function whyNoManifest(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'it is empty';
  if (!isUtf8(bytes)) return 'it is not text';
  try {
    return isJsonObject(parseJson(bytes, 'manifest'))
      ? 'it is JSON, but has neither the mediaType nor the form of a manifest'
      : 'it is JSON, but no object';
  } catch (error) {
    const why = error instanceof RegferryError ? error.message.replace(/^manifest: /, '') : '';
    return why === 'not valid JSON' || why === '' ? 'it is no JSON' : `it ${why}`;
  }
}

/** True for a JSON object that says to be of this type, whatever type that is. */
export function callsItself(bytes: Uint8Array, mediaType: string): boolean {
  const document = objectOf(bytes);
  const field = document === undefined ? undefined : own(document, 'mediaType');
  return typeof field === 'string' && field.trim().toLowerCase() === mediaType.trim().toLowerCase();
}

/** The media type as a known manifest type, without its parameters; undefined for any other. */
export function knownType(mediaType: string | undefined): string | undefined {
  const type = cleanMediaType(mediaType);
  return type !== undefined && isManifestType(type) ? type : undefined;
}

/** The mediaType field where it names a manifest type that we know. */
export function fieldType(document: JsonObject): string | undefined {
  const value = own(document, 'mediaType');
  return typeof value === 'string' ? knownType(value) : undefined;
}

function objectOf(bytes: Uint8Array): JsonObject | undefined {
  let document: unknown;
  try {
    document = parseJson(bytes, 'manifest');
  } catch {
    return undefined;
  }
  return isJsonObject(document) ? document : undefined;
}

/**
 * The type that a document has by its lists. Any JSON may have a name in common with a manifest, so there has to be more
 * than that: a schemaVersion, or entries that are descriptors.
 */
function formOf(document: JsonObject): string | undefined {
  const version = own(document, 'schemaVersion');
  const lists = (name: string): boolean => Array.isArray(own(document, name));
  if (version === 1 && lists('signatures')) return SCHEMA1_SIGNED;
  if (version === 1) return lists('fsLayers') || lists('history') ? SCHEMA1 : undefined;
  if (version !== 2 && version !== undefined) return undefined;
  const isSure = version === 2;
  if (lists('manifests') && (isSure || listsDescriptors(document, 'manifests'))) return OCI_INDEX;
  const config = own(document, 'config');
  const isImage = isSure ? isDescriptor(config) || lists('layers') : isDescriptor(config) && lists('layers');
  if (isJsonObject(config) && isImage) {
    return own(config, 'mediaType') === DOCKER_CONFIG ? DOCKER_MANIFEST : OCI_MANIFEST;
  }
  return listsDescriptors(document, 'blobs') ? OCI_ARTIFACT : undefined;
}

function listsDescriptors(document: JsonObject, name: string): boolean {
  const list = own(document, name);
  return Array.isArray(list) && list.length > 0 && list.every(isDescriptor);
}

function isDescriptor(value: unknown): boolean {
  return isJsonObject(value) && typeof own(value, 'digest') === 'string' && own(value, 'size') !== undefined;
}
