import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import {
  basicCredential,
  bearerCredential,
  identityCredential,
  type Credential,
  type CredentialTarget,
} from './credentials.js';
import { parseRegistryKey, registryHost, storageKey, type RegistryKey } from './registry-key.js';
import { Secret } from './secret.js';

/** One entry of `auths`; all of it is secret. */
export type AuthEntry = ReadonlyMap<AuthField, Secret>;

type AuthField = (typeof authFields)[number];

const authFields = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'] as const;

/** What is used of a docker `config.json` or podman `auth.json`. Keys are as spelled in the file. */
export interface DockerConfig {
  /** The file, or the variable, in words. */
  readonly file: string;
  readonly auths: ReadonlyMap<string, AuthEntry>;
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore?: string | undefined;
}

/**
 * Parses a docker `config.json` or podman `auth.json`; an empty file is an empty configuration. Throws E_CONFIG naming
 * the file and the field, never what is in it. https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties
 */
export function parseDockerConfig(text: string, file: string): DockerConfig {
  if (text.trim() === '') return { file, auths: new Map(), credHelpers: new Map() };
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    // no cause: a SyntaxError quotes what it read
    throw new RegferryError('E_CONFIG', `${file} is not valid JSON`);
  }
  const top = readObject(json, file, 'the whole');
  const auths = new Map<string, AuthEntry>();
  for (const [key, entry] of readObject(top.get('auths') ?? oldEntries(top), file, 'auths')) {
    auths.set(key, readEntry(entry, file));
  }
  const credHelpers = new Map<string, string>();
  for (const [key, suffix] of readObject(top.get('credHelpers') ?? {}, file, 'credHelpers')) {
    if (typeof suffix !== 'string') throw wrongType(file, 'credHelpers', 'text');
    if (suffix !== '') credHelpers.set(key, suffix);
  }
  const credsStore = top.get('credsStore') ?? '';
  if (typeof credsStore !== 'string') throw wrongType(file, 'credsStore', 'text');
  return { file, auths, credHelpers, ...(credsStore === '' ? {} : { credsStore }) };
}

/** The entries of a `.dockercfg`, which had them at the top. */
function oldEntries(top: ReadonlyMap<string, unknown>): object {
  const entries = [...top].filter(
    ([key, value]) =>
      /[.:/]|^localhost$/.test(key) && typeof value === 'object' && value !== null && 'auth' in value,
  );
  return Object.fromEntries(entries);
}

function readObject(value: unknown, file: string, field: string): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw wrongType(file, field, 'an object');
  }
  return new Map<string, unknown>(Object.entries(value));
}

function readEntry(value: unknown, file: string): AuthEntry {
  const fields = readObject(value ?? {}, file, 'auths');
  const entry = new Map<AuthField, Secret>();
  for (const name of authFields) {
    const field = fields.get(name) ?? '';
    if (typeof field !== 'string') throw wrongType(file, `auths.…${name}`, 'text');
    if (field !== '') entry.set(name, new Secret(field));
  }
  return entry;
}

function wrongType(file: string, field: string, type: string): RegferryError {
  return new RegferryError('E_CONFIG', `${file}: ${field} is not ${type}`);
}

/** A key of the file that fits a target, with its entry. */
export interface FoundEntry {
  readonly key: string;
  readonly entry: AuthEntry;
}

/**
 * The entry of `auths` for a target: the most specific of podman's namespaced keys, walking up to the host; failing that,
 * as docker does it, any key of that very `host[:port]` after its path is taken off.
 */
export function findEntry(config: DockerConfig, target: CredentialTarget): FoundEntry | undefined {
  const host = registryHost(target.registry);
  const own = [...config.auths]
    .map(([key, entry]) => ({ key, entry, ...parseRegistryKey(key) }))
    .filter((candidate) => candidate.host === host)
    .sort(spelledFirst(target.registry));
  const specific: FoundEntry[] = [];
  for (const path of repositoryPaths(target.repository)) {
    specific.push(...own.filter((candidate) => candidate.path === path));
  }
  const candidates = [...specific, ...own];
  return candidates.find(({ entry }) => entry.size > 0) ?? candidates[0];
}

/** `a/b/c`, `a/b`, `a`, and the empty path of the registry. */
function repositoryPaths(repository: string): string[] {
  const names = repository === '' ? [] : repository.split('/');
  return [...names.map((_, index) => names.slice(0, names.length - index).join('/')), ''];
}

/** The helper that `credHelpers` names for a registry. */
export function findHelper(config: DockerConfig, registry: string): string | undefined {
  const host = registryHost(registry);
  const named = [...config.credHelpers].map(([key, helper]) => ({ helper, ...parseRegistryKey(key) }));
  const own = named.filter((key) => key.host === host && key.path === '');
  return own.sort(spelledFirst(registry))[0]?.helper;
}

/**
 * The names by which a helper may keep the login of a registry: as that is spelled, then as the file spells it otherwise,
 * since whoever stored it there did so under that name.
 */
export function helperKeys(config: DockerConfig, registry: string): readonly string[] {
  const own = storageKey(registry);
  const host = registryHost(registry);
  const others = [...config.auths.keys(), ...config.credHelpers.keys()].filter(
    (key) => !key.includes('/') && key.toLowerCase() !== registry.toLowerCase() && registryHost(key) === host,
  );
  // Docker Hub has one name there, whatever it is called elsewhere.
  return own === registry ? [...new Set([own, ...others])] : [own];
}

/** Puts what is spelled like this registry in front of other spellings of it. */
function spelledFirst(registry: string): (a: RegistryKey, b: RegistryKey) => number {
  const wanted = registry.toLowerCase();
  return (a, b) => Number(b.spelled === wanted) - Number(a.spelled === wanted);
}

/**
 * What an entry logs in with: its registry token, else its identity token, else user name and password; undefined for an
 * empty entry, which only marks a login. Throws E_CONFIG when `auth` is not base64 of `user:password`.
 */
export function entryCredential({ key, entry }: FoundEntry, file: string): Credential | undefined {
  const source = `${file} (auths)`;
  const registryToken = entry.get('registrytoken');
  if (registryToken !== undefined) return bearerCredential(registryToken.reveal(), source);
  const auth = entry.get('auth');
  const [username, password] =
    auth === undefined
      ? [entry.get('username')?.reveal() ?? '', entry.get('password')?.reveal() ?? '']
      : decodeAuth(auth.reveal(), key, file);
  const identityToken = entry.get('identitytoken');
  if (identityToken !== undefined) {
    return identityCredential(identityToken.reveal(), source, username === '' ? undefined : username);
  }
  return username === '' && password === '' ? undefined : basicCredential(username, password, source);
}

/** The password may hold colons; docker pads with NULs. */
function decodeAuth(auth: string, key: string, file: string): readonly [string, string] {
  const base64 = auth.replace(/\s+/g, '');
  const text = /^[A-Za-z0-9+/_-]*=*$/.test(base64) ? Buffer.from(base64, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon === -1) {
    throw new RegferryError(
      'E_CONFIG',
      `${file}: the auth of ${printable(key, 255)} is not base64 of user:password`,
    );
  }
  return [text.slice(0, colon), text.slice(colon + 1).replace(/^\0+|\0+$/g, '')];
}
