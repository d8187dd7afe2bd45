import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import type { MemoryStore } from '../../src/content/memory-store.js';
import { createRegistryHandler } from '../../src/serve/handler.js';
import type { RegistryHandlerOptions } from '../../src/serve/handler.js';
import { MemoryRegistry } from '../../src/serve/memory-registry.js';
import { listen } from '../../src/serve/server.js';
import { withFaults } from './faults.js';
import type { Handler, Rule } from './faults.js';

/** A request as the access log of a server shows it. Entries are in the order of arrival and fill up as they go. */
export interface LoggedRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** What was answered; 0 while, or when, nothing was. */
  status: number;
  /** Body bytes that the registry behind the faults was given. */
  bytesIn: number;
  /** Body bytes that were sent. */
  bytesOut: number;
}

/** Options of {@link startRegistry}. */
export interface TestRegistryOptions extends Omit<RegistryHandlerOptions, 'storage'> {
  /** @default a new one; another registry's, to be a second door to the same content */
  readonly storage?: MemoryRegistry;
  /** Scripted faults; the list may grow while the registry runs. */
  readonly rules?: readonly Rule[];
}

/** A registry in this process. */
export interface TestRegistry {
  /** `127.0.0.1:PORT`, for references. */
  readonly host: string;
  readonly url: string;
  readonly storage: MemoryRegistry;
  readonly log: LoggedRequest[];
  /** A repository's content, made where there is none. */
  store(repository: string): MemoryStore;
  close(): Promise<void>;
}

/** Starts a registry on a free port. The test closes it. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const { storage = new MemoryRegistry(), rules = [], ...rest } = options;
  const log: LoggedRequest[] = [];
  const handler = withFaults(createRegistryHandler({ ...rest, storage }), rules);
  const served = await listen(logged(handler, log));
  return {
    host: `127.0.0.1:${served.port}`,
    url: served.url,
    storage,
    log,
    store: (repository) => storage.store(repository),
    close: () => served.close(),
  };
}

/** The handler with an access log outside of it, and of its faults. */
export function logged(handler: Handler, log: LoggedRequest[]): Handler {
  return (request, response) => {
    const { method = '', url = '', headers } = request;
    const entry: LoggedRequest = { method, url, headers, status: 0, bytesIn: 0, bytesOut: 0 };
    log.push(entry);
    countIn(request, entry);
    countOut(response, entry);
    handler(request, response);
  };
}

function countIn(request: IncomingMessage, entry: LoggedRequest): void {
  const push = request.push.bind(request);
  request.push = (chunk: Buffer | null) => {
    entry.bytesIn += chunk?.length ?? 0;
    return push(chunk);
  };
}

function countOut(response: ServerResponse, entry: LoggedRequest): void {
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  const count = (chunk: unknown): void => {
    if (entry.method === 'HEAD') return;
    if (typeof chunk === 'string') entry.bytesOut += Buffer.byteLength(chunk);
    else if (chunk instanceof Uint8Array) entry.bytesOut += chunk.length;
  };
  const note = (): void => {
    if (response.headersSent) entry.status = response.statusCode;
  };
  Object.assign(response, {
    write: (...args: unknown[]) => {
      count(args[0]);
      return write(...args);
    },
    end: (...args: unknown[]) => {
      count(args[0]);
      return end(...args);
    },
  });
  response.once('finish', note).once('close', note);
}
