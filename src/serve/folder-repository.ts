import type { Readable } from 'node:stream';

import type { LayoutFiles } from '../content/layout-files.js';
import { lockFolder } from '../content/layout-folder.js';
import type { LayoutIndex } from '../content/layout-index.js';
import type { LayoutLock } from '../content/layout-lock.js';
import { withTag } from '../content/layout-tagging.js';
import { LayoutUpload } from '../content/layout-upload.js';
import type { Manifest, ManifestKey } from '../content/store.js';
import { isIntact } from '../content/verify.js';
import { RegferryError } from '../errors.js';
import { algorithmOf, type Algorithm, type Digest } from '../spec/digest.js';
import { knownType } from '../spec/manifest-type.js';
import { FolderManifests, type FolderCaches } from './folder-manifests.js';
import { ifPlain, refusalToGoOn, refusalToWrite } from './folder-refusal.js';
import { FolderUpload } from './folder-upload.js';
import { IndexWriter } from '../content/layout-index-writer.js';
import { factsOf } from './manifest-facts.js';
import { NamedSizes } from './named-sizes.js';
import type { ByteRange } from './range.js';
import type { IncomingBlob, RepositoryStorage } from './storage.js';

/** Most blobs of which it is remembered that they were hashed. */
const mostVerdicts = 1000;

/**
 * An OCI image layout as a repository of a registry. Its lock is held as long as a request that writes to it runs, and
 * not in between, so that other programs can write to it as well.
 */
export class FolderRepository implements RepositoryStorage {
  readonly #files: LayoutFiles;
  readonly #manifests: FolderManifests;
  readonly #writer: IndexWriter;
  readonly #sizes: NamedSizes;
  /** Blobs whose size is not what it should be, by digest and size: whether their bytes are right all the same. */
  readonly #verdicts = new Map<string, Promise<boolean>>();

  constructor(files: LayoutFiles, caches: FolderCaches) {
    this.#files = files;
    this.#manifests = new FolderManifests(files, caches);
    this.#writer = new IndexWriter(files, caches.indexes);
    this.#sizes = new NamedSizes(this.#manifests);
  }

  /** What is no plain file is no blob, nor is one of another size than manifests name, unless it has the right bytes. */
  async blobSize(digest: Digest, declared?: number): Promise<number | undefined> {
    const size = await this.#fileSize(digest);
    if (size === undefined || size === declared) return size;
    const named = await this.#sizes.of(digest);
    if (named === size || (named === undefined && declared === undefined)) return size;
    return (await this.#isIntact(digest, size)) ? size : undefined;
  }

  async openBlob(digest: Digest, { start, end }: ByteRange): Promise<Readable> {
    const stream = await this.#files.openBlob(digest, start, end);
    if (stream !== undefined) return stream;
    throw new RegferryError('E_NOT_FOUND', `${digest} was removed meanwhile`, { digest });
  }

  async receiveBlob(algorithm: Algorithm): Promise<IncomingBlob> {
    const lock = await this.#lock();
    try {
      const upload = await LayoutUpload.create(this.#files, algorithm);
      return new FolderUpload(upload, lock, {
        takeLock: () => this.#lock(),
        onCommit: (digest, size) => this.#sizes.learn(digest, size),
      });
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  async mountBlob(digest: Digest, from: RepositoryStorage): Promise<boolean> {
    if (!(from instanceof FolderRepository)) return false;
    const size = await from.blobSize(digest);
    if (size === undefined) return false;
    if ((await from.#sizes.of(digest)) === size) this.#sizes.learn(digest, size);
    return await this.#writing(async () => {
      if (await this.#files.linkBlob(from.#files, digest)) return true;
      await this.#keep(digest, await from.openBlob(digest, { start: 0, end: size }));
      return true;
    });
  }

  /** A manifest is a blob too, in a layout; it is deleted as a manifest alone. */
  async deleteBlob(digest: Digest): Promise<boolean> {
    if ((await this.#fileSize(digest)) === undefined) return false;
    return await this.#writing(async (lock) => {
      if (await this.#manifests.names(await this.#manifests.index(), digest)) return false;
      lock.assertHeld();
      return await this.#files.removeBlob(digest);
    });
  }

  async manifest(key: ManifestKey): Promise<Manifest | undefined> {
    const manifest = await this.#manifests.find(key);
    if (manifest !== undefined) this.#sizes.see(manifest);
    return manifest;
  }

  referrers(subject: Digest, after = ''): AsyncIterable<Manifest> {
    return this.#manifests.referrers(subject, after);
  }

  async putManifest(manifest: Manifest, tags: readonly string[]): Promise<void> {
    const { digest } = manifest.descriptor;
    await this.#writing(async (lock) => {
      const wasThere = await this.#manifests.has(manifest);
      if (!wasThere) await this.#keep(digest, [manifest.bytes]);
      await this.#writer.change(lock, async (index) => {
        // Somebody may have deleted it since.
        if ((await this.#fileSize(digest)) === undefined) await this.#keep(digest, [manifest.bytes]);
        return await this.#withManifest(index, manifest, tags, wasThere);
      });
    });
  }

  async deleteManifest(digest: Digest): Promise<boolean> {
    if ((await this.#manifests.find({ digest })) === undefined) return false;
    return await this.#writing(async (lock) => {
      const manifest = await this.#manifests.find({ digest });
      if (manifest === undefined) return false;
      let isRemoved = false;
      await this.#writer.change(lock, async (index) => {
        // An entry without its blob counts as none, so that a kill in between does no harm.
        lock.assertHeld();
        isRemoved = await this.#files.removeBlob(digest);
        return await this.#withoutManifest(index, manifest);
      });
      return isRemoved;
    });
  }

  async tags(): Promise<readonly string[]> {
    return (await this.#manifests.index()).tags();
  }

  async deleteTag(tag: string): Promise<boolean> {
    const index = await this.#manifests.index();
    if (index.deleteTag(tag) === index) return false;
    await this.#writing((lock) => this.#writer.change(lock, (now) => Promise.resolve(now.deleteTag(tag))));
    return true;
  }

  /** Tags move, and what they have left can still be read by digest. */
  async #withManifest(
    index: LayoutIndex,
    { descriptor, bytes }: Manifest,
    tags: readonly string[],
    wasThere: boolean,
  ): Promise<LayoutIndex> {
    let next = index;
    for (const tag of tags) next = await withTag(next, this.#files, descriptor, tag);
    const { digest, mediaType } = descriptor;
    const isOther = (index.withDigest(digest)?.mediaType ?? mediaType) !== mediaType;
    if (tags.length > 0 || isOther) next = next.dropUntagged(digest);
    if (tags.length === 0 && (!wasThere || isOther || !(await this.#manifests.names(index, digest)))) {
      next = next.root(descriptor);
    }
    // A child that was pushed before has an entry of its own until an index names it, and keeps it where its bytes do
    // not tell its type.
    for (const child of factsOf(bytes, descriptor.mediaType).children) {
      const entry = next.withDigest(child.digest);
      if (entry === undefined) continue;
      const facts = await this.#manifests.facts(entry);
      if (facts?.detected === entry.mediaType) next = next.dropUntagged(child.digest);
    }
    return next;
  }

  /** Children stay, and get entries of their own where nothing else names them now. */
  async #withoutManifest(index: LayoutIndex, { descriptor, bytes }: Manifest): Promise<LayoutIndex> {
    let next = index.drop(descriptor.digest);
    for (const child of factsOf(bytes, descriptor.mediaType).children) {
      if ((await this.#files.blobSize(child.digest)) === undefined) continue;
      // What was listed under a type that nobody knows is a manifest if its bytes tell so, and was a blob else.
      const detected = (await this.#manifests.facts(child))?.detected;
      const mediaType = knownType(child.mediaType) ?? detected;
      if (mediaType === undefined || (await this.#manifests.names(next, child.digest))) continue;
      next = next.root({ ...child, mediaType });
    }
    return next;
  }

  async #fileSize(digest: Digest): Promise<number | undefined> {
    return await ifPlain(() => this.#files.blobSize(digest));
  }

  /** One that was named wrongly is right from then on. */
  async #isIntact(digest: Digest, size: number): Promise<boolean> {
    const key = `${digest} ${size}`;
    if (this.#verdicts.size > mostVerdicts) this.#verdicts.clear();
    let verdict = this.#verdicts.get(key);
    if (verdict === undefined) {
      const hash = async (): Promise<boolean> => {
        const stream = await this.#files.openBlob(digest, 0);
        return stream !== undefined && (await isIntact(stream, { digest, size }));
      };
      this.#verdicts.set(key, (verdict = hash()));
      verdict.catch(() => this.#verdicts.delete(key));
    }
    if (await verdict) this.#sizes.learn(digest, size);
    return await verdict;
  }

  async #keep(digest: Digest, pieces: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
    const upload = await LayoutUpload.create(this.#files, algorithmOf(digest));
    try {
      for await (const piece of pieces) await upload.write(piece);
      await upload.commit(digest);
    } finally {
      await upload.discard();
    }
  }

  async #writing<T>(work: (lock: LayoutLock) => Promise<T>): Promise<T> {
    const lock = await this.#lock();
    try {
      return await work(lock);
    } catch (error) {
      throw refusalToGoOn(error);
    } finally {
      lock.release();
    }
  }

  async #lock(): Promise<LayoutLock> {
    try {
      return await lockFolder(this.#files);
    } catch (error) {
      throw refusalToWrite(error);
    }
  }
}
