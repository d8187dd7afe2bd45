import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { fileErrorCode, fileReason } from '../content/file-error.js';
import { makeFolders } from '../content/make-folders.js';
import { RegferryError } from '../errors.js';
import { CREDENTIAL_FILE_BYTES } from './limits.js';

/**
 * The text of a credentials file, undefined when there is none. Throws E_CONFIG, naming `label`, when it cannot be read
 * or is larger than 4 MiB.
 */
export function readConfigFile(path: string, label: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = fileErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new RegferryError('E_CONFIG', `${label} cannot be read: ${fileReason(error)}`, { cause: error });
  }
  if (text.length > CREDENTIAL_FILE_BYTES)
    throw new RegferryError('E_CONFIG', `${label} is larger than 4 MiB`);
  return text;
}

/**
 * Replaces a credentials file in one step, readable by its owner alone; a symbolic link stays one. Makes the folder when
 * it is missing. Throws E_IO, naming `label`; the file is then as it was.
 */
export async function writeConfigFile(path: string, label: string, text: string): Promise<void> {
  let temporary: string | undefined;
  try {
    await makeFolders(dirname(path), 0o700);
    const target = await realpath(path).catch(() => path);
    temporary = `${target}.${randomBytes(6).toString('hex')}`;
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => undefined);
    throw new RegferryError('E_IO', `${label} cannot be written: ${fileReason(error)}`, { cause: error });
  }
}
