import { RegferryError } from '../errors.js';
import { parseDescriptor } from './descriptor.js';
import type { Descriptor } from './descriptor.js';
import { isJsonObject, own, ownText, parseJson } from './json.js';
import type { JsonObject } from './json.js';
import { DESCRIPTORS } from './limits.js';
import { fieldType, kindOf, knownType, MANIFEST_NAMES } from './manifest-type.js';
import { isBlobType } from './media-types.js';
import { schema1Error } from './schema1.js';
import { refuseOtherCase } from './spelling.js';

/** What any known manifest may say about itself. */
interface Attached {
  /** What this manifest is about. A weak reference: it need not exist anywhere. */
  readonly subject?: Descriptor | undefined;
  readonly artifactType?: string | undefined;
}

/** An OCI index or a Docker manifest list. */
interface IndexView extends Attached {
  readonly kind: 'index';
  readonly manifests: readonly Descriptor[];
}

/** An OCI or Docker schema 2 image manifest. */
interface ImageView extends Attached {
  readonly kind: 'image';
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** An artifact manifest of OCI or ORAS. */
interface ArtifactView extends Attached {
  readonly kind: 'artifact';
  readonly blobs: readonly Descriptor[];
}

/** A manifest of a type that we do not know. Its bytes were not looked at. */
interface OpaqueView {
  readonly kind: 'opaque';
}

/** What a manifest refers to: a view for walking, never a source of bytes. */
export type ManifestView = IndexView | ImageView | ArtifactView | OpaqueView;

/** Lists that make a document something else as well (CVE-2021-41190). */
const FOREIGN_TO = {
  index: ['config', 'layers', 'fsLayers', 'blobs'],
  image: ['manifests', 'fsLayers'],
  artifact: ['manifests', 'config', 'layers', 'fsLayers'],
} as const;

/**
 * Reads what a manifest of this type refers to. A type that we do not know gives an opaque view.
 * Throws E_SCHEMA1 for Docker schema 1; E_MANIFEST for a document that is malformed, that is index and manifest at
 * once, or whose mediaType field is of another kind; E_LIMIT above DESCRIPTORS descriptors; E_ALGORITHM for digests
 * that cannot be verified.
 */
export function viewManifest(bytes: Uint8Array, mediaType: string): ManifestView {
  const type = knownType(mediaType);
  if (type === undefined) return { kind: 'opaque' };
  const kind = kindOf(type);
  if (kind === 'schema1') throw schema1Error(type, 'manifest');
  const document = readDocument(bytes);
  const field = fieldType(document);
  if (field !== undefined && kindOf(field) !== kind) {
    throw refused(`it was announced as ${type}, but its mediaType is ${field}`);
  }
  const stray = FOREIGN_TO[kind].find((name) => (own(document, name) ?? null) !== null);
  if (stray !== undefined) {
    throw refused(`it was announced as ${type}, but has ${stray}: it could be read as something else`);
  }
  const subject = own(document, 'subject') ?? undefined;
  const artifactType = ownText(document, 'artifactType');
  const attached: Attached = {
    ...(subject !== undefined && { subject: parseDescriptor(subject, 'subject') }),
    ...(artifactType !== undefined && { artifactType }),
  };
  switch (kind) {
    case 'index':
      if (own(document, 'manifests') === undefined) throw refused('an index without manifests');
      return { kind, manifests: readList(document, 'manifests'), ...attached };
    case 'image':
      return {
        kind,
        config: readConfig(document),
        layers: readList(document, 'layers', DESCRIPTORS - 1),
        ...attached,
      };
    case 'artifact':
      return { kind, blobs: readList(document, 'blobs'), ...attached };
  }
}

/**
 * The manifests below this one: an index's entries in order, repeats included, but for those that are blobs by their type;
 * none for other kinds. An entry of a type that we do not know may turn out to be a blob.
 */
export function childrenOf(view: ManifestView): readonly Descriptor[] {
  return view.kind === 'index' ? view.manifests.filter(({ mediaType }) => !isBlobType(mediaType)) : [];
}

/**
 * The blobs that this manifest itself needs, in order, repeats included: config and layers, an artifact's blobs, or the
 * entries of an index that are layers or configurations, as in the cache that BuildKit keeps in a registry.
 */
export function blobsOf(view: ManifestView): readonly Descriptor[] {
  if (view.kind === 'image') return [view.config, ...view.layers];
  if (view.kind === 'index') return view.manifests.filter(({ mediaType }) => isBlobType(mediaType));
  return view.kind === 'artifact' ? view.blobs : [];
}

function readDocument(bytes: Uint8Array): JsonObject {
  const document = parseJson(bytes, 'manifest');
  if (!isJsonObject(document)) throw refused('it is not a JSON object');
  refuseOtherCase(document, MANIFEST_NAMES, 'manifest refused: it');
  const field = own(document, 'mediaType') ?? undefined;
  if (field !== undefined && typeof field !== 'string') throw refused('its mediaType is not a string');
  return document;
}

function readConfig(document: JsonObject): Descriptor {
  const config = own(document, 'config') ?? undefined;
  if (config === undefined) throw refused('an image manifest without config');
  return parseDescriptor(config, 'config');
}

/** A list of descriptors. Absent and null are empty: Go writes an empty list as null. */
function readList(document: JsonObject, name: string, limit: number = DESCRIPTORS): readonly Descriptor[] {
  const list = own(document, name) ?? [];
  if (!Array.isArray(list)) throw refused(`its ${name} are not a list`);
  if (list.length > limit) {
    const message = `manifest refused: it has ${list.length} ${name}, and more than ${DESCRIPTORS} descriptors is over the limit`;
    throw new RegferryError('E_LIMIT', message);
  }
  return list.map((entry: unknown, at) => parseDescriptor(entry, `${name}[${at}]`));
}

function refused(why: string): RegferryError {
  return new RegferryError('E_MANIFEST', `manifest refused: ${why}`);
}
