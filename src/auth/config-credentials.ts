import type { Op } from '../content/store.js';
import { isRegferryError, RegferryError } from '../errors.js';
import { credentialHelper, type CredentialHelper, type HelperLogin } from './credential-helper.js';
import {
  basicCredential,
  identityCredential,
  type Credential,
  type CredentialProvider,
} from './credentials.js';
import { entryCredential, findEntry, findHelper, type DockerConfig } from './docker-config.js';
import { storageKey } from './registry-key.js';
import { SingleFlight } from './single-flight.js';

/** How a configuration's helpers are reached. */
export interface ConfigCredentialsOptions {
  /** @default {@link credentialHelper} */
  readonly helper?: ((suffix: string) => CredentialHelper) | undefined;
  /** Told once when the configured store fails for a registry that is not known to be kept there. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * The credentials of a docker or podman configuration: credHelpers, then credsStore, then auths. A helper that fails is an
 * error (E_CREDENTIAL_HELPER) for a registry that `credHelpers` names, or that `auths` lists next to a `credsStore`; for
 * others it is one warning, and no credentials.
 */
export function configCredentials(
  config: DockerConfig,
  options: ConfigCredentialsOptions = {},
): CredentialProvider {
  const ask = helperAsker(options.helper ?? credentialHelper);
  let warned = false;
  const givenUp = new Set<string>();
  const fromStore = async (
    suffix: string,
    registry: string,
    listed: boolean,
    op: Op | undefined,
  ): Promise<Credential | undefined> => {
    if (givenUp.has(registry)) return undefined;
    try {
      return toCredential(await ask(suffix, registry, op), `${config.file} (credsStore: ${suffix})`);
    } catch (error) {
      if (listed || !isHelperError(error)) throw inContext(error, registry, config, 'credsStore');
      if (!warned)
        options.onWarning?.(
          `${error.message} (credsStore of ${config.file}); going on without its credentials`,
        );
      warned = true;
      givenUp.add(registry);
      return undefined;
    }
  };
  return {
    async credential(target, op) {
      const { registry } = target;
      const named = findHelper(config, registry);
      const entry = findEntry(config, target);
      let found: Credential | undefined;
      if (named !== undefined) {
        const login = await ask(named, registry, op).catch((error: unknown) => {
          throw inContext(error, registry, config, 'credHelpers');
        });
        found = toCredential(login, `${config.file} (credHelpers: ${named})`);
      } else if (config.credsStore !== undefined) {
        found = await fromStore(config.credsStore, registry, entry !== undefined, op);
      }
      return found ?? (entry === undefined ? undefined : entryCredential(entry, config.file));
    },
  };
}

type AskHelper = (suffix: string, registry: string, op: Op | undefined) => Promise<HelperLogin | undefined>;

/** Asks each helper once for a registry: some take a second, and every repository of a registry asks. */
function helperAsker(helper: (suffix: string) => CredentialHelper): AskHelper {
  const flights = new SingleFlight<HelperLogin | undefined>();
  const answers = new Map<string, HelperLogin | undefined>();
  return async (suffix, registry, op) => {
    const key = `${suffix} ${storageKey(registry)}`;
    if (answers.has(key)) return answers.get(key);
    const work = async (signal: AbortSignal): Promise<HelperLogin | undefined> =>
      helper(suffix).get(storageKey(registry), { signal });
    const answer = await flights.run(key, work, op?.signal);
    answers.set(key, answer);
    return answer;
  };
}

function toCredential(login: HelperLogin | undefined, source: string): Credential | undefined {
  if (login === undefined) return undefined;
  const username = login.username.reveal();
  const secret = login.secret.reveal();
  return username === '<token>'
    ? identityCredential(secret, source)
    : basicCredential(username, secret, source);
}

function isHelperError(error: unknown): error is RegferryError {
  return isRegferryError(error) && error.code === 'E_CREDENTIAL_HELPER';
}

function inContext(error: unknown, registry: string, config: DockerConfig, field: string): unknown {
  if (!isRegferryError(error)) return error;
  const message = `${error.message}; ${config.file} names it for ${registry} (${field}): repair it, remove the entry, or use other credentials`;
  return new RegferryError(error.code, message, { cause: error });
}
