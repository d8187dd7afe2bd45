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
  /** True for the Authorization header of someone who may use the registry; undefined where everyone may. */
  readonly isAllowed: ((authorization: string | undefined) => boolean | Promise<boolean>) | undefined;
  /** Whether nothing may be written. */
  readonly readOnly: boolean;
  /** Most entries on one page of a list. */
  readonly pageSize: number;
}

/** One request to one repository. */
export interface RouteContext {
  readonly exchange: Exchange;
  readonly registry: RegistryState;
  /** The repository, checked against the grammar. */
  readonly name: string;
}
