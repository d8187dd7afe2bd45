import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { RegferryError } from '../errors.js';
import { hasCode } from './file-error.js';
import { syncFolder } from './plain-file.js';

/**
 * Makes a folder, and those above it that are missing, from the nearest one that is there downwards. Node's own recursive
 * mkdir never ends where a folder is there and takes no other, as in /proc. Throws the file system's own errors, E_IO
 * where a folder takes no others, and E_LAYOUT for a link that leads nowhere.
 */
export async function makeFolders(path: string, mode = 0o777): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await isThere(at)); at = dirname(at)) {
    missing.unshift(at);
    if (dirname(at) === at) break;
  }
  for (const folder of missing) await makeFolder(folder, mode);
}

/** The nearest folder at or above a path that is there. Throws as {@link makeFolders}. */
export async function nearestFolder(path: string): Promise<string> {
  let at = path;
  while (!(await isThere(at)) && dirname(at) !== at) at = dirname(at);
  return at;
}

/** Throws ENOTDIR where a file is in the way. */
async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const isLink = await lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
  if (isLink) throw new RegferryError('E_LAYOUT', `${path} is a link to what is not there`);
  return false;
}

async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    // Somebody else was faster, or the path goes down and up again.
    if (hasCode(error, 'EEXIST') && (await stat(path)).isDirectory()) return;
    // The one above it is there.
    if (!hasCode(error, 'ENOENT')) throw error;
    const message = `cannot make ${path}: ${dirname(path)} takes no new folders`;
    throw new RegferryError('E_IO', message, { cause: error });
  }
  // Its name is to outlast a loss of power like all that is written below; who may not read the parent goes without.
  await syncFolder(dirname(path)).catch(() => undefined);
}
