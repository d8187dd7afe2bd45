import { closeSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';

import { absolutePath } from '../content/absolute-path.js';
import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { argumentName } from './argument-names.js';
import type { Call, Command } from './command.js';

/** What is in the current folder under the name of an image. */
type Kind = 'layout' | 'archive' | 'folder' | 'file';

/** What may be a repository at Docker Hub. */
const NAME = /^[a-z0-9][a-z0-9._/-]*$/;

interface Named {
  readonly text: string;
  readonly role: 'source' | 'target';
}

/**
 * Looks for files and folders that have the names of images: by Docker's rules `app` is one at Docker Hub, whatever is
 * here. Throws E_REFERENCE, with both spellings, where that can hardly be meant: for a layout or an archive, unless the
 * layout is named as well, and for a target that nobody could push. Gives what to say of the others if they fail.
 */
export function localNames(
  { arguments: { usage } }: Command,
  { args, given }: Pick<Call, 'args' | 'given'>,
): readonly string[] {
  const named = args.flatMap((text, at): Named[] => {
    const name = argumentName(usage, at);
    if (name === 'target...') return [{ text, role: 'target' }];
    return ['source', 'image', 'repository'].includes(name ?? '') ? [{ text, role: 'source' }] : [];
  });
  const to = given.get('to')?.texts.flatMap((texts) => texts.split(',')) ?? [];
  const all = [...named, ...to.map((text): Named => ({ text, role: 'target' }))];
  return all.flatMap((one) => doubtsOf(one, all));
}

function doubtsOf({ text, role }: Named, all: readonly Named[]): readonly string[] {
  const [, name = '', tag = ''] = /^([^:@]+)(:[^:@/]+)?$/.exec(text) ?? [];
  if (!NAME.test(name) || text.startsWith('oci:') || hasRegistry(name)) return [];
  const isLone = !name.includes('/');
  const kind = kindOf(name);
  if (kind === undefined) {
    const isPort = isLone && /^:\d{2,5}$/.test(tag);
    return isPort ? [`if ${text} is a registry, write ${text}/REPO`] : [];
  }
  const isFile = kind === 'archive' || kind === 'file';
  const local = isFile
    ? 'archives are not read yet, OCI layout folders are (oci:FOLDER)'
    : `write oci:${text}`;
  const hub = `docker.io/${isLone ? 'library/' : ''}${text}`;
  const what = `a ${isFile ? 'file' : kind === 'layout' ? 'folder with an OCI layout' : 'folder'} here`;
  const isPlain = kind === 'folder' || kind === 'file';
  const isRefused = (role === 'target' && isLone) || (tag === '' && !isPlain);
  if (isRefused && !all.some((other) => isLayoutAt(other.text, name))) {
    const message = `"${text}" is ${what}: ${local}; the image at Docker Hub is ${hub}`;
    throw new RegferryError('E_REFERENCE', printable(message));
  }
  return [printable(`${name} is ${what}: if that is meant, ${local}; ${hub} was asked for`)];
}

/** By Docker's rules: what stands before the first slash is a registry if it could be no part of a repository. */
function hasRegistry(name: string): boolean {
  return /^(?:localhost|[^/]*[.A-Z][^/]*)\//.test(name);
}

/** True for `oci:FOLDER` with or without a tag, where that is the folder of this name. */
function isLayoutAt(text: string, name: string): boolean {
  const [, folder] = /^oci:([^:@]+)/.exec(text) ?? [];
  return folder !== undefined && absolutePath(folder) === absolutePath(name);
}

function kindOf(path: string): Kind | undefined {
  const stats = statsOf(path);
  if (stats?.isDirectory() === true) {
    return statsOf(join(path, 'oci-layout'))?.isFile() === true ? 'layout' : 'folder';
  }
  if (stats?.isFile() !== true) return undefined;
  return isArchive(path) ? 'archive' : 'file';
}

function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** True for a tar file and for what is compressed by gzip or zstd, by their first bytes. */
function isArchive(path: string): boolean {
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(512);
      const bytes = start.subarray(0, readSync(file, start, 0, start.length, 0));
      const isCompressed = ['1f8b', '28b52ffd'].some((magic) => bytes.toString('hex').startsWith(magic));
      return isCompressed || bytes.toString('latin1', 257, 262) === 'ustar';
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
