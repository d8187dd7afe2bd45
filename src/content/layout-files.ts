import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { algorithmOf, encodedOf, type Digest } from '../spec/digest.js';
import {
  fileStream,
  guarded,
  hasCode,
  isFolder,
  isTemporaryName,
  NewFile,
  openForReading,
  plainSize,
  syncFolder,
  temporaryName,
} from './plain-file.js';

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

  /** A stream of a blob's bytes from `offset`, unverified; undefined when there is no such blob. */
  async openBlob(digest: Digest, offset: number): Promise<Readable | undefined> {
    const path = this.#blobPath(digest);
    return await guarded('read', path, async () => {
      if (!(await this.#hasBlobFolder(digest))) return undefined;
      const handle = await openForReading(path);
      return handle === undefined ? undefined : fileStream(handle, path, offset);
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

  /** Replaces one of the files at the top, all or nothing. */
  async writeTop(name: TopFile, bytes: Uint8Array): Promise<void> {
    const file = await this.createFile();
    try {
      await file.write(bytes);
      await file.moveTo(this.root, name);
    } finally {
      await file.discard();
    }
  }

  /** Starts a file that becomes visible only when it is moved to its place. Must be ended by `discard`. */
  async createFile(): Promise<NewFile> {
    return await NewFile.create(join(this.root, temporaryName()));
  }

  /** Moves a written file to where its blob belongs, making the folders on the way. */
  async placeBlob(file: NewFile, digest: Digest): Promise<void> {
    const blobs = join(this.root, 'blobs');
    const folder = join(blobs, algorithmOf(digest));
    await this.makeFolder(blobs, this.root);
    await this.makeFolder(folder, blobs);
    await file.moveTo(folder, encodedOf(digest));
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

  /** Removes what writers that were killed left behind. Only for the holder of the lock. */
  async removeLeftovers(): Promise<void> {
    await guarded('clean', this.root, async () => {
      for (const name of await readdir(this.root)) {
        if (isTemporaryName(name)) await unlink(join(this.root, name));
      }
    });
  }

  /** Names in the folder that are not this program's temporary files. */
  async names(): Promise<string[]> {
    const names = await guarded('read', this.root, () => readdir(this.root));
    return names.filter((name) => !isTemporaryName(name));
  }

  async #hasBlobFolder(digest: Digest): Promise<boolean> {
    const blobs = join(this.root, 'blobs');
    return (await isFolder(blobs)) && (await isFolder(join(blobs, algorithmOf(digest))));
  }

  #blobPath(digest: Digest): string {
    return join(this.root, 'blobs', algorithmOf(digest), encodedOf(digest));
  }
}
