/** Docker Hub's key in credential files and stores. */
const hubKey = 'https://index.docker.io/v1/';

const hubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** What a key of a credential file stands for. */
export interface RegistryKey {
  /** `host[:port]`, lower case; `docker.io` for every name of Docker Hub. */
  readonly host: string;
  /** Repository or the front part of one; empty for the whole registry. */
  readonly path: string;
}

/** `host[:port]` as it is compared: lower case, Docker Hub's names as one. The port is kept as it is spelled. */
export function registryHost(registry: string): string {
  const host = registry.toLowerCase();
  return hubHosts.has(host) ? 'docker.io' : host;
}

/**
 * Reads a key: `host[:port]`, docker's `https://host/v1/`, or podman's `host/namespace/repository`. A path behind a
 * scheme, and `/v1/` or `/v2/` without one, mean the whole registry.
 */
export function parseRegistryKey(key: string): RegistryKey {
  const scheme = /^https?:\/\//i.exec(key)?.[0] ?? '';
  const rest = key.slice(scheme.length);
  const slash = rest.indexOf('/');
  const host = registryHost(slash === -1 ? rest : rest.slice(0, slash));
  const path = slash === -1 ? '' : rest.slice(slash + 1).replace(/\/+$/, '');
  return { host, path: scheme !== '' || path === 'v1' || path === 'v2' ? '' : path };
}

/** The key under which a login is stored: the host as it was spelled, or Docker Hub's. */
export function storageKey(registry: string): string {
  return registryHost(registry) === 'docker.io' ? hubKey : registry;
}
