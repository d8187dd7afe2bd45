/**
 * A tunnel that the proxy did not open. Made in place of undici's own errors, since a Client that gets one with
 * the code UND_ERR_SOCKET from its connector connects again without end and without telling its requests.
 */
export class ProxyFailure extends Error {
  /** The proxy's status, where it answered. */
  readonly status: number | undefined;

  constructor(cause: Error) {
    super(cause.message, { cause });
    const match = /^Proxy response \((\d{3})\)/.exec(cause.message);
    this.status = match === null ? undefined : Number(match[1]);
  }
}
