import { canonicalRegistry } from '../spec/reference.js';

/** Docker Hub's key in credential files and stores. */
const hubKey = 'https://index.docker.io/v1/';

/** What a key of a credential file stands for. */
export interface RegistryKey {
  /** `host[:port]` as {@link registryHost} gives it. */
  readonly host: string;
  /** The host as it is spelled, in lower case: of two entries for one registry that with the same spelling counts. */
  readonly spelled: string;
  /** Repository or the front part of one; empty for the whole registry. */
  readonly path: string;
}

/** `host[:port]` as it is compared: what is the same registry is decided in {@link canonicalRegistry}, for logins too. */
export function registryHost(registry: string): string {
  return canonicalRegistry(registry);
}

/**
 * Reads a key: `host[:port]`, docker's `https://host/v1/`, or podman's `host/namespace/repository`. A path behind a
 * scheme, and `/v1/` or `/v2/` without one, mean the whole registry.
 */
export function parseRegistryKey(key: string): RegistryKey {
  const scheme = /^https?:\/\//i.exec(key)?.[0] ?? '';
  const rest = key.slice(scheme.length);
  const slash = rest.indexOf('/');
  const spelled = (slash === -1 ? rest : rest.slice(0, slash)).toLowerCase();
  const path = slash === -1 ? '' : rest.slice(slash + 1).replace(/\/+$/, '');
  const host = registryHost(spelled);
  return { host, spelled, path: scheme !== '' || path === 'v1' || path === 'v2' ? '' : path };
}

/** The key under which a login is stored: the host as it was spelled, or Docker Hub's. */
export function storageKey(registry: string): string {
  return registryHost(registry) === 'docker.io' ? hubKey : registry;
}
