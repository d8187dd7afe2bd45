import type { Exchange } from './exchange.js';
import type { RegistryStorage } from './storage.js';
import type { UploadSessions } from './upload-session.js';

/** What the routes of one registry share. */
export interface RegistryState {
  readonly storage: RegistryStorage;
  readonly sessions: UploadSessions;
  /** Bytes that every chunk but the last must have, announced as OCI-Chunk-Min-Length. */
  readonly chunkMinLength: number | undefined;
  /** Whether upload Locations carry a state that must come back unchanged. */
  readonly uploadState: boolean;
  /** Most bytes of a manifest. */
  readonly manifestBytes: number;
  /** Whether manifests may be pushed before what they name is there. */
  readonly sparse: boolean;
  /** Most tags on one page. */
  readonly pageSize: number;
}

/** One request to one repository. */
export interface RouteContext {
  readonly exchange: Exchange;
  readonly registry: RegistryState;
  /** The repository, checked against the grammar. */
  readonly name: string;
}
