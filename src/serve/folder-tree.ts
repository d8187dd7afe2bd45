import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { hasCode } from '../content/file-error.js';
import { RegferryError } from '../errors.js';
import { isRepositoryName } from './parameters.js';

/** Names that a layout has for itself, so that no repository below it can have them. */
const layoutNames: ReadonlySet<string> = new Set(['blobs', 'index.json', 'oci-layout']);

/** What a file system says of a name that it has nothing for. */
const absences = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'];

/** Most folders that are looked into when the repositories are listed. */
const mostFolders = 100_000;

/** True for a repository whose parts can be folders below each other, none of them in the way of a layout's own names. */
export function isFolderName(repository: string): boolean {
  return repository.split('/').every((part) => !layoutNames.has(part));
}

/**
 * The folder of a repository below `root`, which must be a real path; undefined where there is none, or where it, or a folder
 * on the way, is a link.
 */
export async function findRepositoryFolder(root: string, repository: string): Promise<string | undefined> {
  let path = root;
  for (const part of repository.split('/')) {
    path = join(path, part);
    const stats = await lstat(path).catch((error: unknown) => {
      if (absences.some((code) => hasCode(error, code))) return undefined;
      throw error;
    });
    if (stats?.isDirectory() !== true) return undefined;
  }
  return path;
}

/** Throws E_LAYOUT when the folder of a repository, or one on the way, is a link: nothing is made through such. */
export async function refuseLinks(root: string, repository: string): Promise<void> {
  let path = root;
  for (const part of repository.split('/')) {
    path = join(path, part);
    const stats = await lstat(path).catch(() => undefined);
    if (stats === undefined) return;
    if (!stats.isSymbolicLink()) continue;
    throw new RegferryError('E_LAYOUT', `${path} is a link; a repository must not be reached through such`);
  }
}

/** Why a folder is passed over: it has gone meanwhile, or is somebody else's. */
const passedOver = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'];

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (passedOver.some((code) => hasCode(error, code))) return [];
    throw error;
  }
}

/** The repositories below `root`: every folder with an `oci-layout` file in it, links left out, in any order. */
export async function* repositoriesBelow(root: string): AsyncGenerator<string, void, undefined> {
  const waiting: string[] = [''];
  for (let seen = 0; seen < mostFolders; seen += 1) {
    const repository = waiting.shift();
    if (repository === undefined) return;
    const entries = await entriesOf(join(root, repository));
    const isLayout = entries.some((entry) => entry.name === 'oci-layout' && entry.isFile());
    if (isLayout && repository !== '') yield repository;
    for (const entry of entries) {
      const name = repository === '' ? entry.name : `${repository}/${entry.name}`;
      if (entry.isDirectory() && isRepositoryName(name) && isFolderName(name)) waiting.push(name);
    }
  }
}
