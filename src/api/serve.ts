import { MemoryRegistry } from '../serve/memory-registry.js';
import type { RequestEntry } from '../serve/exchange.js';
import { serveRegistry, type ListenOptions, type ServedRegistry } from '../serve/server.js';

/** Options of {@link serve}. */
export interface ServeRegistryOptions extends ListenOptions {
  /** Most bytes that the registry keeps; a push beyond is refused. @default no limit */
  readonly maxBytes?: number | undefined;
  /** Told of each request once it was answered, for an access log. */
  readonly onRequest?: ((entry: RequestEntry) => void) | undefined;
}

/**
 * Starts a registry in this process that keeps everything in memory: for demos, tests and short-lived hand-overs.
 * Anyone who can reach the address may read and write. Throws E_LISTEN when the address cannot be used.
 */
export function serve(options: ServeRegistryOptions = {}): Promise<ServedRegistry> {
  const { maxBytes, ...rest } = options;
  return serveRegistry({ ...rest, storage: new MemoryRegistry({ maxBytes }) });
}
