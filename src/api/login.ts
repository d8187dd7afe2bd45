import { connectionSettings } from './connection.js';
import type { Environment } from './environment.js';
import type { CommonOptions, SideOptions } from './options.js';
import { checkLogin, removeLogin, storeLogin, type StoredLogin } from '../auth/login.js';
import { Secret } from '../auth/secret.js';
import { Secrets } from '../secrets/secrets.js';
import { RETRIES } from '../http/limits.js';
import { backoffDelay } from '../http/retry.js';
import { sleepFor } from '../http/sleep.js';
import { createTransport } from '../http/transport.js';
import { registryOrigin } from '../registry/origin.js';
import { parseRegistry } from '../spec/registry-name.js';
import { userAgent } from '../version.js';

/** Options of {@link login}: whose file is written, and how the registry is reached. */
export interface LoginOptions
  extends CommonOptions, Pick<SideOptions, 'plainHttp' | 'insecure' | 'caFile' | 'certFile' | 'keyFile'> {
  readonly environment: Environment;
}

/** What became of a login. */
export interface LoginOutcome {
  /** `unchecked` where the registry asks for no login at `/v2/`, so that nothing can be said. */
  readonly checked: 'accepted' | 'unchecked';
  readonly stored: StoredLogin;
}

/**
 * Logs in to a registry, `host[:port]`: asks it whether it takes the user name and password, and stores them only then,
 * with the helper or in the file that the environment names. Throws E_REFERENCE for what is no registry, E_UNAUTHORIZED when the registry does not take them,
 * E_CREDENTIAL_HELPER, E_CONFIG or E_IO when they cannot be stored, and what the transport throws.
 */
export async function login(
  name: string,
  entered: { readonly username: string; readonly password: string },
  options: LoginOptions,
): Promise<LoginOutcome> {
  const { environment, signal, secrets = new Secrets() } = options;
  const registry = parseRegistry(name);
  // A login that cannot be kept is not sent anywhere.
  const { loginFile } = environment;
  const known = { username: entered.username, password: new Secret(entered.password) };
  secrets.holdLogin(entered.username, entered.password);
  try {
    const checked = await check(registry, known, { ...options, secrets });
    return { checked, stored: await storeLogin(loginFile, registry, known, { signal }) };
  } catch (error) {
    throw secrets.redactError(error);
  }
}

/** Forgets a login. False when there was none. Throws E_REFERENCE for what is no registry, E_CREDENTIAL_HELPER, E_CONFIG and E_IO. */
export async function logout(
  registry: string,
  options: { readonly environment: Environment; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  return removeLogin(options.environment.loginFile, parseRegistry(registry), { signal: options.signal });
}

async function check(
  registry: string,
  known: { username: string; password: Secret },
  options: LoginOptions,
): Promise<LoginOutcome['checked']> {
  const { environment, signal, onEvent } = options;
  const origin = await registryOrigin(registry, { plainHttp: options.plainHttp }, { signal });
  const http = createTransport({
    userAgent,
    retries: options.retries,
    idleTimeoutMs: options.idleTimeoutMs,
    maxRetryWaitMs: options.maxRetryWaitMs,
    allowPrivateRedirects: options.allowPrivateRedirects,
    secrets: options.secrets,
    settings: connectionSettings(options, environment, (candidate) => candidate === origin),
    onEvent: (event) => onEvent?.({ ...event, side: 'target' }),
  });
  try {
    const request = {
      registry,
      origin,
      http,
      trustedRealms: options.trustedRealms,
      allowPrivate: options.allowPrivateRedirects,
      repeats: {
        retries: options.retries ?? RETRIES,
        backoff: (failures: number, during: AbortSignal | undefined) =>
          sleepFor(backoffDelay(failures - 1), during),
      },
      onNote: (message: string) => onEvent?.({ type: 'note', message }),
    };
    return await checkLogin(request, known, { signal });
  } finally {
    await http.close();
  }
}
