import type { Side } from '../errors.js';
import type { HttpSender } from '../http/message.js';
import type { RepeatPolicy } from '../http/retry.js';
import type { Scope } from './authorizer.js';
import type { CredentialProvider } from './credentials.js';

/** What an authorizer works with. */
export interface AuthorizerOptions {
  /** The registry as the user spelled it: the key under which credentials are kept, and the name in messages. */
  readonly registry: string;
  /** The end of the copy, for messages. */
  readonly side?: Side | undefined;
  /** Where credentials come from. @default none: anonymous */
  readonly credentials?: CredentialProvider | undefined;
  /** Sends token requests; their `registryOrigin` says for which registry. */
  readonly http: HttpSender;
  /** When given, credentials go to these token services (`host[:port]`) and the registry's own host alone. @default any that is safe */
  readonly trustedRealms?: readonly string[] | undefined;
  /** Let a public registry name a token service at a private address. @default false */
  readonly allowPrivate?: boolean | undefined;
  /** What requests that write will need besides later on, under the same login: the source of mounts. @default nothing */
  readonly foreseen?: Scope | undefined;
  /** How often a token is asked for again when the answer broke off. @default never */
  readonly repeats?: RepeatPolicy | undefined;
  /** Told once that logins go to another host than the registry's. */
  readonly onNote?: ((message: string) => void) | undefined;
  /** Milliseconds of a clock that does not jump. @default performance.now */
  readonly now?: (() => number) | undefined;
}
