import { setMaxListeners } from 'node:events';

import { RegferryError, abortError, throwIfAborted } from '../errors.js';
import { Secrets } from '../secrets/secrets.js';
import { guardFor, type AddressGuard } from './address-guard.js';
import { BodyFailure } from './body-failure.js';
import { Connections, type OriginSettings } from './connections.js';
import { exchange } from './exchange.js';
import { parseWarnings } from './headers.js';
import type { Slot } from './host-line.js';
import { HostPace } from './host-pace.js';
import { CONNECT_TIMEOUT_MS, IDLE_TIMEOUT_MS, MAX_RETRY_WAIT_MS, RETRIES, WARNING_TEXTS } from './limits.js';
import type { HttpEvent, HttpRequest, HttpResponse, HttpSender } from './message.js';
import { networkError } from './network-error.js';
import { printable } from '../spec/printable.js';
import { followRedirects } from './redirect.js';
import { redactUrl } from './redact.js';
import { holdRequest } from './request-secrets.js';
import { sleepFor, type Sleep } from './sleep.js';
import { pleaOf, withRetries, type Backoff, type RetryPolicy } from './retry.js';
import { whenOverOrStill } from './still-body.js';
import { splitUrl } from './url.js';

/** How a transport behaves; everything but the user agent has a default. */
export interface TransportOptions {
  /** `regferry/VERSION` */
  readonly userAgent: string;
  /** Repeats of one request after its first try. @default 4 */
  readonly retries?: number | undefined;
  /** Milliseconds without a byte in either direction. @default 60,000 */
  readonly idleTimeoutMs?: number | undefined;
  /** @default 10,000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Longest Retry-After that is waited for, in milliseconds. @default 60,000 */
  readonly maxRetryWaitMs?: number | undefined;
  /** Certificates and proxy of an origin (`https://host[:port]`); asked once for each. @default none */
  readonly settings?: ((origin: string) => OriginSettings) | undefined;
  /** Lets a public registry redirect to private and loopback addresses. @default false */
  readonly allowPrivateRedirects?: boolean | undefined;
  /** Told as it happens; what it throws is ignored. */
  readonly onEvent?: ((event: HttpEvent) => void) | undefined;
  /** Where the secrets of every request are kept, and what takes them out of all that is said. @default one of its own */
  readonly secrets?: Secrets | undefined;
  readonly random?: (() => number) | undefined;
  readonly sleep?: Sleep | undefined;
  /** Shared by transports that may ask the same hosts. @default one of its own */
  readonly pace?: HostPace | undefined;
  /** Milliseconds of a clock that does not jump: for waits and durations. @default performance.now */
  readonly now?: (() => number) | undefined;
  /** Milliseconds since 1970: for a Retry-After that is a date, where the answer does not say its own. @default Date.now */
  readonly date?: (() => number) | undefined;
}

/** A sender that holds connections. */
export interface Transport extends HttpSender {
  /** Ends everything that is under way (E_ABORTED) and leaves no socket or timer behind. */
  close(): Promise<void>;
}

/** A transport over HTTP/1.1 with kept connections. */
export function createTransport(options: TransportOptions): Transport {
  return new UndiciTransport(options);
}

class UndiciTransport implements Transport {
  readonly secrets: Secrets;
  readonly #options: TransportOptions;
  readonly #idleTimeoutMs: number;
  readonly #connections: Connections;
  readonly #policy: RetryPolicy;
  readonly #now: () => number;
  readonly #pace: HostPace;
  readonly #closing = new AbortController();
  readonly #warned = new Set<string>();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.secrets = options.secrets ?? new Secrets();
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.#connections = new Connections(
      (origin) => this.#settings(origin),
      options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    // Every request that waits for its turn listens.
    setMaxListeners(0, this.#closing.signal);
    this.#now = options.now ?? (() => performance.now());
    this.#pace = options.pace ?? new HostPace(this.#now, options.sleep ?? sleepFor);
    this.#policy = {
      retries: options.retries ?? RETRIES,
      maxRetryWaitMs: options.maxRetryWaitMs ?? MAX_RETRY_WAIT_MS,
      random: options.random ?? Math.random,
      sleep: (milliseconds, signal) => this.#sleep(milliseconds, signal),
      date: options.date ?? Date.now,
      emit: (event) => this.#emit(event),
    };
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const place = request.place ?? {};
    place.order ??= this.#pace.order();
    const { order } = place;
    try {
      return await withRetries(request, this.#policy, (backoff) =>
        followRedirects(request, (hop) => this.#sendOne(hop, order, backoff)),
      );
    } catch (error) {
      throw error instanceof BodyFailure ? error.cause : error;
    }
  }

  warm(origin: string, count: number): void {
    try {
      this.#connections.warm(splitUrl(origin).origin, count);
    } catch {
      // What is wrong with the origin or the connections, the first request will say.
    }
  }

  isBusy(origin: string): boolean {
    return this.#pace.isBusy(origin);
  }

  async close(): Promise<void> {
    this.#closing.abort(new RegferryError('E_ABORTED', 'the connections were closed meanwhile'));
    await this.#connections.close();
  }

  async #sendOne(request: HttpRequest, order: number, backoff: Backoff): Promise<HttpResponse> {
    const { origin, path } = splitUrl(request.url);
    holdRequest(this.secrets, request);
    const slot = await this.#pace.enter(origin, {
      order,
      feeds: feeds(request),
      isAlone: (request.body?.length ?? 0) === 0,
      onWait: request.place?.onWait,
      signals: [this.#closing.signal, ...(request.signal === undefined ? [] : [request.signal])],
    });
    let start: number | undefined;
    let status: number | undefined;
    let isOpen = false;
    try {
      const response = await exchange(request, {
        dispatcher: await this.#connections.freeDispatcher(origin, this.#guard(origin, request)),
        origin,
        path,
        userAgent: this.#options.userAgent,
        idleTimeoutMs: this.#idleTimeoutMs,
        secrets: this.secrets,
        turn: () => slot.sending(),
        onSend: () => (start = this.#now()),
      });
      status = response.status;
      this.#heed(response, origin, slot, backoff);
      this.#warn(origin, response);
      isOpen = request.method === 'GET' && response.status < 300;
      if (isOpen) whenOverOrStill(response.stream, this.#idleTimeoutMs / 4, () => slot.leave());
      return response;
    } catch (error) {
      throw error instanceof BodyFailure ? error : networkError(error, request);
    } finally {
      if (!isOpen) slot.leave();
      if (start !== undefined) this.#sent(request, status, this.#now() - start);
    }
  }

  /** Takes note of what an answer says about the host's load, before the next request is let through. */
  #heed(response: HttpResponse, origin: string, slot: Slot, backoff: Backoff): void {
    const plea = pleaOf(response, backoff, this.#policy);
    if (plea === undefined && response.status < 500) slot.accepted();
    if (plea?.forAll !== true) return;
    if (response.status === 429 || response.status === 503) backoff.isExcused = slot.limited();
    if (plea.delayMs !== undefined) this.#pace.pause(origin, plea.delayMs);
  }

  #settings(origin: string): OriginSettings {
    const settings = this.#options.settings?.(origin) ?? {};
    this.secrets.holdAuthorization(settings.proxy?.authorization);
    return settings;
  }

  #sent({ method, url }: HttpRequest, status: number | undefined, durationMs: number): void {
    this.#emit({ type: 'request', method, url: redactUrl(url), status, durationMs });
  }

  #guard(origin: string, { registryOrigin }: HttpRequest): AddressGuard | undefined {
    if (registryOrigin === undefined) return undefined;
    const registry = splitUrl(registryOrigin).origin;
    if (registry === origin) return undefined;
    return guardFor(this.#connections.addressClass(registry), this.#options.allowPrivateRedirects ?? false);
  }

  #warn(origin: string, response: HttpResponse): void {
    const values = response.headers.all('warning');
    if (values.length === 0) return;
    for (const text of parseWarnings(values)) {
      const message = `${origin} warns: ${printable(this.secrets.redact(text))}`;
      if (this.#warned.has(message) || this.#warned.size >= WARNING_TEXTS) continue;
      this.#warned.add(message);
      this.#emit({ type: 'warning', message });
    }
  }

  async #sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    const either =
      signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal]);
    try {
      throwIfAborted(either);
      await (this.#options.sleep ?? sleepFor)(milliseconds, either);
    } catch (error) {
      throw either.aborted ? abortError(either) : error;
    }
  }

  #emit(event: HttpEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // a listener is somebody else's code: it must not break a request
    }
  }
}

/** An upload in flight may need a download, and that a token. */
function feeds({ method, body }: HttpRequest): boolean {
  return method === 'GET' || body?.secret === true;
}
