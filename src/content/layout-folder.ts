import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { isRegferryError, RegferryError } from '../errors.js';
import { isJsonObject, own, parseJson } from '../spec/json.js';
import { LayoutFiles } from './layout-files.js';
import { LayoutIndex, readIndex } from './layout-index.js';
import { acquireLock, LOCK_FILE, type LayoutLock, type LockHolder } from './layout-lock.js';
import { fileReason, hasCode } from './plain-file.js';
import { readAll } from './verify.js';

/** The one version there is. https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file */
const LAYOUT_VERSION = '1.0.0';
const MARKER_BYTES = 4096;

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
  /** Who takes the lock. @default this process */
  readonly holder?: Partial<LockHolder> | undefined;
}

/** An open layout folder; with a lock if it was opened for writing. */
export interface LayoutFolder {
  readonly files: LayoutFiles;
  readonly lock?: LayoutLock | undefined;
}

/** Finds or makes the folder, checks it, and locks it for a writer. Throws as openLayout says. */
export async function openFolder(folder: string, options: OpenLayoutOptions): Promise<LayoutFolder> {
  const create = options.access === 'write' && options.create === true;
  let lock: LayoutLock | undefined;
  try {
    const files = new LayoutFiles(await findFolder(folder, create));
    await checkLayout(files, folder, options);
    if (options.access === 'write') {
      lock = await lockFolder(files, options.holder);
      if (create) await lock.exclusive(() => complete(files));
    }
    await readIndex(files);
    return { files, lock };
  } catch (error) {
    lock?.release();
    if (!isRegferryError(error) || error.code !== 'E_IO') throw error;
    throw new RegferryError('E_LAYOUT', error.message, { cause: error });
  }
}

/**
 * Takes the writers' lock of a layout, and removes what writers that were killed have left in it.
 * Throws E_LAYOUT when another process has the lock.
 */
export async function lockFolder(files: LayoutFiles, holder?: Partial<LockHolder>): Promise<LayoutLock> {
  const lock = acquireLock(files.root, holder);
  try {
    await lock.cleanOnce(() => files.removeLeftovers());
    return lock;
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function findFolder(folder: string, create: boolean): Promise<string> {
  try {
    if (create) await mkdir(folder, { recursive: true });
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    const reason = hasCode(error, 'ENOENT') ? 'there is no such folder' : fileReason(error);
    throw new RegferryError('E_LAYOUT', `cannot use ${folder} as an OCI image layout: ${reason}`, {
      cause: error,
    });
  }
  throw new RegferryError('E_LAYOUT', `cannot use ${folder} as an OCI image layout: it is no folder`);
}

/** Looks before anything is written: a folder with other things in it does not become a layout. */
async function checkLayout(files: LayoutFiles, folder: string, options: OpenLayoutOptions): Promise<void> {
  const create = options.access === 'write' && options.create === true;
  const marker = await files.openTop('oci-layout');
  if (marker !== undefined) {
    checkMarker(await readAll(marker, MARKER_BYTES, `${folder}: oci-layout`), folder);
    if (create || (await files.hasBlobs())) return;
    throw noLayout(folder, 'it has no blobs folder');
  }
  if (!create) throw noLayout(folder, 'it has no oci-layout file');
  const names = await files.names({ folders: options.nested !== true });
  // Somebody else is making this very layout, and comes to it at this moment.
  if (names.includes('oci-layout')) {
    await checkLayout(files, folder, options);
    return;
  }
  const others = names.filter((name) => name !== LOCK_FILE);
  if (others.length > 0)
    throw noLayout(folder, 'it has no oci-layout file and is not empty; name an empty or a new folder');
}

function checkMarker(bytes: Uint8Array, folder: string): void {
  let marker: unknown;
  try {
    marker = parseJson(bytes, 'oci-layout');
  } catch (cause) {
    throw new RegferryError('E_LAYOUT', `${folder} is no OCI image layout: its oci-layout file is no JSON`, {
      cause,
    });
  }
  if (isJsonObject(marker) && own(marker, 'imageLayoutVersion') === LAYOUT_VERSION) return;
  throw noLayout(folder, `its oci-layout file does not say version ${LAYOUT_VERSION}`);
}

/** Makes what is missing. The marker comes first: with it there, a run that was killed in between can be finished. */
async function complete(files: LayoutFiles): Promise<void> {
  if (!(await files.hasTop('oci-layout'))) {
    await files.writeTop('oci-layout', Buffer.from(JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION })));
  }
  if (!(await files.hasTop('index.json'))) await files.writeTop('index.json', LayoutIndex.empty().toBytes());
  await files.makeFolder(join(files.root, 'blobs'), files.root);
}

function noLayout(folder: string, why: string): RegferryError {
  return new RegferryError('E_LAYOUT', `${folder} is no OCI image layout: ${why}`);
}
