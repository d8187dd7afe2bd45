import type { Authorizer, Scope } from '../auth/authorizer.js';
import { SingleFlight } from '../auth/single-flight.js';
import type { Op } from '../content/store.js';
import { RegferryError, detailsOf, isRegferryError, throwIfAborted, type Side } from '../errors.js';
import type { HttpRequest, HttpResponse, HttpSender, Method, RequestBody } from '../http/message.js';
import { responseError } from '../http/response-error.js';
import { sameOrigin } from '../http/url.js';
import { quirksOf, type Quirks } from './quirks.js';
import { UploadMemory } from './upload-ways.js';
import { isWebPage } from '../http/web-page.js';

/** What a {@link RegistryClient} is made of. */
export interface RegistryClientOptions {
  /** Registry host as the user spelled it; `docker.io` for Docker Hub. */
  readonly registry: string;
  readonly side?: Side | undefined;
  readonly http: HttpSender;
  /** Finds the registry's origin, `https://host[:port]`; called until it succeeds once (see registry/origin.ts). */
  readonly origin: (op: Op) => Promise<string>;
  readonly authorizer: Authorizer;
  /** Longest Retry-After that is waited for, in milliseconds. @default any */
  readonly maxRetryWaitMs?: number | undefined;
}

const WRITES: readonly Method[] = ['POST', 'PUT', 'PATCH'];

/** A 404 to a write is no missing image: what is written into is not there, or not for us (E_REFUSED). */
function refusedWrite(error: RegferryError, method: Method): RegferryError {
  const isRepository = method === 'POST' || error.registryCodes.includes('NAME_UNKNOWN');
  const why = isRepository ? '; there is no such repository, or it may not be created with this login' : '';
  return new RegferryError('E_REFUSED', error.message + why, { ...detailsOf(error), cause: error.cause });
}

/** A call to the registry's API. */
export interface RegistryCall extends Op {
  readonly method: Method;
  /** Path and query from `/v2/` on, or an absolute URL that the registry gave (an upload location, a paging link). */
  readonly target: string;
  readonly scopes: readonly Scope[];
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  readonly retry?: HttpRequest['retry'];
  /** The work that it is a part of, see {@link HttpRequest.place}. @default it stands in line for itself */
  readonly place?: HttpRequest['place'];
  readonly answerTimeoutMs?: number | undefined;
  /** How long the answer is waited for after an abort, see {@link HttpRequest.graceMs}. @default 0 */
  readonly graceMs?: number | undefined;
  /** Whether a 401 is answered with a login. False where the call is not worth a new token. @default true */
  readonly login?: boolean | undefined;
}

/**
 * One registry: finds its origin, adds authorization, answers one 401 challenge a call, and turns bad answers into errors.
 * Credentials go to the registry's own origin alone, whatever URL the registry hands out.
 */
export class RegistryClient {
  readonly registry: string;
  readonly side: Side | undefined;
  readonly quirks: Quirks;
  /** What was learnt about uploads at this host during the run. */
  readonly uploads: UploadMemory;
  readonly #options: RegistryClientOptions;
  readonly #deciding = new SingleFlight<string>();
  #origin: string | undefined;

  constructor(options: RegistryClientOptions) {
    this.registry = options.registry;
    this.side = options.side;
    this.quirks = quirksOf(options.registry);
    this.uploads = new UploadMemory(this.quirks);
    this.#options = options;
  }

  /**
   * `https://host[:port]` (or http), decided once. A failure to decide is not remembered, and a caller that gives up
   * does not take it away from the others.
   */
  async origin(op: Op = {}): Promise<string> {
    this.#origin ??= await this.#deciding.run('', (signal) => this.#options.origin({ signal }), op.signal);
    return this.#origin;
  }

  /** True where calls wait for their turns: what is uploaded is not to be kept open at its source meanwhile. */
  get isBusy(): boolean {
    return this.#origin !== undefined && this.#options.http.isBusy?.(this.#origin) === true;
  }

  /** Opens connections for `count` requests that are about to be sent at once; failures are left to those requests. */
  prepare(count: number, op: Op = {}): void {
    void this.origin(op).then(
      (origin) => this.#options.http.warm?.(origin, count),
      () => undefined,
    );
  }

  /** Sends one call. Any status but a final 401 resolves; see {@link HttpSender.send} for what rejects. */
  async send(call: RegistryCall): Promise<HttpResponse> {
    const origin = await this.origin(call);
    const url = call.target.startsWith('/') ? origin + call.target : call.target;
    const own = sameOrigin(url, origin);
    const access = { origin, scopes: call.scopes, signal: call.signal };
    const authorization = own ? await this.#options.authorizer.authorization(access) : undefined;
    const response = await this.#once(call, url, authorization, own ? undefined : origin);
    if (response.status !== 401 || call.login === false) return response;
    // A 401 of a storage host that the registry led to is no question about the login.
    if (!own || !sameOrigin(response.url, origin)) return response;
    await response.discard();
    const renewed = await this.#options.authorizer.challenged(access, response.headers, authorization);
    const again = await this.#once(call, url, renewed, undefined);
    if (again.status !== 401) return again;
    await again.discard();
    const narrower = await this.#options.authorizer.narrower?.(access, renewed);
    if (narrower === undefined) throw this.#options.authorizer.refused(access, renewed);
    const last = await this.#once(call, url, narrower, undefined);
    if (last.status !== 401) return last;
    await last.discard();
    throw this.#options.authorizer.refused(access, narrower);
  }

  async #once(
    call: RegistryCall,
    url: string,
    authorization: string | undefined,
    foreignTo: string | undefined,
  ): Promise<HttpResponse> {
    const request: HttpRequest = {
      method: call.method,
      url,
      headers: { ...call.headers, ...(authorization === undefined ? {} : { authorization }) },
      body: call.body,
      retry: call.retry,
      place: call.place,
      answerTimeoutMs: call.answerTimeoutMs,
      graceMs: call.graceMs,
      signal: call.signal,
      ...(foreignTo === undefined ? {} : { registryOrigin: foreignTo }),
    };
    return this.#options.http.send(request);
  }

  /**
   * The error for an answer that is not what `method` needs; consumes the body. Where nothing in the answer says that a
   * registry gave it, `GET /v2/` is asked once more to tell "absent" from "not a registry" (E_NOT_A_REGISTRY).
   */
  async failure(response: HttpResponse, method: Method, op: Op = {}): Promise<RegferryError> {
    const spoke = response.headers.get('docker-distribution-api-version') !== undefined;
    const { maxRetryWaitMs } = this.#options;
    const answer = await responseError(response, { action: method, side: this.side, maxRetryWaitMs });
    const error = answer.status === 404 && WRITES.includes(method) ? refusedWrite(answer, method) : answer;
    // An answer to HEAD has no words in it, whoever gives it.
    const doubtful = (method === 'HEAD' ? [200] : [200, 400, 404, 405, 501]).includes(error.status ?? 0);
    if (!doubtful || spoke || error.registryCodes.length > 0) return error;
    const foreign = await this.#foreignAnswer(op);
    if (foreign === undefined) return error;
    return new RegferryError(
      'E_NOT_A_REGISTRY',
      `${this.registry} is not a registry: ${error.message}, and ${foreign.message}; check the host and port`,
      { side: this.side, cause: error, status: error.status, hint: foreign.hint ?? error.hint },
    );
  }

  /**
   * What `GET /v2/` gets, where no registry says that: front ends tell here what is wrong, such as a client certificate
   * that is missing. Undefined for a registry's answer, 200 or 401 (spec end-1).
   */
  async #foreignAnswer(op: Op): Promise<RegferryError | undefined> {
    try {
      const origin = await this.origin(op);
      const ping = await this.#options.http.send({ method: 'GET', url: `${origin}/v2/`, signal: op.signal });
      const spoke = ping.headers.get('docker-distribution-api-version') !== undefined;
      const known = ping.status === 401 || ping.status === 403 || (ping.status === 200 && !isWebPage(ping));
      if (!spoke && !known) return await responseError(ping, { action: 'GET' });
      await ping.discard();
      return undefined;
    } catch (error) {
      throwIfAborted(op.signal);
      if (isRegferryError(error)) return error;
      throw error;
    }
  }
}
