/**
 * Error codes of the distribution specification, and `UNKNOWN` and `UNAVAILABLE` for what it has no code for.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export type RefusalCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'PAGINATION_NUMBER_INVALID'
  | 'RANGE_INVALID'
  | 'SIZE_INVALID'
  | 'TAG_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNKNOWN'
  | 'UNSUPPORTED';

/** What a {@link Refusal} may say besides its status, code and message. */
export interface RefusalDetails {
  /** Headers of the answer, such as `Location` and `Range` beside a 416. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The `detail` of the error in the body. */
  readonly detail?: unknown;
  /** What went wrong on the registry's side: for its operator, not for the client. */
  readonly cause?: unknown;
}

/** An answer that is an error: thrown by a route, written by the handler, never seen outside of serve/. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  readonly status: number;
  readonly code: RefusalCode;
  readonly headers: Readonly<Record<string, string>>;
  readonly detail: unknown;

  constructor(status: number, code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.code = code;
    this.headers = details.headers ?? {};
    this.detail = details.detail;
  }

  /** The body of the answer: the specification's error document with this one error. */
  body(): Buffer {
    const error = { code: this.code, message: this.message, detail: this.detail };
    return Buffer.from(`${JSON.stringify({ errors: [error] })}\n`);
  }
}
