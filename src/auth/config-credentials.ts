import type { Op } from '../content/store.js';
import { isRegferryError, RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { credentialHelper, type CredentialHelper, type HelperLogin } from './credential-helper.js';
import {
  basicCredential,
  identityCredential,
  type Credential,
  type CredentialProvider,
} from './credentials.js';
import { entryCredential, findEntry, findHelper, helperKeys, type DockerConfig } from './docker-config.js';
import { SingleFlight } from './single-flight.js';

/** How a configuration's helpers are reached. */
export interface ConfigCredentialsOptions {
  /** @default {@link credentialHelper} */
  readonly helper?: ((suffix: string) => CredentialHelper) | undefined;
  /** Told once when the configured store fails for a registry that is not known to be kept there. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Told when the configuration names a registry, or was named itself, and there is no login for it. */
  readonly onNone?: ((registry: string, message: string) => void) | undefined;
  /** True where somebody has named this configuration, and expects something of it for every registry. @default false */
  readonly isNamed?: boolean | undefined;
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
  const ask = helperAsker(config, options.helper);
  const fromStore = storeAsker(config, ask, options.onWarning);
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
        found = await fromStore.login(config.credsStore, registry, entry !== undefined, op);
      }
      found ??= entry === undefined ? undefined : entryCredential(entry, config.file);
      const isListed = entry !== undefined;
      const isExpected = options.isNamed === true || named !== undefined || isListed;
      if (found === undefined && isExpected && !fromStore.hasFailed(registry))
        options.onNone?.(registry, whyNone(config, registry, named, isListed));
      return found;
    },
  };
}

/** Asks the configured store; one that fails for a registry that is not known to be kept there is not asked again for it. */
function storeAsker(config: DockerConfig, ask: AskHelper, onWarning: ConfigCredentialsOptions['onWarning']) {
  const givenUp = new Set<string>();
  const login = async (
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
      const where = `(credsStore of ${config.file})`;
      if (givenUp.size === 0) onWarning?.(`${error.message} ${where}; going on without its credentials`);
      givenUp.add(registry);
      return undefined;
    }
  };
  return { login, hasFailed: (registry: string): boolean => givenUp.has(registry) };
}

/** Most registries of a configuration that are told. */
const LISTED = 5;

/** What a configuration has instead of a login for a registry: a misspelt name looks like a refusal otherwise. */
function whyNone(
  { file, auths, credHelpers, credsStore }: DockerConfig,
  registry: string,
  helper: string | undefined,
  isListed: boolean,
): string {
  if (helper !== undefined) {
    return `${file} names docker-credential-${helper} for ${registry} (credHelpers), which has no login for it`;
  }
  const store = credsStore === undefined ? '' : `, nor has docker-credential-${credsStore} (credsStore)`;
  if (isListed) return `${file} lists ${registry} ("auths"), but has no login for it${store}`;
  const known = [...new Set([...auths.keys(), ...credHelpers.keys()])];
  const listed = known.slice(0, LISTED).map((key) => printable(key, 100));
  const more = known.length > LISTED ? ` and ${known.length - LISTED} more` : '';
  const others =
    known.length === 0 ? 'it has no logins at all ("auths")' : `only for ${listed.join(', ')}${more}`;
  return `${file} has no login for ${registry}: ${others}${store}`;
}

type AskHelper = (suffix: string, registry: string, op: Op | undefined) => Promise<HelperLogin | undefined>;

/** Asks each helper once for a registry: some take a second, and every repository of a registry asks. */
function helperAsker(
  config: DockerConfig,
  helper: (suffix: string) => CredentialHelper = credentialHelper,
): AskHelper {
  const flights = new SingleFlight<HelperLogin | undefined>();
  const answers = new Map<string, HelperLogin | undefined>();
  return async (suffix, registry, op) => {
    const keys = helperKeys(config, registry);
    const key = [suffix, ...keys].join(' ');
    if (answers.has(key)) return answers.get(key);
    const work = async (signal: AbortSignal): Promise<HelperLogin | undefined> => {
      for (const one of keys) {
        const login = await helper(suffix).get(one, { signal });
        if (login !== undefined) return login;
      }
      return undefined;
    };
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
