import type { CredentialProvider } from '../auth/credentials.js';
import type { RegferryEvent } from '../copy/events.js';
import type { Secrets } from '../secrets/secrets.js';
import type { ChunkSize } from '../registry/upload-ways.js';
import type { Environment } from './environment.js';
import type { Guards } from './guards.js';

/** How to reach and enter the registry on one side. */
export interface SideOptions {
  /** With `password`: a login for this side's registries, before any other credentials. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Credentials from elsewhere, asked for each registry. @default the environment's, if one is given */
  readonly credentials?: CredentialProvider | undefined;
  /** Use no credentials at all. @default false */
  readonly anonymous?: boolean | undefined;
  /** Speak http. Loopback hosts are found out by themselves. @default false */
  readonly plainHttp?: boolean | undefined;
  /** Do not verify the registry's certificate. @default false */
  readonly insecure?: boolean | undefined;
  /** A PEM file of certificate authorities to trust besides the usual ones. */
  readonly caFile?: string | undefined;
  /** A client certificate and its key, PEM files. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Options of every call. */
export interface CommonOptions {
  /** Transfers at a time at each host; checks and small blobs get four times as many. @default 6 */
  readonly concurrency?: number | undefined;
  /** Repeats of one request after failures that may pass. @default 4 */
  readonly retries?: number | undefined;
  /** Longest time in which no byte moves, in milliseconds. @default 60000 */
  readonly idleTimeoutMs?: number | undefined;
  /** Longest Retry-After that is obeyed, in milliseconds; a longer one is a failure. @default 60000 */
  readonly maxRetryWaitMs?: number | undefined;
  /** Bytes of an upload's chunk; `off` sends every blob in one PUT. @default one PUT up to 96 MiB, above it 64 MiB */
  readonly chunkSize?: ChunkSize;
  /** Hosts whose token services may be given credentials; without it, any that a registry names over https. */
  readonly trustedRealms?: readonly string[] | undefined;
  /** Follow redirects from a public registry to private addresses (never link-local ones). @default false */
  readonly allowPrivateRedirects?: boolean | undefined;
  /** Credentials, certificates and proxies, usually from `fromEnvironment()`. @default none: anonymous and direct */
  readonly environment?: Environment | undefined;
  /**
   * Where the call keeps the secrets that it comes by: errors, events and reports come without them. A program that
   * prints more than these gives one of its own, and takes its texts through that. @default one for the call
   */
  readonly secrets?: Secrets | undefined;
  /** Abandons the work; the call then rejects with E_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Told what happens, synchronously; an exception in it is ignored. */
  readonly onEvent?: ((event: RegferryEvent) => void) | undefined;
}

/** Options of calls that read one side. */
export interface ReadOptions extends CommonOptions {
  readonly source?: SideOptions | undefined;
}

/** Options of calls that name one image. */
export interface ImageOptions extends ReadOptions {
  /** `os/architecture[/variant]`: the manifest for this platform instead of the index. */
  readonly platform?: string | undefined;
}

/** Options of a copy. */
export interface CopyOptions extends ImageOptions {
  readonly target?: SideOptions | undefined;
  /** Copy the blobs of non-distributable layers too. @default false */
  readonly includeForeign?: boolean | undefined;
  /** Conditions without which nothing is written. */
  readonly guards?: Guards | undefined;
}

/** Options of a copy of many tags. Patterns are for whole tags and know `*`, `?`, `[a-z]` and `[!a-z]`. */
export interface CopyTagsOptions extends Omit<CopyOptions, 'platform' | 'guards'> {
  /** Patterns of which a tag has to fit one. @default every tag */
  readonly tags?: readonly string[] | undefined;
  /** Patterns of which a tag may fit none. @default none */
  readonly excludeTags?: readonly string[] | undefined;
  /** What each tag has to be at each target, or that tag is not written; the others are. */
  readonly guards?: Pick<Guards, 'ifTarget' | 'noClobber'> | undefined;
}
