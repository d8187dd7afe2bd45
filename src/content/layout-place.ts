import { constants } from 'node:fs';
import { access, realpath, stat, statfs } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

import { isRegferryError, RegferryError } from '../errors.js';
import { parseJson, isJsonObject, own } from '../spec/json.js';
import { namesOf, refuseOtherCase } from '../spec/spelling.js';
import { fileReason, hasCode } from './file-error.js';
import { LayoutFiles } from './layout-files.js';
import { LOCK_NAME } from './lock-file.js';
import { makeFolders, nearestFolder } from './make-folders.js';
import { readAll } from './verify.js';

/** The one version there is. https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#oci-layout-file */
export const LAYOUT_VERSION = '1.0.0';
const MARKER_BYTES = 4096;
const MARKER_NAMES = namesOf('imageLayoutVersion');

/**
 * File systems of the kernel's own, which say that root may write and take no folder all the same: those of /proc, /sys and
 * what is mounted below it, /dev/pts, /dev/mqueue. https://github.com/torvalds/linux/blob/v6.6/include/uapi/linux/magic.h
 */
const kernelFileSystems: readonly number[] = [
  0x9fa0, 0x62656572, 0x1cd1, 0x27e0eb, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0xf97cff8c,
  0xcafe4a11, 0x6165676c, 0x62656570, 0xde5e81e4, 0x19800202, 0x42494e4d, 0x6e736673, 0x65735543,
];

/**
 * Looks at a folder that is to be a copy's target, and writes nothing: whatever would keep a copy from beginning to write
 * there is thrown, E_LAYOUT. True when there is a whole layout, false where one is still to be made.
 */
export async function isLayoutThere(folder: string): Promise<boolean> {
  return await asLayoutError(async () => {
    const nearest = await usable(folder, () => nearestFolder(folder));
    if (nearest !== folder) {
      const where = `no folder can be made in ${nearest}: `;
      await usable(folder, () => refuseUnlessTakesFolders(nearest, relative(nearest, folder)), where);
      return false;
    }
    const files = new LayoutFiles(await findFolder(folder, false));
    await usable(folder, () => refuseUnlessTakesFiles(files.root));
    await checkLayout(files, folder, { create: true });
    return (await files.hasTop('oci-layout')) && (await files.hasTop('index.json')) && files.hasBlobs();
  });
}

/** The real path of a folder, which is made if `create` says so. Throws E_LAYOUT. */
export async function findFolder(folder: string, create: boolean): Promise<string> {
  return await usable(folder, async () => {
    if (create) await makeFolders(folder);
    const root = await realpath(folder);
    if ((await stat(root)).isDirectory()) return root;
    throw new Error('it is no folder');
  });
}

/** Looks before anything is written: a folder with other things in it does not become a layout. Throws E_LAYOUT. */
export async function checkLayout(
  files: LayoutFiles,
  folder: string,
  { create = false, nested = false }: { readonly create?: boolean; readonly nested?: boolean },
): Promise<void> {
  const marker = await files.openTop('oci-layout');
  if (marker !== undefined) {
    checkMarker(await readAll(marker, MARKER_BYTES, `${folder}: oci-layout`), folder);
    if (create || (await files.hasBlobs())) return;
    throw noLayout(folder, 'it has no blobs folder');
  }
  if (!create) throw noLayout(folder, 'it has no oci-layout file');
  const names = await files.names({ folders: !nested });
  // Somebody else is making this very layout, and comes to it at this moment.
  if (names.includes('oci-layout')) {
    await checkLayout(files, folder, { create, nested });
    return;
  }
  const others = names.filter((name) => name !== LOCK_NAME);
  if (others.length > 0)
    throw noLayout(folder, 'it has no oci-layout file and is not empty; name an empty or a new folder');
}

/** Runs work; what a file system refuses while a folder is being opened makes it unusable: E_LAYOUT, not E_IO. */
export async function asLayoutError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isRegferryError(error) || error.code !== 'E_IO') throw error;
    throw new RegferryError('E_LAYOUT', error.message, { cause: error });
  }
}

async function usable<T>(folder: string, work: () => Promise<T>, where = ''): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = hasCode(error, 'ENOENT') ? 'there is no such folder' : fileReason(error);
    throw new RegferryError('E_LAYOUT', `cannot use ${folder} as an OCI image layout: ${where}${reason}`, {
      cause: error,
    });
  }
}

async function refuseUnlessTakesFiles(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
  await access(folder, constants.W_OK | constants.X_OK);
  if (kernelFileSystems.includes((await statfs(folder)).type)) throw new Error('it takes no new files');
}

async function refuseUnlessTakesFolders(folder: string, path: string): Promise<void> {
  await refuseUnlessTakesFiles(folder);
  // A name that is too long is told where it is looked up.
  for (const name of path.split(sep)) await stat(join(folder, name)).catch(unlessMissing);
}

function unlessMissing(error: unknown): void {
  if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ENOTDIR')) throw error;
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
  if (isJsonObject(marker)) refuseOtherCase(marker, MARKER_NAMES, `${folder}: oci-layout`);
  if (isJsonObject(marker) && own(marker, 'imageLayoutVersion') === LAYOUT_VERSION) return;
  throw noLayout(folder, `its oci-layout file does not say version ${LAYOUT_VERSION}`);
}

function noLayout(folder: string, why: string): RegferryError {
  return new RegferryError('E_LAYOUT', `${folder} is no OCI image layout: ${why}`);
}
