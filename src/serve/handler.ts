import type { IncomingMessage, ServerResponse } from 'node:http';

import { isDiskFull } from '../content/file-error.js';
import { isRegferryError } from '../errors.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { BodyRoom } from './body-room.js';
import type { IsAllowed, RegistryState } from './context.js';
import { Exchange } from './exchange.js';
import type { RequestEntry } from './exchange.js';
import { Refusal } from './refusal.js';
import { route } from './routes.js';
import type { RegistryStorage } from './storage.js';
import { UploadSessions } from './upload-session.js';

/** Options of {@link createRegistryHandler}. */
export interface RegistryHandlerOptions {
  readonly storage: RegistryStorage;
  /** True for the Authorization header of someone who may use the registry. @default everyone may */
  readonly isAllowed?: IsAllowed | undefined;
  /** Refuse everything that would write. @default false */
  readonly readOnly?: boolean | undefined;
  /** Bytes that every chunk of an upload but the last must have, announced as OCI-Chunk-Min-Length. @default none */
  readonly chunkMinLength?: number | undefined;
  /**
   * Whether the Location of an upload carries a state that must come back unchanged, so that a stale or a re-encoded
   * one is refused with 416, as distribution 3 does. @default false
   */
  readonly uploadState?: boolean | undefined;
  /** Most bytes of a manifest. @default 4 MiB */
  readonly manifestBytes?: number | undefined;
  /** Whether a manifest is taken before the blobs and manifests that it names are there. @default false */
  readonly sparse?: boolean | undefined;
  /** Most entries on one page of a list. @default 1000 */
  readonly pageSize?: number | undefined;
  /** Called once a request's answer has ended, in whatever way: for an access log. It must not throw. */
  readonly onRequest?: ((entry: RequestEntry) => void) | undefined;
  /** Called with what kept the registry from doing what it was asked: a storage that failed, or a bug. It must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The clock, in milliseconds, by which resting uploads are forgotten; it must not jump. @default performance.now */
  readonly now?: (() => number) | undefined;
}

/** What a node:http server calls for each request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that answers the requests of a server. */
export interface RegistryService {
  readonly handle: RequestHandler;
  /** Forgets the uploads that have rested for too long. To be called now and then. */
  sweep(): Promise<void>;
  /** Refuses new requests from now on. Resolves when those that run have been answered. */
  drain(): Promise<void>;
  /** Forgets every upload that has not ended, and cuts the requests that write to them. */
  close(): Promise<void>;
}

/** A registry as a handler for a node:http server, for servers that need no orderly end. */
export function createRegistryHandler(options: RegistryHandlerOptions): RequestHandler {
  return createRegistryService(options).handle;
}

/**
 * A registry by the OCI distribution specification 1.1. Its handler never throws and never rejects: what goes wrong is
 * answered, or cuts the connection where an answer has begun.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export function createRegistryService(options: RegistryHandlerOptions): RegistryService {
  const registry = stateOf(options);
  const now = options.now ?? steadyNow;
  const running = new Set<Exchange>();
  let onDrained: (() => void) | undefined;
  const handle: RequestHandler = (request, response) => {
    const exchange = new Exchange(request, response, now);
    running.add(exchange);
    exchange.onEnd((entry) => {
      running.delete(exchange);
      if (running.size === 0) onDrained?.();
      options.onRequest?.(entry);
    });
    if (onDrained !== undefined) {
      exchange.refuse(stopping());
      return;
    }
    route(registry, exchange).catch((error: unknown) => {
      const refusal = asRefusal(error);
      const reason = refusal.cause ?? (refusal.status === 500 ? error : undefined);
      if (reason !== undefined && !exchange.gone) options.onError?.(reason);
      exchange.refuse(refusal);
    });
  };
  return {
    handle,
    sweep: () => registry.sessions.sweep(),
    drain: () =>
      new Promise((resolve) => {
        onDrained = resolve;
        if (running.size === 0) resolve();
      }),
    close: () => registry.sessions.close(),
  };
}

function stateOf(options: RegistryHandlerOptions): RegistryState {
  return {
    storage: options.storage,
    sessions: new UploadSessions(options.now ?? steadyNow),
    isAllowed: options.isAllowed,
    readOnly: options.readOnly ?? false,
    chunkMinLength: options.chunkMinLength,
    uploadState: options.uploadState ?? false,
    manifestBytes: options.manifestBytes ?? MANIFEST_BYTES,
    bodies: new BodyRoom(),
    sparse: options.sparse ?? false,
    pageSize: options.pageSize ?? 1000,
  };
}

/** A clock that nobody sets: a wall clock that is put back would make uploads young again. */
function steadyNow(): number {
  return performance.now();
}

function stopping(): Refusal {
  const headers = { Connection: 'close', 'Retry-After': '5' };
  return new Refusal(503, 'UNAVAILABLE', 'this registry is being stopped', { headers });
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isRegferryError(error) && error.code === 'E_LIMIT') return new Refusal(507, 'DENIED', error.message);
  if (isDiskFull(error))
    return new Refusal(507, 'DENIED', 'the disk of this registry is full', { cause: error });
  return new Refusal(500, 'UNKNOWN', 'the registry failed to answer');
}
