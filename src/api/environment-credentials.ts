import { join, sep } from 'node:path';

import { configCredentials } from '../auth/config-credentials.js';
import { readConfigFile } from '../auth/config-file.js';
import { credentialHelper, type CredentialHelper } from '../auth/credential-helper.js';
import { chainCredentials, staticCredentials, type CredentialProvider } from '../auth/credentials.js';
import { parseDockerConfig, type DockerConfig } from '../auth/docker-config.js';
import type { LoginFile } from '../auth/login.js';
import { RegferryError, isRegferryError } from '../errors.js';

/** The environment, as far as credentials go. */
export interface CredentialEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly authfile?: string | undefined;
  readonly createAuthfile?: boolean | undefined;
  readonly onWarning: (message: string) => void;
}

/**
 * Where credentials come from, in this order: `authfile` or REGISTRY_AUTH_FILE, which alone decide when given;
 * DOCKER_AUTH_CONFIG; `$DOCKER_CONFIG` or `~/.docker/config.json`; podman's auth.json files. Throws E_CONFIG when a file
 * that was named is missing or broken.
 */
export function credentialFiles(environment: CredentialEnvironment): {
  credentials: CredentialProvider;
  loginFile: LoginFile;
} {
  const { env, home, onWarning } = environment;
  const helper = (suffix: string): CredentialHelper => credentialHelper(suffix, { env });
  const provider = (config: DockerConfig): CredentialProvider =>
    configCredentials(config, { helper, onWarning });
  const label = (path: string): string =>
    path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;

  const only = environment.authfile ?? (env['REGISTRY_AUTH_FILE'] || undefined);
  if (only !== undefined) {
    const config = readConfig(only, label(only));
    if (config === undefined && environment.createAuthfile !== true) {
      throw new RegferryError('E_CONFIG', `the credentials file ${label(only)} does not exist`);
    }
    return {
      credentials: config === undefined ? staticCredentials(undefined) : provider(config),
      loginFile: { path: only, label: label(only), helper },
    };
  }
  const dockerFile = join(env['DOCKER_CONFIG'] || join(home, '.docker'), 'config.json');
  const lazily = (path: string): CredentialProvider =>
    lazyProvider(() => {
      const config = readConfig(path, label(path));
      return config && provider(config);
    });
  const credentials = chainCredentials([
    lazyProvider(() => {
      const config = readVariable(env['DOCKER_AUTH_CONFIG'], onWarning);
      return config && provider(config);
    }),
    lazily(dockerFile),
    ...podmanFiles(env, home).map(lazily),
  ]);
  return { credentials, loginFile: { path: dockerFile, label: label(dockerFile), helper } };
}

/** Podman's files; the first is where `podman login` and `skopeo login` write. */
function podmanFiles(env: CredentialEnvironment['env'], home: string): string[] {
  const config = env['XDG_CONFIG_HOME'] || join(home, '.config');
  const kept = join(config, 'containers', 'auth.json');
  if (process.platform !== 'linux') return [kept];
  const runtime = env['XDG_RUNTIME_DIR'];
  const session = runtime ? join(runtime, 'containers') : `/run/containers/${process.getuid?.() ?? 0}`;
  return [join(session, 'auth.json'), kept];
}

function lazyProvider(make: () => CredentialProvider | undefined): CredentialProvider {
  let made: { readonly provider: CredentialProvider | undefined } | undefined;
  return {
    async credential(target, op) {
      made ??= { provider: make() };
      return made.provider?.credential(target, op);
    },
  };
}

/** Undefined when there is no such file. */
function readConfig(path: string, label: string): DockerConfig | undefined {
  const text = readConfigFile(path, label);
  return text === undefined ? undefined : parseDockerConfig(text, label);
}

/** As docker does it, a broken variable is passed over with a warning; only its `auths` count. */
function readVariable(
  value: string | undefined,
  onWarning: (message: string) => void,
): DockerConfig | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  try {
    const { file, auths } = parseDockerConfig(value, 'DOCKER_AUTH_CONFIG');
    return { file, auths, credHelpers: new Map() };
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    onWarning(`${error.message}; going on without it`);
    return undefined;
  }
}
