import { isRegferryError, RegferryError } from '../errors.js';
import { parseDescriptor, type Descriptor } from '../spec/descriptor.js';
import { isDigest, type Digest } from '../spec/digest.js';
import { own, type JsonObject } from '../spec/json.js';
import { OCI_INDEX } from '../spec/media-types.js';
import { asLayoutError, malformed, readLayoutDocument } from './layout-document.js';
import { entryName, entryOf, entryTag, isBare, isOf, lostOf, refName, withoutNames } from './layout-entry.js';
import type { LayoutFiles } from './layout-files.js';
import { LayoutNames, type LeftOut } from './layout-names.js';
import { readAll } from './verify.js';

export { REF_NAME } from './layout-entry.js';

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
  #named: LayoutNames | undefined;

  private constructor(document: JsonObject, entries: readonly JsonObject[]) {
    this.#document = document;
    this.#entries = entries;
  }

  /** The index of a new layout. */
  static empty(): LayoutIndex {
    return new LayoutIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] }, []);
  }

  /** Reads an index.json. Throws E_LAYOUT for anything that is none, E_MANIFEST where others would read it differently. */
  static parse(bytes: Uint8Array): LayoutIndex {
    const { document, entries } = readLayoutDocument(bytes);
    return new LayoutIndex(document, entries);
  }

  /** Every tag that can be asked for, each once, in the order of the file. */
  tags(): string[] {
    return this.#names().tags();
  }

  /** The names that are not among the tags, and why. */
  leftOut(): LeftOut[] {
    return this.#names().leftOut();
  }

  /**
   * What a tag names: the entry of that name, else the one whose full reference ends in it. Throws E_LAYOUT, with a list,
   * when that is two different things, and when its entry is malformed.
   */
  tagged(tag: string): Descriptor | undefined {
    const names = this.#names();
    const why = names.dispute(tag);
    if (why !== undefined) throw malformed(why);
    const named = new Set(names.of(tag));
    return this.#matching((entry) => named.has(entry))[0];
  }

  /** True for a tag that stands for several images. */
  isDisputed(tag: string): boolean {
    return this.#names().dispute(tag) !== undefined;
  }

  /** The tags by which this digest can be asked for, in the order of the entries. */
  tagsOf(digest: Digest): readonly string[] {
    const names = this.#names();
    return names.tags().filter((tag) => names.of(tag).some((entry) => own(entry, 'digest') === digest));
  }

  /** What the first entry of this digest that has a name is called, be it a tag or not. */
  nameOf(digest: Digest): string | undefined {
    const named = this.#entries.find(
      (entry) => own(entry, 'digest') === digest && entryName(entry) !== undefined,
    );
    return named === undefined ? undefined : entryName(named);
  }

  /** How each image can be asked for, behind `oci:FOLDER`: `:tag`, and `@digest` for those that no tag names. */
  selectors(): string[] {
    const names = this.#names();
    const tags = names.tags();
    const tagged = new Set(tags.flatMap((tag) => names.of(tag).map((entry) => own(entry, 'digest'))));
    const others = this.readableRoots().filter(({ digest }) => !tagged.has(digest));
    return [...tags.map((tag) => `:${tag}`), ...others.map(({ digest }) => `@${digest}`)];
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

  /** The digests of the entries of exactly that name, as far as they are digests. */
  digestsOf(tag: string): Digest[] {
    return this.#entries.flatMap((entry) => {
      const digest = refName(entry) === tag ? own(entry, 'digest') : undefined;
      return typeof digest === 'string' && isDigest(digest) ? [digest] : [];
    });
  }

  /**
   * The index with a tag moved to a descriptor, in the tag's place; itself if the tag is there already. What had the tag
   * stays at the end of the list, without it, unless another entry names it.
   */
  tag(descriptor: Descriptor, tag: string): LayoutIndex {
    const named = this.#entries.filter((entry) => refName(entry) === tag);
    const [first] = named;
    if (named.length === 1 && isOf(first, descriptor)) return this;
    const old = new Set(named);
    const entry = entryOf(descriptor, tag);
    const next = this.#entries.flatMap((other) => {
      if (other === first) return [entry];
      return old.has(other) ? [] : [other];
    });
    if (first === undefined) next.push(entry);
    return this.#withEntries([...next, ...lostOf(named, next).map(withoutNames)]);
  }

  /** The index with an untagged entry for a descriptor; itself if it has any entry of that digest. */
  root(descriptor: Descriptor): LayoutIndex {
    if (this.#entries.some((entry) => isOf(entry, descriptor))) return this;
    return this.#withEntries([...this.#entries, entryOf(descriptor)]);
  }

  /**
   * The index in which nothing can be asked for by a tag any more, full references that end in it included; itself if
   * nothing can. The manifests stay in the list, so that they can still be found by digest.
   */
  deleteTag(tag: string): LayoutIndex {
    const named = this.#entries.filter((entry) => entryTag(entry) === tag);
    const others = this.#entries.filter((entry) => !named.includes(entry));
    if (named.length === 0) return this;
    return this.#withEntries([...others, ...lostOf(named, others).map(withoutNames)]);
  }

  /** The index without the entries of a digest, tagged or not; itself if there are none. */
  drop(digest: Digest): LayoutIndex {
    const rest = this.#entries.filter((entry) => own(entry, 'digest') !== digest);
    return rest.length === this.#entries.length ? this : this.#withEntries(rest);
  }

  /** The index without the nameless entries of a digest; itself if there are none. */
  dropUntagged(digest: Digest): LayoutIndex {
    const rest = this.#entries.filter(
      (entry) => own(entry, 'digest') !== digest || entryName(entry) !== undefined,
    );
    return rest.length === this.#entries.length ? this : this.#withEntries(rest);
  }

  /** The index without the entries of a digest that say nothing but that it is there; itself if there are none. */
  dropBare(digest: Digest): LayoutIndex {
    const rest = this.#entries.filter((entry) => own(entry, 'digest') !== digest || !isBare(entry));
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

  #names(): LayoutNames {
    this.#named ??= new LayoutNames(this.#entries);
    return this.#named;
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

/**
 * Reads a layout's index.json. Throws E_LAYOUT when it is missing or malformed, E_MANIFEST where programs would read it
 * differently, E_LIMIT when it is too long, E_IO.
 */
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
