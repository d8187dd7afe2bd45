import { realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { fileReason } from '../content/file-error.js';
import { LayoutFiles } from '../content/layout-files.js';
import { openFolder } from '../content/layout-folder.js';
import { LOCK_NAME } from '../content/layout-lock.js';
import { makeFolders } from '../content/make-folders.js';
import { isRegferryError, RegferryError } from '../errors.js';
import type { FolderCaches } from './folder-manifests.js';
import { ifPlain, refusalToWrite } from './folder-refusal.js';
import { FolderRepository } from './folder-repository.js';
import { findRepositoryFolder, isFolderName, refuseLinks, repositoriesBelow } from './folder-tree.js';
import { IndexCache } from '../content/layout-index-cache.js';
import { FactsCache } from './manifest-facts.js';
import type { RegistryStorage, RepositoryStorage } from './storage.js';

/** Most repositories that are kept open. */
const mostOpen = 1000;

/** Options of {@link openFolderRegistry}. */
export interface FolderRegistryOptions {
  /** Write nothing, not even to clean up; the folder must be there. @default false */
  readonly readOnly?: boolean | undefined;
  /** Called with an E_LAYOUT or E_IO error for each repository that could not be cleaned up. */
  readonly onProblem?: ((error: RegferryError) => void) | undefined;
  /** Told, in one line, of each name in an index.json that is no tag and is left out, when it is seen first. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/**
 * Opens a folder whose OCI layouts are repositories, made if it is not there, and removes what a server that was killed
 * has left in it. The folder itself may be a link; nothing inside may be.
 * Throws E_LAYOUT when the folder cannot be used, or is a layout itself.
 */
export async function openFolderRegistry(
  folder: string,
  options: FolderRegistryOptions = {},
): Promise<FolderRegistry> {
  const root = await findRoot(folder, options.readOnly === true);
  if (await new LayoutFiles(root).hasTop('oci-layout')) {
    const message = `${folder} is an OCI image layout itself; name the folder that it is in, where it is the repository ${basename(root)}`;
    throw new RegferryError('E_LAYOUT', message);
  }
  if (options.readOnly !== true) await sweep(root, options.onProblem ?? (() => undefined));
  const registry = new FolderRegistry(root, options.onNote);
  await registry.look();
  return registry;
}

/** A registry's repositories in a folder: each an OCI image layout at FOLDER/<repository>. */
export class FolderRegistry implements RegistryStorage {
  readonly #root: string;
  readonly #open = new Map<string, FolderRepository>();
  readonly #caches: FolderCaches;

  /** For {@link openFolderRegistry}. `root` is the folder's real path. */
  constructor(root: string, onNote?: (message: string) => void) {
    this.#root = root;
    this.#caches = { indexes: new IndexCache(onNote), facts: new FactsCache() };
  }

  /** Reads each index.json, so that what is left out of them is told before anybody misses it. */
  async look(): Promise<void> {
    for await (const repository of repositoriesBelow(this.#root)) {
      try {
        await this.#caches.indexes.read(new LayoutFiles(join(this.#root, repository)));
      } catch (error) {
        // What is damaged is told to whoever asks for it; the other repositories are served.
        if (!isRegferryError(error)) throw error;
      }
    }
  }

  hasPlaceFor(name: string): boolean {
    return isFolderName(name);
  }

  async repository(name: string): Promise<RepositoryStorage | undefined> {
    const path = isFolderName(name) ? await findRepositoryFolder(this.#root, name) : undefined;
    if (path === undefined) return undefined;
    const files = new LayoutFiles(path);
    if (!(await isWhole(files))) return undefined;
    const open = this.#open.get(name);
    if (open !== undefined) return open;
    await openFolder(path, { access: 'read' });
    return this.#keep(name, files);
  }

  async create(name: string): Promise<RepositoryStorage> {
    try {
      const existing = await this.repository(name);
      if (existing !== undefined) return existing;
      const path = join(this.#root, name);
      await refuseLinks(this.#root, name);
      const { files, lock } = await openFolder(path, { access: 'write', create: true, nested: true });
      lock?.release();
      return this.#keep(name, files);
    } catch (error) {
      throw refusalToWrite(error);
    }
  }

  names(): AsyncIterable<string> {
    return repositoriesBelow(this.#root);
  }

  #keep(name: string, files: LayoutFiles): FolderRepository {
    const repository = this.#open.get(name) ?? new FolderRepository(files, this.#caches);
    this.#open.set(name, repository);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= mostOpen) break;
      this.#open.delete(oldest);
    }
    return repository;
  }
}

/** False for a folder without a layout, for one whose files are links or folders, and for a layout that a killed server has only begun to make. */
async function isWhole(files: LayoutFiles): Promise<boolean> {
  const isThere = async (): Promise<boolean> =>
    (await files.hasTop('oci-layout')) && (await files.hasTop('index.json')) && (await files.hasBlobs());
  return (await ifPlain(isThere)) === true;
}

async function findRoot(folder: string, readOnly: boolean): Promise<string> {
  try {
    const isThere = await stat(folder).then(
      () => true,
      () => false,
    );
    if (!isThere && !readOnly) await makeFolders(folder);
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    throw new RegferryError('E_LAYOUT', `cannot serve ${folder}: ${fileReason(error)}`, { cause: error });
  }
  throw new RegferryError('E_LAYOUT', `cannot serve ${folder}: it is no folder`);
}

/** Repositories without a lock and without unfinished files are left alone. */
async function sweep(root: string, onProblem: (error: RegferryError) => void): Promise<void> {
  for await (const repository of repositoriesBelow(root)) {
    const path = join(root, repository);
    try {
      const files = new LayoutFiles(path);
      const isLocked = (await files.names({ folders: true })).includes(LOCK_NAME);
      if (!isLocked && !(await files.hasLeftovers())) continue;
      // The next push to it waits for a sign of life, where one is needed; a start does not.
      const options = { access: 'write', create: true, nested: true } as const;
      const { lock } = await openFolder(path, options, { atOnce: true });
      lock?.release();
    } catch (error) {
      if (!isRegferryError(error)) throw error;
      onProblem(error);
    }
  }
}
