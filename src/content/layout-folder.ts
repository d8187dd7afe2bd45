import { join } from 'node:path';

import { LayoutFiles, type TopFile } from './layout-files.js';
import { LayoutIndex, readIndex } from './layout-index.js';
import { acquireLock, type LayoutLock, type LockOptions } from './layout-lock.js';
import { asLayoutError, checkLayout, findFolder, LAYOUT_VERSION } from './layout-place.js';

/** Options of openLayout. */
export interface OpenLayoutOptions {
  /** A writer takes the folder's lock until it is closed; a reader takes none and writes nothing. */
  readonly access: 'read' | 'write';
  /** For a writer: make the folder and the layout if they are missing. @default false */
  readonly create?: boolean | undefined;
  /**
   * For a new layout: let it have other folders beside its own, such as those of repositories below this one. Without it
   * the folder must be empty. @default false
   */
  readonly nested?: boolean | undefined;
  /** For a writer: ends the wait for a lock that may be a dead one's. */
  readonly signal?: AbortSignal | undefined;
}

/** An open layout folder; with a lock if it was opened for writing. */
export interface LayoutFolder {
  readonly files: LayoutFiles;
  readonly lock?: LayoutLock | undefined;
}

/** Finds or makes the folder, checks it, and locks it for a writer. Throws as openLayout says. */
export async function openFolder(
  folder: string,
  options: OpenLayoutOptions,
  lockOptions: LockOptions = {},
): Promise<LayoutFolder> {
  const create = options.access === 'write' && options.create === true;
  return await asLayoutError(async () => {
    const files = new LayoutFiles(await findFolder(folder, create));
    await checkLayout(files, folder, { create, nested: options.nested === true });
    const lock =
      options.access === 'write'
        ? await lockFolder(files, { signal: options.signal, ...lockOptions })
        : undefined;
    try {
      if (create) await lock?.exclusive(() => complete(files, lock));
      await readIndex(files);
      return { files, lock };
    } catch (error) {
      lock?.release();
      throw error;
    }
  });
}

/**
 * Takes the writers' lock of a layout, and removes what writers that were killed have left in it.
 * Throws E_LAYOUT when another process has the lock, E_ABORTED.
 */
export async function lockFolder(files: LayoutFiles, options?: LockOptions): Promise<LayoutLock> {
  const lock = await acquireLock(files.root, options);
  try {
    await lock.cleanOnce(() => files.removeLeftovers());
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Makes what is missing. The marker comes first: with it there, a run that was killed in between can be finished. */
async function complete(files: LayoutFiles, lock: LayoutLock | undefined): Promise<void> {
  const write = (name: TopFile, bytes: Buffer): Promise<void> =>
    files.writeTop(name, bytes, () => lock?.assertHeld());
  if (!(await files.hasTop('oci-layout'))) {
    await write('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION })));
  }
  if (!(await files.hasTop('index.json'))) await write('index.json', LayoutIndex.empty().toBytes());
  await files.makeFolder(join(files.root, 'blobs'), files.root);
}
