/** Which end of a copy an error, a request or an event belongs to. */
export type Side = 'source' | 'target';

/**
 * Every code a {@link RegferryError} can carry. Codes are stable: scripts and programs may match on them.
 * The command line turns each into an exit code (see docs/errors.md).
 */
export type ErrorCode =
  // the caller's words or files
  | 'E_USAGE'
  | 'E_REFERENCE'
  | 'E_CONFIG'
  | 'E_LAYOUT'
  | 'E_LISTEN'
  // access
  | 'E_UNAUTHORIZED'
  | 'E_DENIED'
  | 'E_CREDENTIAL_HELPER'
  // absence
  | 'E_NOT_FOUND'
  | 'E_NO_SUCH_PLATFORM'
  // integrity: well-framed bytes that are not what was promised
  | 'E_DIGEST_MISMATCH'
  | 'E_SIZE_MISMATCH'
  | 'E_READ_BACK'
  // refused, unsupported, over a limit
  | 'E_REFUSED'
  | 'E_UNSUPPORTED'
  | 'E_LIMIT'
  | 'E_MANIFEST'
  | 'E_SCHEMA1'
  | 'E_ALGORITHM'
  | 'E_NOT_A_REGISTRY'
  // the network
  | 'E_NETWORK'
  | 'E_TLS'
  | 'E_TIMEOUT'
  | 'E_CUT'
  | 'E_RATE_LIMITED'
  | 'E_UNAVAILABLE'
  // guards
  | 'E_GUARD'
  | 'E_TAG_MOVED'
  | 'E_IMMUTABLE_TAG'
  // several
  | 'E_PARTIAL'
  // local reads and writes during the work
  | 'E_IO'
  | 'E_INTERNAL'
  | 'E_ABORTED';

/**
 * What the caller can do about an error, by a code: the message says what happened, and the program that shows it words
 * the remedy, since it alone knows how its own options are called. docs/library.md lists the options that each means.
 */
export type Hint =
  /** Nobody is let in without a login: give `registry` one. */
  | { readonly code: 'log-in'; readonly registry: string }
  /** The login for `registry` was refused: renew it, or go without one. */
  | { readonly code: 'renew-login'; readonly registry: string }
  /** Trust `host` with the credentials of this registry. */
  | { readonly code: 'trust-realm'; readonly host: string }
  /** Trust the authority that signed the certificate, or verify none. */
  | { readonly code: 'trust-ca' }
  /** Nothing helps but not to verify the certificate. */
  | { readonly code: 'skip-verification' }
  /** Give the client certificate that the server wants. */
  | { readonly code: 'client-certificate' }
  /** The record that is there is of something else: keep this one elsewhere, or have that replaced. */
  | { readonly code: 'keep-record' }
  /**
   * Ask for another tag, one of those that `repository` has: `near` are the nearest to the one that it does not have, at
   * most five, where it is known which there are.
   */
  | { readonly code: 'list-tags'; readonly repository: string; readonly near?: readonly string[] }
  /** Speak http. */
  | { readonly code: 'plain-http' }
  /** Allow redirects to private addresses. */
  | { readonly code: 'allow-private' }
  /** Upload in smaller chunks. */
  | { readonly code: 'smaller-chunks' }
  /** Set tags in another repository than the source's; `tagMissing` where none was given. */
  | { readonly code: 'promote-to'; readonly repository: string; readonly tagMissing?: boolean }
  /** What was given for a plan is a receipt: undo takes it. */
  | { readonly code: 'undo-receipt' }
  /** What was given for a receipt is a plan: apply takes it. */
  | { readonly code: 'apply-plan' };

/** What an error may carry besides its code and message. Nothing here may hold a secret. */
export interface ErrorDetails {
  readonly cause?: unknown;
  readonly side?: Side | undefined;
  /** Digest of the manifest or blob at hand. */
  readonly digest?: string | undefined;
  /** HTTP status, where a server answered. */
  readonly status?: number | undefined;
  /** The error codes of the registry's answer, e.g. `MANIFEST_BLOB_UNKNOWN`. */
  readonly registryCodes?: readonly string[] | undefined;
  /** True when the same request may be tried again and could succeed. */
  readonly retryable?: boolean | undefined;
  /** How long the server asked us to wait, in milliseconds (Retry-After). */
  readonly retryAfterMs?: number | undefined;
  /** What the caller can do about it. */
  readonly hint?: Hint | undefined;
}

/**
 * The one error class of regferry. Everything the library throws on purpose is one of these; anything else is a bug.
 * The message is one line: what was tried and what came back. What to do is in it, or in `hint`.
 */
export class RegferryError extends Error {
  override readonly name: string = 'RegferryError';
  readonly code: ErrorCode;
  readonly side: Side | undefined;
  readonly digest: string | undefined;
  readonly status: number | undefined;
  readonly registryCodes: readonly string[];
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly hint: Hint | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.side = details.side;
    this.digest = details.digest;
    this.status = details.status;
    this.registryCodes = details.registryCodes ?? [];
    this.retryable = details.retryable ?? false;
    this.retryAfterMs = details.retryAfterMs;
    this.hint = details.hint;
  }
}

/** True for errors that regferry made on purpose. */
export function isRegferryError(error: unknown): error is RegferryError {
  return error instanceof RegferryError;
}

/** How the reasons of signals that nobody gave a reason of their own are named: `abort()`, `AbortSignal.timeout()`. */
const ABORTS: readonly string[] = ['AbortError', 'TimeoutError'];

/**
 * The error, made a RegferryError if it is not one yet: an abort becomes E_ABORTED, anything else E_INTERNAL. The reason
 * that a caller gave to `abort` looks like any other error; where the signal is at hand, {@link abortError} knows it.
 */
export function toRegferryError(error: unknown): RegferryError {
  if (isRegferryError(error)) return error;
  if (error instanceof Error && ABORTS.includes(error.name)) {
    return new RegferryError('E_ABORTED', 'interrupted', { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new RegferryError('E_INTERNAL', `unexpected: ${message}`, { cause: error });
}

/** The error of an aborted operation: the signal's reason when that is a RegferryError, else E_ABORTED, whatever it is. */
export function abortError(signal: AbortSignal): RegferryError {
  const reason: unknown = signal.reason;
  if (isRegferryError(reason)) return reason;
  const words = reason instanceof Error && !ABORTS.includes(reason.name) ? reason.message : reason;
  const why = typeof words === 'string' && words !== '' ? `: ${words}` : '';
  return new RegferryError('E_ABORTED', `interrupted${why}`, { cause: reason });
}

/** Throws the {@link abortError} of a signal that has aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}

/** What an error carries besides its code, message and cause, to make another one of it. */
export function detailsOf(error: RegferryError): ErrorDetails {
  const { side, digest, status, registryCodes, retryable, retryAfterMs, hint } = error;
  return { side, digest, status, registryCodes, retryable, retryAfterMs, hint };
}

/**
 * The error with its side filled in; an error that has a side keeps it. Non-regferry errors are converted first: whatever
 * a store throws after the signal has aborted is that abort.
 */
export function withSide(error: unknown, side: Side, signal?: AbortSignal): RegferryError {
  const isAbort = signal?.aborted === true && !isRegferryError(error);
  const known = isAbort ? abortError(signal) : toRegferryError(error);
  if (known.side !== undefined) return known;
  return new RegferryError(known.code, known.message, {
    ...detailsOf(known),
    cause: known.cause ?? known,
    side,
  });
}
