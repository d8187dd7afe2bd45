import { statSync } from 'node:fs';
import { join, sep } from 'node:path';

import { configCredentials } from '../auth/config-credentials.js';
import { readConfigFile } from '../auth/config-file.js';
import { credentialHelper, type CredentialHelper } from '../auth/credential-helper.js';
import { chainCredentials, staticCredentials, type CredentialProvider } from '../auth/credentials.js';
import { parseDockerConfig, type DockerConfig } from '../auth/docker-config.js';
import type { LoginFile } from '../auth/login.js';
import { RegferryError, isRegferryError } from '../errors.js';
import { configFolder, dockerFolder } from './environment-home.js';

const NO_HOME =
  'there is no home folder to keep a login in: set HOME or DOCKER_CONFIG, or name a credentials file';

/** The environment, as far as credentials go. */
export interface CredentialEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string | undefined;
  readonly authfile?: string | undefined;
  readonly createAuthfile?: boolean | undefined;
  readonly onWarning: (message: string) => void;
}

/**
 * Where credentials come from, in this order: `authfile` or REGISTRY_AUTH_FILE, which alone decide when given;
 * DOCKER_AUTH_CONFIG; `$DOCKER_CONFIG` or `~/.docker/config.json`; podman's auth.json files. Throws E_CONFIG when a file
 * that was named is missing or broken; `loginFile` throws it where no file is named and there is no home folder for one.
 */
export function credentialFiles(environment: CredentialEnvironment): {
  credentials: CredentialProvider;
  loginFile: LoginFile;
} {
  const { env, home, onWarning } = environment;
  const helper = (suffix: string): CredentialHelper => credentialHelper(suffix, { env });
  const missed = new MissedLogins(onWarning);
  const provider = (config: DockerConfig, isNamed = false): CredentialProvider =>
    configCredentials(config, { helper, onWarning, isNamed, onNone: missed.note });
  const label = (path: string): string =>
    home !== undefined && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;

  const only = environment.authfile ?? (env['REGISTRY_AUTH_FILE'] || undefined);
  if (only !== undefined) {
    const config = readConfig(only, label(only));
    if (config === undefined && environment.createAuthfile !== true) {
      throw new RegferryError('E_CONFIG', `the credentials file ${label(only)} does not exist`);
    }
    const credentials = config ? missed.told(provider(config, true)) : staticCredentials(undefined);
    return { credentials, loginFile: { path: only, label: label(only), helper } };
  }
  const dockerFile = dockerConfigFile(env, home);
  const lazily = (path: string, whenMissing?: () => void): CredentialProvider =>
    lazyProvider(() => {
      const config = readConfig(path, label(path));
      if (config === undefined) whenMissing?.();
      return config && provider(config, whenMissing !== undefined && Boolean(env['DOCKER_CONFIG']));
    });
  const credentials = chainCredentials([
    lazyProvider(() => {
      const config = readVariable(env['DOCKER_AUTH_CONFIG'], onWarning);
      return config && provider(config, true);
    }),
    ...(dockerFile === undefined ? [] : [lazily(dockerFile, () => tellOfNothing(env, onWarning))]),
    ...podmanFiles(env, home).map((path) => lazily(path)),
  ]);
  return {
    credentials: missed.told(credentials),
    get loginFile() {
      if (dockerFile !== undefined) return { path: dockerFile, label: label(dockerFile), helper };
      throw new RegferryError('E_CONFIG', NO_HOME);
    },
  };
}

/** Says so where DOCKER_CONFIG names what has no configuration in it: it has to be the folder that config.json is in. */
function tellOfNothing(env: CredentialEnvironment['env'], onWarning: (message: string) => void): void {
  const folder = env['DOCKER_CONFIG'] ?? '';
  if (folder === '') return;
  const isFile = statSync(folder, { throwIfNoEntry: false })?.isFile() === true;
  const what = isFile
    ? 'which is a file: name the folder that config.json is in'
    : 'where there is no config.json';
  onWarning(`DOCKER_CONFIG names ${folder}, ${what}; going on without its logins`);
}

/** What was expected to have a login for a registry, and had none: told once, where nothing else has one either. */
class MissedLogins {
  readonly #onWarning: (message: string) => void;
  readonly #reasons = new Map<string, Set<string>>();
  readonly #told = new Set<string>();

  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  readonly note = (registry: string, message: string): void => {
    this.#reasons.set(registry, (this.#reasons.get(registry) ?? new Set()).add(message));
  };

  told(provider: CredentialProvider): CredentialProvider {
    return {
      credential: async (target, op) => {
        const found = await provider.credential(target, op);
        if (found !== undefined) return found;
        for (const reason of this.#reasons.get(target.registry) ?? []) {
          if (!this.#told.has(reason)) this.#onWarning(`${reason}; going on without one`);
          this.#told.add(reason);
        }
        return undefined;
      },
    };
  }
}

function dockerConfigFile(env: CredentialEnvironment['env'], home: string | undefined): string | undefined {
  const folder = dockerFolder(env, home);
  return folder === undefined ? undefined : join(folder, 'config.json');
}

/** Podman's files; the first is where `podman login` and `skopeo login` write. */
function podmanFiles(env: CredentialEnvironment['env'], home: string | undefined): string[] {
  const config = configFolder(env, home);
  const kept = config === undefined ? [] : [join(config, 'containers', 'auth.json')];
  if (process.platform !== 'linux') return kept;
  const runtime = env['XDG_RUNTIME_DIR'];
  const session = runtime ? join(runtime, 'containers') : `/run/containers/${process.getuid?.() ?? 0}`;
  return [join(session, 'auth.json'), ...kept];
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
