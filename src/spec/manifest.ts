import { RegferryError } from '../errors.js';
import { parseDescriptor } from './descriptor.js';
import type { Descriptor } from './descriptor.js';
import { isJsonObject, own, ownText, parseJson } from './json.js';
import type { JsonObject } from './json.js';
import { DESCRIPTORS } from './limits.js';
import {
  cleanMediaType,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  isArtifactType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  OCI_INDEX,
  OCI_MANIFEST,
  SCHEMA1,
  SCHEMA1_SIGNED,
} from './media-types.js';
import { printable } from './printable.js';
import { schema1Refusal } from './schema1.js';

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

/** Names that decide what a document is. Go's readers take them in any letter case, so another spelling is refused. */
const STRUCTURAL = [
  'schemaVersion',
  'mediaType',
  'manifests',
  'config',
  'layers',
  'fsLayers',
  'blobs',
] as const;
const SPELLING: ReadonlyMap<string, string> = new Map(STRUCTURAL.map((name) => [fold(name), name]));

/** Lists that make a document something else as well (CVE-2021-41190). */
const FOREIGN_TO = {
  index: ['config', 'layers', 'fsLayers', 'blobs'],
  image: ['manifests', 'fsLayers'],
  artifact: ['manifests', 'config', 'layers', 'fsLayers'],
} as const;

/**
 * The media type of a manifest that was asked for by tag, or by a bare digest. A Content-Type that says something
 * decides; one that is absent or generic leaves it to the document: its mediaType field, else its shape.
 * Throws E_MANIFEST when a known Content-Type and a known mediaType field contradict each other, and when
 * nothing tells. Types that we do not know are returned as they are.
 */
export function detectMediaType(bytes: Uint8Array, contentType: string | undefined): string {
  const declared = cleanMediaType(contentType);
  if (declared !== undefined && !isManifestType(declared)) return declared;
  const document = readDocument(bytes);
  const field = mediaTypeField(document);
  if (declared === undefined) return field ?? typeByShape(document);
  if (field !== undefined && field !== declared) {
    throw refused(`the answer's Content-Type is ${declared}, but the document's mediaType is ${field}`);
  }
  return declared;
}

/**
 * Reads what a manifest of this type refers to. A type that we do not know gives an opaque view.
 * Throws E_SCHEMA1 for Docker schema 1; E_MANIFEST for a document that is malformed, that is index and manifest at
 * once, or whose mediaType field is of another kind; E_LIMIT above DESCRIPTORS descriptors; E_ALGORITHM for digests
 * that cannot be verified.
 */
export function viewManifest(bytes: Uint8Array, mediaType: string): ManifestView {
  const type = cleanMediaType(mediaType);
  if (type === undefined || !isManifestType(type)) return { kind: 'opaque' };
  const schema1 = schema1Refusal(type, 'manifest');
  if (schema1 !== undefined) throw schema1;
  const kind = kindOf(type);
  const document = readDocument(bytes);
  const field = mediaTypeField(document);
  if (field !== undefined && (isSchema1Type(field) || kindOf(field) !== kind)) {
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

/** The manifests below this one: an index's entries in order, repeats included; none for other kinds. */
export function childrenOf(view: ManifestView): readonly Descriptor[] {
  return view.kind === 'index' ? view.manifests : [];
}

/** The blobs that this manifest itself needs: config and layers, or an artifact's blobs, in order, repeats included. */
export function blobsOf(view: ManifestView): readonly Descriptor[] {
  if (view.kind === 'image') return [view.config, ...view.layers];
  return view.kind === 'artifact' ? view.blobs : [];
}

function kindOf(mediaType: string): 'index' | 'image' | 'artifact' {
  if (isIndexType(mediaType)) return 'index';
  return isArtifactType(mediaType) ? 'artifact' : 'image';
}

function readDocument(bytes: Uint8Array): JsonObject {
  const document = parseJson(bytes, 'manifest');
  if (!isJsonObject(document)) throw refused('it is not a JSON object');
  for (const name of Object.keys(document)) {
    const meant = SPELLING.get(fold(name));
    if (meant !== undefined && meant !== name) {
      throw refused(
        `it has "${printable(name, 40)}", which some programs read as ${meant} and others do not`,
      );
    }
  }
  return document;
}

/** The mediaType field where it names a manifest type that we know. */
function mediaTypeField(document: JsonObject): string | undefined {
  const value = own(document, 'mediaType') ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw refused('its mediaType is not a string');
  const type = cleanMediaType(value);
  return type !== undefined && isManifestType(type) ? type : undefined;
}

function typeByShape(document: JsonObject): string {
  const version = own(document, 'schemaVersion');
  if (version === 1) return Array.isArray(own(document, 'signatures')) ? SCHEMA1_SIGNED : SCHEMA1;
  if (version === 2) {
    if (Array.isArray(own(document, 'manifests'))) return OCI_INDEX;
    const config = own(document, 'config');
    if (isJsonObject(config))
      return own(config, 'mediaType') === DOCKER_CONFIG ? DOCKER_MANIFEST : OCI_MANIFEST;
  }
  throw refused('neither the answer nor the document says what it is');
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

/** Letter case folded as Go's JSON reader does it, which also takes ſ for s and the Kelvin sign for k. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function refused(why: string): RegferryError {
  return new RegferryError('E_MANIFEST', `manifest refused: ${why}`);
}
