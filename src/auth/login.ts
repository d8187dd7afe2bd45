import type { Op } from '../content/store.js';
import { RegferryError, detailsOf, isRegferryError } from '../errors.js';
import type { HttpResponse, HttpSender } from '../http/message.js';
import { responseError } from '../http/response-error.js';
import { isWebPage } from '../http/web-page.js';
import { createAuthorizer } from './authorize.js';
import type { AuthorizerOptions } from './authorizer-options.js';
import { readConfigFile, writeConfigFile } from './config-file.js';
import { credentialHelper, type CredentialHelper } from './credential-helper.js';
import { basicCredential, staticCredentials } from './credentials.js';
import { findHelper, helperKeys, parseDockerConfig } from './docker-config.js';
import { parseRegistryKey, registryHost, storageKey } from './registry-key.js';
import { Secret } from './secret.js';

/** What somebody logs in with. */
export interface Login {
  readonly username: string;
  readonly password: Secret;
}

/** The file that logins are written to, or that names the helper which keeps them. */
export interface LoginFile {
  readonly path: string;
  /** The path as messages show it, `~/.docker/config.json`. */
  readonly label: string;
  /** @default {@link credentialHelper} */
  readonly helper?: ((suffix: string) => CredentialHelper) | undefined;
}

/** Which registry to ask, and how. */
export interface LoginCheck extends Omit<AuthorizerOptions, 'credentials'> {
  /** Of the registry's API, `https://host[:port]`. */
  readonly origin: string;
  readonly http: HttpSender;
}

/**
 * Asks the registry whether it takes a login. `unchecked` when it wants none for `/v2/`, so that nothing can be said.
 * Throws E_UNAUTHORIZED when it does not, E_NOT_A_REGISTRY for what does not answer as a registry does (spec end-1), the
 * code of a registry's own refusal or failure (E_DENIED, E_UNAVAILABLE), and what the transport throws.
 */
export async function checkLogin(
  check: LoginCheck,
  login: Login,
  op: Op = {},
): Promise<'accepted' | 'unchecked'> {
  const credential = basicCredential(login.username, login.password.reveal(), 'what was entered');
  const authorizer = createAuthorizer({ ...check, credentials: staticCredentials(credential) });
  const request = { origin: check.origin, scopes: [], signal: op.signal };
  const ping = { method: 'GET', url: `${check.origin}/v2/`, signal: op.signal } as const;
  const first = await check.http.send(ping);
  if (first.status !== 401) return opensToAll(first, check);
  await first.discard();
  try {
    const authorization = await authorizer.challenged(request, first.headers, undefined);
    const second = await check.http.send({ ...ping, headers: { authorization } });
    if (second.status === 401) throw authorizer.refused(request, authorization);
    await opensToAll(second, check);
  } catch (error) {
    if (!isRegferryError(error) || error.code !== 'E_UNAUTHORIZED' || error.status === undefined) throw error;
    throw new RegferryError(
      'E_UNAUTHORIZED',
      `${check.registry} does not accept this user name and password (${error.status}); nothing was stored`,
      { cause: error, status: error.status, registryCodes: error.registryCodes, side: check.side },
    );
  }
  return 'accepted';
}

/** Throws for an answer to `/v2/` that no registry gives to somebody who may come in; consumes the body. */
async function opensToAll(answer: HttpResponse, { registry, side }: LoginCheck): Promise<'unchecked'> {
  if (answer.status === 200 && !isWebPage(answer)) {
    await answer.discard();
    return 'unchecked';
  }
  const spoke = answer.headers.get('docker-distribution-api-version') !== undefined;
  const error = await responseError(answer, { action: 'GET', side });
  const { status = 0, registryCodes } = error;
  const isForeign = !spoke && registryCodes.length === 0 && [200, 400, 404, 405, 501].includes(status);
  const what = isForeign ? `${registry} is not a registry: ${error.message}` : error.message;
  throw new RegferryError(isForeign ? 'E_NOT_A_REGISTRY' : error.code, `${what}; nothing was stored`, {
    ...detailsOf(error),
    cause: error,
  });
}

/** Where a login was stored: with a helper, or unencrypted in the file. */
export type StoredLogin =
  | { readonly kind: 'helper'; readonly helper: string; readonly label: string }
  | { readonly kind: 'file'; readonly label: string };

/**
 * Stores a login with the helper that the file names for the registry, else in the file itself (mode 0600, replaced in
 * one step), keeping whatever else is in it. Throws E_CREDENTIAL_HELPER, E_CONFIG for a broken file, E_IO.
 */
export async function storeLogin(
  file: LoginFile,
  registry: string,
  login: Login,
  op: Op = {},
): Promise<StoredLogin> {
  const { json, helper, auths } = readLoginFile(file, registry);
  const key = storageKey(registry);
  if (helper !== undefined) {
    const entry = { username: new Secret(login.username), secret: login.password };
    await (file.helper ?? credentialHelper)(helper).store(key, entry, op);
  }
  const pair = Buffer.from(`${login.username}:${login.password.reveal()}`).toString('base64');
  // an empty entry marks a login that a helper keeps, as docker does it
  const others = auths.filter(([name]) => name === key || !isKeyOf(name, registry));
  const changed = new Map(others).set(key, helper === undefined ? { auth: pair } : {});
  await writeLoginFile(file, json, changed);
  return helper === undefined
    ? { kind: 'file', label: file.label }
    : { kind: 'helper', helper: `docker-credential-${helper}`, label: file.label };
}

/** Removes a login from the file and from the helper that it names. False when there was none. Throws as {@link storeLogin}. */
export async function removeLogin(file: LoginFile, registry: string, op: Op = {}): Promise<boolean> {
  const { json, helper, keys, auths } = readLoginFile(file, registry);
  let erased = false;
  if (helper !== undefined) {
    for (const key of keys) {
      if (await (file.helper ?? credentialHelper)(helper).erase(key, op)) erased = true;
    }
  }
  const others = auths.filter(([name]) => !isKeyOf(name, registry));
  if (others.length === auths.length) return erased;
  await writeLoginFile(file, json, new Map(others));
  return true;
}

/** True for the keys that stand for the whole registry, not for podman's namespaced ones. */
function isKeyOf(name: string, registry: string): boolean {
  const { host, path } = parseRegistryKey(name);
  return path === '' && host === registryHost(registry);
}

interface LoginFileContent {
  readonly json: ReadonlyMap<string, unknown>;
  readonly helper: string | undefined;
  /** By what the helper may keep it. */
  readonly keys: readonly string[];
  readonly auths: readonly (readonly [string, unknown])[];
}

function readLoginFile(file: LoginFile, registry: string): LoginFileContent {
  const text = readConfigFile(file.path, file.label) ?? '';
  const config = parseDockerConfig(text, file.label);
  const json = entriesOf(text.trim() === '' ? {} : JSON.parse(text.replace(/^\ufeff/, '')));
  const auths = entriesOf(new Map(json).get('auths') ?? {});
  const helper = findHelper(config, registry) ?? config.credsStore;
  return { json: new Map(json), auths, helper, keys: helperKeys(config, registry) };
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** Formatted as docker does it. */
async function writeLoginFile(
  file: LoginFile,
  json: ReadonlyMap<string, unknown>,
  auths: ReadonlyMap<string, unknown>,
): Promise<void> {
  const changed = new Map(json).set('auths', Object.fromEntries(auths));
  await writeConfigFile(
    file.path,
    file.label,
    `${JSON.stringify(Object.fromEntries(changed), null, '\t')}\n`,
  );
}
