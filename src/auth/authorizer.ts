import type { Op } from '../content/store.js';
import type { RegferryError } from '../errors.js';
import type { HttpHeaders } from '../http/message.js';

/** What a request needs to be allowed to do, as in the token specification: `repository:<path>:pull,push`. */
export interface Scope {
  readonly repository: string;
  readonly actions: readonly ('pull' | 'push' | 'delete')[];
}

/** A request as far as authorisation is concerned. The first scope is the demanded one; a mount adds its source's. */
export interface AccessRequest extends Op {
  /** Origin of the registry, `https://host[:port]`. */
  readonly origin: string;
  readonly scopes: readonly Scope[];
}

/** Knows how to get into one registry. */
export interface Authorizer {
  /** The Authorization header to send, as far as it is known without being challenged; undefined for none. */
  authorization(request: AccessRequest): Promise<string | undefined>;
  /**
   * Called on a 401 with the header that was sent. Resolves with a new Authorization value to try once, or throws
   * E_UNAUTHORIZED saying which host, which scope and where the credential came from (never its value).
   */
  challenged(request: AccessRequest, headers: HttpHeaders, sent: string | undefined): Promise<string>;
  /**
   * Another value to try once when the renewed authorization got a 401 too; undefined where there is none: it was asked for
   * with more than the request needs, which some registries or token services do not take well.
   */
  narrower?(request: AccessRequest, sent: string): Promise<string | undefined>;
  /** The final error after the renewed authorization got a 401 too: E_UNAUTHORIZED with host, scope and credential source. */
  refused(request: AccessRequest, sent: string): RegferryError;
}
