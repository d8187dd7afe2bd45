import { isUtf8 } from 'node:buffer';

import { isRegferryError, RegferryError } from '../errors.js';
import { parseDescriptor, type Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { isJsonObject, own, parseJson, type JsonObject } from '../spec/json.js';
import { OCI_INDEX } from '../spec/media-types.js';
import type { Platform } from '../spec/platform.js';
import type { LayoutFiles } from './layout-files.js';
import { readAll } from './verify.js';

/** Most bytes of an index.json, as for any other index. */
export const INDEX_BYTES: number = 4 * 1024 * 1024;

/** The annotation of an index.json entry that holds its tag. https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
export const REF_NAME = 'org.opencontainers.image.ref.name';

/** What can stand in a tag list or a message as it is. Other names are kept in the file and match nothing. */
const USABLE_NAME = /^[\x21-\x7e]{1,255}$/;

/**
 * What an index.json says. It is not addressed by its content, so it may be written anew; what this program does not
 * know in it, fields, annotations and entries, is kept. Immutable: each change gives another one.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#indexjson-file
 */
export class LayoutIndex {
  readonly #document: JsonObject;
  readonly #entries: readonly JsonObject[];

  private constructor(document: JsonObject, entries: readonly JsonObject[]) {
    this.#document = document;
    this.#entries = entries;
  }

  /** The index of a new layout. */
  static empty(): LayoutIndex {
    return new LayoutIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, []);
  }

  /** Reads an index.json. Throws E_LAYOUT for anything that is none. */
  static parse(bytes: Uint8Array): LayoutIndex {
    if (!isUtf8(bytes)) throw malformed('it is not UTF-8');
    const document = asLayoutError(() => parseJson(bytes, 'index.json'));
    if (!isJsonObject(document)) throw malformed('it is not an object');
    if (own(document, 'schemaVersion') !== 2) throw malformed('its schemaVersion is not 2');
    const mediaType = own(document, 'mediaType');
    if (mediaType !== undefined && mediaType !== OCI_INDEX)
      throw malformed('its mediaType is not that of an index');
    // Go writes an empty list as null.
    const entries: unknown = own(document, 'manifests') ?? [];
    if (!Array.isArray(entries) || !entries.every(isJsonObject)) {
      throw malformed('its manifests are not a list of descriptors');
    }
    return new LayoutIndex(document, entries);
  }

  /** Every tag, each once, in the order of the file. */
  tags(): string[] {
    const names = this.#entries.map(refName).filter((name) => name !== undefined);
    return [...new Set(names)];
  }

  /** What a tag names. Throws E_LAYOUT when it names two different things or its entry is malformed. */
  tagged(tag: string): Descriptor | undefined {
    const found = this.#matching((entry) => refName(entry) === tag);
    if (new Set(found.map(({ digest }) => digest)).size > 1) {
      throw malformed(`it has several entries of different digests for the tag ${tag}`);
    }
    return found[0];
  }

  /** True when some tag names this digest. */
  isTagged(digest: Digest): boolean {
    return this.#entries.some((entry) => own(entry, 'digest') === digest && refName(entry) !== undefined);
  }

  /** The first entry with this digest. Throws E_LAYOUT when it is malformed. */
  withDigest(digest: Digest): Descriptor | undefined {
    return this.#matching((entry) => own(entry, 'digest') === digest)[0];
  }

  /** The images of the layout: the first entry of each digest. Throws E_LAYOUT or E_ALGORITHM for a malformed entry. */
  roots(): Descriptor[] {
    const roots = new Map<Digest, Descriptor>();
    for (const root of this.#matching(() => true)) {
      if (!roots.has(root.digest)) roots.set(root.digest, root);
    }
    return [...roots.values()];
  }

  /** The index with a tag moved to a descriptor; itself if the tag is there already. */
  tag(descriptor: Descriptor, tag: string): LayoutIndex {
    const named = this.#entries.flatMap((entry, at) => (refName(entry) === tag ? [at] : []));
    const [first] = named;
    if (named.length === 1 && first !== undefined && sameContent(this.#entries[first], descriptor))
      return this;
    const entry = toEntry(descriptor, tag);
    const rest = this.#entries.flatMap((old, at) =>
      at === first ? [entry] : named.includes(at) ? [] : [old],
    );
    return this.#withEntries(first === undefined ? [...rest, entry] : rest);
  }

  /** The index with an untagged entry for a descriptor; itself if it has any entry of that digest. */
  root(descriptor: Descriptor): LayoutIndex {
    if (this.#entries.some((entry) => sameContent(entry, descriptor))) return this;
    return this.#withEntries([...this.#entries, toEntry(descriptor)]);
  }

  /** The file's bytes. Throws E_LIMIT when it could not be read again. */
  toBytes(): Buffer {
    const bytes = Buffer.from(`${JSON.stringify(this.#document)}\n`);
    if (bytes.byteLength > INDEX_BYTES) {
      const message = `index.json would grow beyond ${INDEX_BYTES} bytes; use another folder for more images`;
      throw new RegferryError('E_LIMIT', message);
    }
    return bytes;
  }

  #matching(wanted: (entry: JsonObject) => boolean): Descriptor[] {
    return this.#entries.flatMap((entry, at) =>
      wanted(entry) ? [asLayoutError(() => parseDescriptor(entry, `index.json: manifests[${at}]`))] : [],
    );
  }

  #withEntries(entries: readonly JsonObject[]): LayoutIndex {
    return new LayoutIndex({ ...this.#document, manifests: entries }, entries);
  }
}

/** Reads a layout's index.json. Throws E_LAYOUT when it is missing or malformed, E_LIMIT when it is too long, E_IO. */
export async function readIndex(files: LayoutFiles): Promise<LayoutIndex> {
  const stream = await files.openTop('index.json');
  if (stream === undefined) {
    throw new RegferryError('E_LAYOUT', `${files.root} is no OCI image layout: it has no index.json`);
  }
  const bytes = await readAll(stream, INDEX_BYTES, `${files.root}: index.json`);
  try {
    return LayoutIndex.parse(bytes);
  } catch (error) {
    throw isRegferryError(error)
      ? new RegferryError(error.code, `${files.root}: ${error.message}`, { cause: error })
      : error;
  }
}

/** True for a name that an entry can be given and found by. */
export function isRefName(name: string): boolean {
  return USABLE_NAME.test(name);
}

function refName(entry: JsonObject): string | undefined {
  const annotations = own(entry, 'annotations');
  const name = isJsonObject(annotations) ? own(annotations, REF_NAME) : undefined;
  return typeof name === 'string' && isRefName(name) ? name : undefined;
}

function sameContent(entry: JsonObject | undefined, { digest, size, mediaType }: Descriptor): boolean {
  if (entry === undefined) return false;
  return (
    own(entry, 'digest') === digest && own(entry, 'size') === size && own(entry, 'mediaType') === mediaType
  );
}

/** Annotations of the source's own entry are left behind: they name it by the source's tag. */
function toEntry(descriptor: Descriptor, tag?: string): JsonObject {
  const { mediaType, digest, size, platform, artifactType } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType !== undefined && { artifactType }),
    ...(platform !== undefined && { platform: toJson(platform) }),
    ...(tag !== undefined && { annotations: { [REF_NAME]: tag } }),
  };
}

function toJson({ os, architecture, variant, osVersion }: Platform): JsonObject {
  return {
    architecture,
    os,
    ...(osVersion !== undefined && { 'os.version': osVersion }),
    ...(variant !== undefined && { variant }),
  };
}

function asLayoutError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isRegferryError(error) || error.code !== 'E_MANIFEST') throw error;
    throw new RegferryError('E_LAYOUT', error.message, { cause: error });
  }
}

function malformed(why: string): RegferryError {
  return new RegferryError('E_LAYOUT', `index.json is not usable: ${why}`);
}
