import type { IncomingMessage, ServerResponse } from 'node:http';

import { isRegferryError } from '../errors.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import type { RegistryState } from './context.js';
import { Exchange } from './exchange.js';
import type { RequestEntry } from './exchange.js';
import { Refusal } from './refusal.js';
import { route } from './routes.js';
import type { RegistryStorage } from './storage.js';
import { UploadSessions } from './upload-session.js';

/** Options of {@link createRegistryHandler}. */
export interface RegistryHandlerOptions {
  readonly storage: RegistryStorage;
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
  /** Most tags on one page of a list. @default 1000 */
  readonly pageSize?: number | undefined;
  /** Called once a request's answer has ended, in whatever way: for an access log. It must not throw. */
  readonly onRequest?: ((entry: RequestEntry) => void) | undefined;
  /** Called with what made the registry answer 500: a storage that failed, or a bug. It must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The clock, in milliseconds, by which resting uploads are forgotten. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** What a node:http server calls for each request. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A registry by the OCI distribution specification 1.1, as a handler for a node:http server. It never throws and never
 * rejects: what goes wrong is answered, or cuts the connection where an answer has begun.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export function createRegistryHandler(options: RegistryHandlerOptions): RequestHandler {
  const registry: RegistryState = {
    storage: options.storage,
    sessions: new UploadSessions(options.now ?? Date.now),
    chunkMinLength: options.chunkMinLength,
    uploadState: options.uploadState ?? false,
    manifestBytes: options.manifestBytes ?? MANIFEST_BYTES,
    sparse: options.sparse ?? false,
    pageSize: options.pageSize ?? 1000,
  };
  return (request, response) => {
    const exchange = new Exchange(request, response);
    if (options.onRequest !== undefined) exchange.onEnd(options.onRequest);
    route(registry, exchange).catch((error: unknown) => {
      const refusal = asRefusal(error);
      if (refusal.status === 500 && !exchange.gone) options.onError?.(error);
      exchange.refuse(refusal);
    });
  };
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (isRegferryError(error) && error.code === 'E_LIMIT') return new Refusal(507, 'DENIED', error.message);
  return new Refusal(500, 'UNKNOWN', 'the registry failed to answer');
}
