import { isRegferryError, type RegferryError } from '../errors.js';
import type { HttpHeaders } from '../http/message.js';
import type { AccessRequest, Authorizer } from './authorizer.js';
import type { AuthorizerOptions } from './authorizer-options.js';
import { basicHeader, bearerHeader } from './basic.js';
import { parseChallenges, usableChallenges, type Challenge } from './challenge.js';
import { fingerprint, holdCredential, type Credential } from './credentials.js';
import { denial, noWayIn, untrustedRealm, type DenialContext } from './denial.js';
import { Foresight } from './foresight.js';
import { isTrustedRealm, resolveRealm, type Realm } from './realm.js';
import {
  coversScopes,
  formatScopes,
  joinScopes,
  parseScopes,
  requestScopes,
  scopeKey,
  type ScopeList,
} from './scope.js';
import { SingleFlight } from './single-flight.js';
import { TokenCache, type FetchToken } from './token-cache.js';
import { fetchToken } from './token.js';

/**
 * An authorizer for one registry. It learns from the first 401 of an origin how to log in, then sends a token before it
 * is asked: tokens are kept by realm, service, credential and scopes, and shared by all who need them.
 * The caller must ask only for requests to the registry's own origin.
 */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  return new RegistryAuthorizer(options);
}

class RegistryAuthorizer implements Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens: TokenCache;
  readonly #learned = new Map<string, readonly Challenge[]>();
  readonly #pings = new SingleFlight<readonly Challenge[]>();
  readonly #credentials = new Map<string, Credential | undefined>();
  readonly #lookups = new SingleFlight<Credential | undefined>();
  /** What challenges asked for beyond what a request knew that it needs, by the request's scopes. */
  readonly #extraScopes = new Map<string, ScopeList>();
  /** Requests whose extra scopes are refused, so that only their first is asked for. */
  readonly #narrowed = new Set<string>();
  readonly #foresight: Foresight;
  readonly #notedRealms = new Set<string>();

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#foresight = new Foresight(options.foreseen);
    this.#tokens = new TokenCache(options.now ?? (() => performance.now()));
  }

  async authorization(request: AccessRequest): Promise<string | undefined> {
    const learned = this.#learned.get(request.origin);
    return learned === undefined
      ? undefined
      : this.#header(request, learned, await this.#credential(request));
  }

  async challenged(request: AccessRequest, headers: HttpHeaders, sent: string | undefined): Promise<string> {
    const challenges = await this.#learn(request, parseChallenges(headers.all('www-authenticate')));
    const credential = await this.#credential(request);
    const token = sentToken(sent);
    if (token !== undefined) {
      // The registry wants more than the token service gives: another token would be no better.
      if (request.scopes.length > 1 && this.#narrowed.has(requestKey(request)) && this.#tokens.holds(token)) {
        throw denial(this.#context(request, credential));
      }
      this.#tokens.drop(token, requestScopes(request.scopes));
    }
    const header = await this.#header(request, challenges, credential);
    if (header === undefined) throw denial(this.#context(request, undefined));
    // A token service that vouches for the same token again is taken at its word, once: GHCR and Google give no other.
    const isNew = header.startsWith('Bearer ') && credential?.kind !== 'bearer';
    if (header === sent && !isNew) throw denial(this.#context(request, credential));
    return header;
  }

  async narrower(request: AccessRequest, sent: string): Promise<string | undefined> {
    const token = sentToken(sent) ?? '';
    if (!this.#foresight.isBeyond(token, request)) return undefined;
    const needs = requestScopes(request.scopes);
    this.#narrowed.add(scopeKey(this.#foresight.beyond(needs)));
    this.#foresight.giveUp();
    this.#tokens.drop(token, needs);
    const header = await this.authorization(request);
    return header === sent ? undefined : header;
  }

  refused(request: AccessRequest, sent: string): RegferryError {
    if (request.scopes.length > 1) this.#narrowed.add(requestKey(request));
    const token = sentToken(sent);
    if (token !== undefined) this.#tokens.drop(token, requestScopes(request.scopes));
    return denial(this.#context(request, this.#credentials.get(repositoryOf(request))));
  }

  /** The challenges to answer at this origin. Basic never replaces Bearer: Harbor answers so when it saw a bad token. */
  async #learn(request: AccessRequest, offered: readonly Challenge[]): Promise<readonly Challenge[]> {
    const usable = usableChallenges(offered);
    const scope = usable[0]?.params.get('scope');
    if (scope !== undefined) this.#extraScopes.set(requestKey(request), parseScopes(scope));
    const known = this.#learned.get(request.origin);
    const bearer = usable[0]?.scheme === 'bearer';
    if (known !== undefined && !bearer) return known;
    const learned = usable.length > 0 ? usable : await this.#ping(request);
    if (learned.length === 0) {
      throw noWayIn(
        this.#context(request, undefined),
        offered.map(({ scheme }) => scheme),
      );
    }
    this.#learned.set(request.origin, learned);
    return learned;
  }

  /** GCR answers some calls with a bare 401; its `/v2/` names the challenge. */
  #ping({ origin, signal }: AccessRequest): Promise<readonly Challenge[]> {
    const ask = async (shared: AbortSignal): Promise<readonly Challenge[]> => {
      const response = await this.#options.http.send({ method: 'GET', url: `${origin}/v2/`, signal: shared });
      await response.discard();
      return usableChallenges(parseChallenges(response.headers.all('www-authenticate')));
    };
    return this.#pings.run(origin, ask, signal);
  }

  async #credential(request: AccessRequest): Promise<Credential | undefined> {
    const repository = repositoryOf(request);
    if (this.#credentials.has(repository)) return this.#credentials.get(repository);
    const { credentials, registry, http } = this.#options;
    const find = async (signal: AbortSignal): Promise<Credential | undefined> =>
      credentials?.credential({ registry, repository }, { signal });
    const credential = await this.#lookups.run(repository, find, request.signal);
    holdCredential(http.secrets, credential);
    this.#credentials.set(repository, credential);
    return credential;
  }

  /** The header that answers the first challenge that can be answered; undefined when that takes a login and there is none. */
  async #header(
    request: AccessRequest,
    challenges: readonly Challenge[],
    credential: Credential | undefined,
  ): Promise<string | undefined> {
    if (credential?.kind === 'bearer') return bearerHeader(credential.token.reveal(), credential.source);
    let problem: RegferryError | undefined;
    for (const { scheme, params } of challenges) {
      if (scheme === 'basic') {
        if (credential !== undefined) return basicHeader(credential);
        continue;
      }
      const realm = this.#realm(request, params.get('realm') ?? '', credential);
      if (!isRegferryError(realm)) return this.#bearer(request, realm, params.get('service'), credential);
      problem ??= realm;
    }
    if (problem !== undefined) throw problem;
    return undefined;
  }

  /** The token service, or why it must not be asked. */
  #realm(request: AccessRequest, spelled: string, credential: Credential | undefined): Realm | RegferryError {
    const { registry, trustedRealms, onNote } = this.#options;
    let realm: Realm;
    try {
      realm = resolveRealm(spelled, request.origin, this.#options.allowPrivate);
    } catch (error) {
      if (isRegferryError(error)) return error;
      throw error;
    }
    if (credential !== undefined && trustedRealms !== undefined && !isTrustedRealm(realm, trustedRealms)) {
      return untrustedRealm(this.#context(request, credential), realm.host);
    }
    if (realm.foreign && !this.#notedRealms.has(realm.host)) {
      this.#notedRealms.add(realm.host);
      onNote?.(`${registry} has its logins handled by ${realm.host}`);
    }
    return realm;
  }

  async #bearer(
    request: AccessRequest,
    realm: Realm,
    service: string | undefined,
    credential: Credential | undefined,
  ): Promise<string> {
    const key = requestKey(request);
    const narrow = requestScopes(request.scopes.slice(0, 1));
    const needs = this.#narrowed.has(key)
      ? narrow
      : joinScopes(requestScopes(request.scopes), this.#extraScopes.get(key) ?? []);
    const asks = this.#foresight.widen(request, needs);
    const base = JSON.stringify([request.origin, realm.url, service, fingerprint(credential)]);
    const { http, repeats } = this.#options;
    const asked = { realm: realm.url, registryOrigin: request.origin, service, credential };
    const fetch: FetchToken = async (scopes, signal) =>
      fetchToken(http, { ...asked, scopes: formatScopes(scopes) }, { signal, repeats });
    try {
      const held = await this.#tokens.get({ base, asks, needs, narrow }, fetch, request.signal);
      if (!coversScopes(held.scopes, needs)) this.#narrowed.add(key);
      if (!coversScopes(held.scopes, asks)) {
        this.#foresight.giveUp();
        this.#narrowed.add(scopeKey(asks));
      }
      const token = held.value.reveal();
      this.#foresight.note(token, held.scopes, needs);
      return `Bearer ${token}`;
    } catch (error) {
      if (!isRegferryError(error) || error.code !== 'E_UNAUTHORIZED') throw error;
      this.#foresight.giveUp();
      throw denial(this.#context(request, credential), {
        host: realm.host,
        status: error.status,
        registryCodes: error.registryCodes,
        cause: error,
      });
    }
  }

  #context({ scopes }: AccessRequest, credential: Credential | undefined): DenialContext {
    const { registry, side } = this.#options;
    return { registry, side, scopes, credential };
  }
}

function repositoryOf({ scopes }: AccessRequest): string {
  return scopes[0]?.repository ?? '';
}

function requestKey({ scopes }: AccessRequest): string {
  return scopeKey(requestScopes(scopes));
}

function sentToken(sent: string | undefined): string | undefined {
  return sent?.startsWith('Bearer ') === true ? sent.slice('Bearer '.length) : undefined;
}
