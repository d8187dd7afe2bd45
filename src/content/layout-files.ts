import { link, lstat, mkdir, readdir, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';

import { algorithmOf, encodedOf, parseDigest, type Digest } from '../spec/digest.js';
import { guarded, hasCode } from './file-error.js';
import {
  fileStream,
  isBeingWritten,
  isFolder,
  isTemporaryName,
  NewFile,
  openForReading,
  plainSize,
  syncFolder,
  temporaryName,
} from './plain-file.js';

/** What a file system says that has no second names for files, that has no more of them, or that is another one. */
const cannotLink = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'ENOENT'];

/** The one files at the top of a layout that are read and written. */
export type TopFile = 'oci-layout' | 'index.json';

/**
 * The files of one layout folder. Only fixed names and `blobs/<algorithm>/<hex>` are ever touched, and none of them
 * is followed when it is a link: that is E_LAYOUT. What the file system refuses is E_IO.
 */
export class LayoutFiles {
  /** Real path of the folder. */
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Size of a blob's file, undefined when there is none. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    const path = this.#blobPath(digest);
    return await guarded('look at', path, async () => {
      if (!(await this.#hasBlobFolder(digest))) return undefined;
      return await plainSize(path);
    });
  }

  /** A stream of a blob's bytes from `offset` up to but without `end`, unverified; undefined when there is no such blob. */
  async openBlob(digest: Digest, offset: number, end?: number): Promise<Readable | undefined> {
    const path = this.#blobPath(digest);
    return await guarded('read', path, async () => {
      if (!(await this.#hasBlobFolder(digest))) return undefined;
      const handle = await openForReading(path);
      return handle === undefined ? undefined : fileStream(handle, path, offset, end);
    });
  }

  /** A stream of one of the files at the top; undefined when there is no such file. */
  async openTop(name: TopFile): Promise<Readable | undefined> {
    const path = join(this.root, name);
    return await guarded('read', path, async () => {
      const handle = await openForReading(path);
      return handle === undefined ? undefined : fileStream(handle, path, 0);
    });
  }

  /** True when one of the files at the top is there. */
  async hasTop(name: TopFile): Promise<boolean> {
    const path = join(this.root, name);
    return (await guarded('look at', path, () => plainSize(path))) !== undefined;
  }

  /** True when there is a folder for blobs, whatever is in it. */
  async hasBlobs(): Promise<boolean> {
    const path = join(this.root, 'blobs');
    return await guarded('look at', path, () => isFolder(path));
  }

  /**
   * Replaces one of the files at the top, all or nothing. `check` is called when the bytes are on the disk, just before
   * the file is replaced; what it throws leaves the file as it was.
   */
  async writeTop(name: TopFile, bytes: Uint8Array, check: () => void): Promise<void> {
    const file = await this.createFile();
    try {
      await file.write(bytes);
      await file.moveTo(this.root, name, check);
    } finally {
      await file.discard();
    }
  }

  /** Starts a file that becomes visible only when it is moved to its place. Must be ended by `discard`. */
  async createFile(): Promise<NewFile> {
    return await NewFile.create(join(this.root, temporaryName()));
  }

  /** Moves a written file to where its blob belongs, making the folders on the way. `check` as in {@link writeTop}. */
  async placeBlob(file: NewFile, digest: Digest, check?: () => void): Promise<void> {
    await file.moveTo(await this.#makeBlobFolder(digest), encodedOf(digest), check);
  }

  /**
   * Gives a blob of another layout a second name in this one, without moving a byte; blobs never change, so that both may
   * share them. False where there is no such blob, or where the file system cannot do it.
   */
  async linkBlob(from: LayoutFiles, digest: Digest): Promise<boolean> {
    if ((await from.blobSize(digest)) === undefined) return false;
    const path = this.#blobPath(digest);
    const temporary = join(this.root, temporaryName());
    return await guarded('write', path, async () => {
      await this.#makeBlobFolder(digest);
      try {
        await link(from.#blobPath(digest), temporary);
      } catch (error) {
        if (cannotLink.some((code) => hasCode(error, code))) return false;
        throw error;
      }
      try {
        await rename(temporary, path);
        await syncFolder(dirname(path));
        return true;
      } finally {
        // Moving a name onto another one of the same file is done by doing nothing.
        await unlink(temporary).catch(() => undefined);
      }
    });
  }

  /** Removes a blob. False when there is none. */
  async removeBlob(digest: Digest): Promise<boolean> {
    const path = this.#blobPath(digest);
    return await guarded('remove', path, async () => {
      if (!(await this.#hasBlobFolder(digest)) || (await plainSize(path)) === undefined) return false;
      await unlink(path);
      await syncFolder(dirname(path));
      return true;
    });
  }

  /**
   * The size of index.json, and what tells one content of it from another: the file is only ever replaced. Undefined when
   * there is none.
   */
  async indexState(): Promise<{ readonly stamp: string; readonly size: number } | undefined> {
    const path = join(this.root, 'index.json');
    return await guarded('look at', path, async () => {
      try {
        const { ino, size, mtimeNs } = await lstat(path, { bigint: true });
        return { stamp: `${ino}/${size}/${mtimeNs}`, size: Number(size) };
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return undefined;
        throw error;
      }
    });
  }

  /** Makes a folder inside the layout unless it is there. */
  async makeFolder(path: string, parent: string): Promise<void> {
    await guarded('make', path, async () => {
      if (await isFolder(path)) return;
      try {
        await mkdir(path, 0o755);
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
        await isFolder(path);
      }
      await syncFolder(parent);
    });
  }

  /** True when a writer works here, or was killed here: there are files that are not finished. */
  async hasLeftovers(): Promise<boolean> {
    const names = await guarded('read', this.root, () => readdir(this.root));
    return names.some(isTemporaryName);
  }

  /** Removes what writers that were killed, or of other processes, left behind. Only for the holder of the lock. */
  async removeLeftovers(): Promise<void> {
    await guarded('clean', this.root, async () => {
      for (const name of await readdir(this.root)) {
        const path = join(this.root, name);
        if (isTemporaryName(name) && !isBeingWritten(path)) await rm(path, { recursive: true, force: true });
      }
    });
  }

  /** Names in the folder, with or without those of folders, that are not this program's temporary files. */
  async names(wanted: { readonly folders: boolean }): Promise<string[]> {
    const entries = await guarded('read', this.root, () => readdir(this.root, { withFileTypes: true }));
    return entries
      .filter((entry) => wanted.folders || !entry.isDirectory())
      .map(({ name }) => name)
      .filter((name) => !isTemporaryName(name));
  }

  async #makeBlobFolder(digest: Digest): Promise<string> {
    const blobs = join(this.root, 'blobs');
    const folder = join(blobs, algorithmOf(parseDigest(digest)));
    await this.makeFolder(blobs, this.root);
    await this.makeFolder(folder, blobs);
    return folder;
  }

  async #hasBlobFolder(digest: Digest): Promise<boolean> {
    const blobs = join(this.root, 'blobs');
    return (await isFolder(blobs)) && (await isFolder(join(blobs, algorithmOf(digest))));
  }

  #blobPath(digest: Digest): string {
    // A caller may have made it of any text, and then it could lead anywhere.
    const checked = parseDigest(digest);
    return join(this.root, 'blobs', algorithmOf(checked), encodedOf(checked));
  }
}
