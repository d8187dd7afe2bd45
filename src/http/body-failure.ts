/** Carries what a request body's own source threw past the retries and the error mapping, to the caller. */
export class BodyFailure extends Error {
  constructor(cause: unknown) {
    super('the request body failed', { cause });
  }
}
