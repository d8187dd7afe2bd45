import { readFile } from 'node:fs/promises';

import { fileReason } from '../content/file-error.js';
import { RegferryError } from '../errors.js';
import type { RequestEntry } from '../serve/exchange.js';
import { openFolderRegistry } from '../serve/folder-registry.js';
import { MemoryRegistry } from '../serve/memory-registry.js';
import { PasswordFile } from '../serve/password-file.js';
import { serveRegistry, type ListenOptions, type ServedRegistry } from '../serve/server.js';
import type { RegistryStorage } from '../serve/storage.js';

/** Most bytes that a registry in memory holds unless it is told otherwise. */
const memoryBytes = 2 * 1024 ** 3;

/** Options of {@link serve}. */
export interface ServeRegistryOptions extends Omit<ListenOptions, 'tls'> {
  /**
   * Folder whose OCI image layouts are the repositories: `app` is the layout FOLDER/app. It is made if it is not there.
   * @default everything in memory
   */
  readonly folder?: string | undefined;
  /** Content to serve out of memory, and to look at or fill from this program. @default a new one */
  readonly memory?: MemoryRegistry | undefined;
  /** Most bytes that a registry in memory keeps; a push beyond is refused. For a registry of its own only. @default 2 GiB */
  readonly maxBytes?: number | undefined;
  /** Refuse everything that would write; write nothing to the folder. @default false */
  readonly readOnly?: boolean | undefined;
  /** Take manifests before the blobs and manifests that they name are there. @default false */
  readonly sparse?: boolean | undefined;
  /** File with a certificate, PEM, followed by those of the authorities between it and the root: https is spoken. */
  readonly tlsCertFile?: string | undefined;
  /** File with the certificate's key, PEM. */
  readonly tlsKeyFile?: string | undefined;
  /** File of users and their passwords' bcrypt hashes, as `htpasswd -B` writes it. @default everyone may do everything */
  readonly htpasswdFile?: string | undefined;
  /** Told of each request once it was answered, for an access log. */
  readonly onRequest?: ((entry: RequestEntry) => void) | undefined;
  /** Told of what kept the registry from doing what it was asked, or from cleaning up what a killed one has left. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Told, in one line, of what is in the folder and cannot be served: names of images that are no tags. */
  readonly onNote?: ((message: string) => void) | undefined;
}

/**
 * Starts a registry in this process, by the OCI distribution specification, over memory or over a folder of OCI image
 * layouts. Without `htpasswdFile` anyone who can reach the address may read and write.
 * Throws E_LISTEN when the address cannot be used, E_LAYOUT for a folder that cannot be served, E_CONFIG for a
 * certificate, key or password file that cannot be used.
 */
export async function serve(options: ServeRegistryOptions = {}): Promise<ServedRegistry> {
  const { host, port, signal, readOnly, sparse, onRequest, onError } = options;
  const passwords = await readPasswords(options.htpasswdFile);
  return await serveRegistry({
    ...{ host, port, signal, readOnly, sparse, onRequest, onError },
    tls: await readIdentity(options),
    storage: await openStorage(options),
    isAllowed: passwords && ((authorization, client) => passwords.isAllowed(authorization, client)),
    onClose: passwords && (() => passwords.close()),
  });
}

async function openStorage(options: ServeRegistryOptions): Promise<RegistryStorage> {
  const { folder, memory, maxBytes = memoryBytes, readOnly, onError, onNote } = options;
  if (folder !== undefined) return await openFolderRegistry(folder, { readOnly, onProblem: onError, onNote });
  return memory ?? new MemoryRegistry({ maxBytes });
}

async function readIdentity(
  options: ServeRegistryOptions,
): Promise<{ cert: string; key: string } | undefined> {
  const { tlsCertFile, tlsKeyFile } = options;
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw new RegferryError('E_CONFIG', 'https needs both a certificate and its key');
  }
  return { cert: await readText(tlsCertFile), key: await readText(tlsKeyFile) };
}

async function readPasswords(path: string | undefined): Promise<PasswordFile | undefined> {
  return path === undefined ? undefined : PasswordFile.parse(await readText(path), path);
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RegferryError('E_CONFIG', `cannot read ${path}: ${fileReason(error)}`, { cause: error });
  }
}
