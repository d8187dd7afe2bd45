import type { Exchange } from './exchange.js';
import type { Client } from './password-checks.js';
import type { BodyRoom } from './body-room.js';
import type { RegistryStorage } from './storage.js';
import type { UploadSessions } from './upload-session.js';

/** Whether a client with this Authorization header may use the registry. May throw the Refusal to answer with. */
export type IsAllowed = (authorization: string | undefined, client: Client) => boolean | Promise<boolean>;

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
  /** What manifests that are being pushed are counted in. */
  readonly bodies: BodyRoom;
  /** Whether manifests may be pushed before what they name is there. */
  readonly sparse: boolean;
  /** True for the Authorization header of someone who may use the registry; undefined where everyone may. */
  readonly isAllowed: IsAllowed | undefined;
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
