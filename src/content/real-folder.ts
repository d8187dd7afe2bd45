import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { absolutePath } from './absolute-path.js';

/**
 * The one path of a folder, however it is spelled: without links, and in the letter case that the file system has. Of a
 * folder that is not there, or cannot be looked at, the part that can be is resolved so. Never rejects.
 */
export async function realFolder(folder: string): Promise<string> {
  const path = absolutePath(folder);
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realFolder(parent), basename(path));
  }
}
