import { createAuthorizer } from '../auth/authorize.js';
import type { Op } from '../content/store.js';
import type { CopyJob } from '../copy/job.js';
import { callSignal } from '../content/linked-signal.js';
import { patience } from '../copy/patience.js';
import { RegferryError, type Side } from '../errors.js';
import type { HttpEvent } from '../http/message.js';
import { backoffDelay, type RepeatPolicy } from '../http/retry.js';
import { sharedPace, type HeldPace } from './shared-pace.js';
import { IDLE_TIMEOUT_MS, MAX_RETRY_WAIT_MS, RETRIES } from '../http/limits.js';
import { sleepFor, type Sleep } from '../http/sleep.js';
import { createTransport, type Transport } from '../http/transport.js';
import { RegistryClient } from '../registry/client.js';
import { Secrets } from '../secrets/secrets.js';
import { registryOrigin } from '../registry/origin.js';
import { Repository } from '../registry/repository.js';
import type { Address, Opening } from '../place/address.js';
import { canonicalRegistry, sameRegistry, type Reference } from '../spec/reference.js';
import { userAgent } from '../version.js';
import { connectionSettings, credentialsOf, holdLogins, mountSource } from './connection.js';
import { cleanEvent } from './clean-event.js';
import type { RegferryEvent } from '../copy/events.js';
import type { SideOptions } from './options.js';
import type { SessionOptions, Totals } from './session-options.js';

/** Transfers at a time at a host: enough to fill a line, few enough to be polite. */
const CONCURRENCY = 6;

/** How addresses are opened: whether nothing is written, and what tokens are asked for. */
interface OpeningMode {
  readonly dry?: boolean;
  readonly access?: 'pull' | 'push';
}

/**
 * The composition root of one call: turns options into transports, registry clients and stores, counts requests, and
 * closes all of it at the end.
 */
export class Session {
  readonly signal: AbortSignal;
  readonly #secrets: Secrets;
  readonly #options: SessionOptions;
  readonly #transports = new Map<Side, Transport>();
  readonly #clients = new Map<string, RegistryClient>();
  /** Stores that were opened for this call. */
  readonly #kept: { close(): Promise<void> }[] = [];
  /** The registries' own origins, by side. */
  readonly #origins = { source: new Set<string>(), target: new Set<string>() };
  readonly #requests = { source: 0, target: 0 };
  readonly #started = performance.now();
  readonly #end = new AbortController();
  readonly #sleep: Sleep;
  readonly #backoff: RepeatPolicy['backoff'];
  /** The first repository of the source's side. */
  #from: Reference | undefined;
  readonly #pace: HeldPace;
  #retries = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#secrets = options.secrets ?? new Secrets();
    holdLogins(this.#secrets, options.source, options.target);
    this.#sleep = options.sleep ?? sleepFor;
    this.#pace = sharedPace(this.#sleep, options.now);
    this.#backoff = (failures, signal) => this.#sleep(backoffDelay(failures - 1), signal);
    this.signal = callSignal(options.signal, this.#end);
  }

  /** A repository of a registry, as one side of the call. */
  repository(reference: Reference, side: Side, access: 'pull' | 'push'): Repository {
    if (side === 'source') this.#from ??= reference;
    const { retries = RETRIES, chunkSize, answerTimeoutMs } = this.#options;
    return new Repository({
      client: this.#client(reference.registry, side),
      repository: reference.repository,
      access,
      cleaned: (error) => this.cleaned(error),
      upload: { chunkSize, retries, backoff: this.#backoff, answerTimeoutMs },
    });
  }

  /** What an address of one side is opened with. Nothing is to be written with `dry`. */
  opening(
    side: Side,
    { dry = false, access = side === 'source' ? 'pull' : 'push' }: OpeningMode = {},
  ): Opening {
    return {
      signal: this.signal,
      dry,
      repository: (reference) => this.repository(reference, side, access),
      keep: (store) => {
        this.#kept.push(store);
        return store;
      },
    };
  }

  /** Refuses to send one login or client key to several registries (E_USAGE). */
  checkTargets(addresses: readonly Pick<Address, 'registry'>[]): void {
    const { username, keyFile } = this.#options.target ?? {};
    if (username === undefined && keyFile === undefined) return;
    const hosts = addresses.flatMap(({ registry }) => (registry === undefined ? [] : [registry]));
    const first = hosts[0];
    if (first === undefined || hosts.every((host) => sameRegistry(host, first))) return;
    throw new RegferryError(
      'E_USAGE',
      `one login was given for several registries (${[...new Set(hosts)].join(', ')}): copy to one of them at a time, or log in to each`,
    );
  }

  /** What the engine needs of every call. */
  engineOptions(): Pick<CopyJob, 'concurrency' | 'resume' | 'patience' | 'signal' | 'emit' | 'sleep'> {
    const { concurrency = CONCURRENCY, retries = RETRIES, idleTimeoutMs = IDLE_TIMEOUT_MS } = this.#options;
    return {
      concurrency,
      resume: { retries, backoff: this.#backoff },
      // Who stalls is left behind before its own watchdog gives it up.
      patience: patience(idleTimeoutMs / 4),
      signal: this.signal,
      emit: (event) => this.#emit(event),
      sleep: this.#sleep,
    };
  }

  /**
   * Does the work of a call, which is all of it: what is thrown comes without secrets, and everything is closed in the end.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.cleaned(error);
    } finally {
      await this.close();
    }
  }

  /** An error, or a report that has some, without secrets. */
  cleaned<E>(thrown: E): E {
    return this.#secrets.redactError(thrown);
  }

  totals(): Totals {
    return {
      requests: { ...this.#requests },
      retries: this.#retries,
      durationMs: Math.round(performance.now() - this.#started),
    };
  }

  /** Ends whatever still runs, closes connections and gives locks back. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#pace.release();
    await Promise.all([
      ...[...this.#transports.values()].map((transport) => transport.close()),
      ...this.#kept.map((store) => store.close()),
    ]);
  }

  #client(registry: string, side: Side): RegistryClient {
    const key = `${side} ${canonicalRegistry(registry)}`;
    let client = this.#clients.get(key);
    if (client === undefined) this.#clients.set(key, (client = this.#newClient(registry, side)));
    return client;
  }

  #newClient(registry: string, side: Side): RegistryClient {
    const sideOptions = this.#side(side);
    const http = this.#transport(side);
    const authorizer = createAuthorizer({
      registry,
      side,
      http,
      foreseen: side === 'target' ? mountSource(this.#from, registry, this.#options) : undefined,
      credentials: credentialsOf(side, sideOptions, this.#options.environment),
      trustedRealms: this.#options.trustedRealms,
      allowPrivate: this.#options.allowPrivateRedirects,
      repeats: { retries: this.#options.retries ?? RETRIES, backoff: this.#backoff },
      onNote: (message) => this.#emit({ type: 'note', message }),
    });
    const { plainHttp } = sideOptions;
    return new RegistryClient({
      registry,
      side: this.#options.sideless === true ? undefined : side,
      http,
      authorizer,
      maxRetryWaitMs: this.#options.maxRetryWaitMs ?? MAX_RETRY_WAIT_MS,
      origin: (op) => this.#origin(registry, side, plainHttp, op),
    });
  }

  async #origin(registry: string, side: Side, plainHttp: boolean | undefined, op: Op): Promise<string> {
    const origin = await registryOrigin(registry, { plainHttp }, op);
    this.#origins[side].add(origin);
    return origin;
  }

  #side(side: Side): SideOptions {
    return this.#options[side] ?? {};
  }

  #transport(side: Side): Transport {
    let transport = this.#transports.get(side);
    if (transport === undefined) {
      const { retries, idleTimeoutMs, maxRetryWaitMs, allowPrivateRedirects, environment } = this.#options;
      transport = createTransport({
        userAgent,
        retries,
        idleTimeoutMs,
        maxRetryWaitMs,
        allowPrivateRedirects,
        secrets: this.#secrets,
        settings: connectionSettings(this.#side(side), environment, (origin) =>
          this.#origins[side].has(origin),
        ),
        onEvent: (event) => this.#count(event, side),
        sleep: this.#options.sleep,
        pace: this.#pace.pace,
      });
      this.#transports.set(side, transport);
    }
    return transport;
  }

  #count(event: HttpEvent, side: Side): void {
    if (event.type === 'request') this.#requests[side] += 1;
    if (event.type === 'retry') this.#retries += 1;
    this.#emit(this.#options.sideless === true ? event : { ...event, side });
  }

  #emit(event: RegferryEvent): void {
    try {
      this.#options.onEvent?.(cleanEvent(event, this.#secrets));
    } catch {
      // A listener's mistake must not become a failed copy.
    }
  }
}
