import { isUtf8 } from 'node:buffer';

import { isRegferryError, RegferryError } from '../errors.js';
import { parseDescriptor, type Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';
import { isJsonObject, own, parseJson, type JsonObject } from '../spec/json.js';
import { OCI_INDEX } from '../spec/media-types.js';
import { entryOf, isOf, refName, withoutRefName } from './layout-entry.js';
import type { LayoutFiles } from './layout-files.js';
import { readAll } from './verify.js';

export { isRefName, REF_NAME } from './layout-entry.js';

/** Most bytes of an index.json, as for any other index. */
export const INDEX_BYTES: number = 4 * 1024 * 1024;

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

  /** The images of the layout as far as their entries can be read: those of other tools may be malformed. */
  readableRoots(): Descriptor[] {
    const readable = this.#entries.filter((entry) => {
      try {
        return parseDescriptor(entry, 'index.json').digest === own(entry, 'digest');
      } catch {
        return false;
      }
    });
    return new LayoutIndex(this.#document, readable).roots();
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
    if (named.length === 1 && first !== undefined && isOf(this.#entries[first], descriptor)) return this;
    const entry = entryOf(descriptor, tag);
    const rest = this.#entries.flatMap((old, at) =>
      at === first ? [entry] : named.includes(at) ? [] : [old],
    );
    return this.#withEntries(first === undefined ? [...rest, entry] : rest);
  }

  /** The index with an untagged entry for a descriptor; itself if it has any entry of that digest. */
  root(descriptor: Descriptor): LayoutIndex {
    if (this.#entries.some((entry) => isOf(entry, descriptor))) return this;
    return this.#withEntries([...this.#entries, entryOf(descriptor)]);
  }

  /**
   * The index without a tag. Its manifest stays in the list, so that it can still be found by digest; itself if there is
   * no such tag.
   */
  untag(tag: string): LayoutIndex {
    const named = this.#entries.filter((entry) => refName(entry) === tag);
    const others = this.#entries.filter((entry) => refName(entry) !== tag);
    if (named.length === 0) return this;
    const lost = named.filter((entry, at) => {
      const digest = own(entry, 'digest');
      const isSame = (other: JsonObject): boolean => own(other, 'digest') === digest;
      return !others.some(isSame) && named.findIndex(isSame) === at;
    });
    return this.#withEntries([...others, ...lost.map(withoutRefName)]);
  }

  /** The index without the entries of a digest, tagged or not; itself if there are none. */
  drop(digest: Digest): LayoutIndex {
    const rest = this.#entries.filter((entry) => own(entry, 'digest') !== digest);
    return rest.length === this.#entries.length ? this : this.#withEntries(rest);
  }

  /** The index without the untagged entries of a digest; itself if there are none. */
  dropUntagged(digest: Digest): LayoutIndex {
    const rest = this.#entries.filter(
      (entry) => own(entry, 'digest') !== digest || refName(entry) !== undefined,
    );
    return rest.length === this.#entries.length ? this : this.#withEntries(rest);
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
