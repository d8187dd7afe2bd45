import { RegferryError, detailsOf, type ErrorCode } from '../errors.js';
import { FAILURES_IN_A_ROW } from './limits.js';

/** Failures that say nothing of a tag, but that its host does not work for us. */
const OF_HOST: ReadonlySet<ErrorCode> = new Set([
  'E_NETWORK',
  'E_TLS',
  'E_TIMEOUT',
  'E_UNAVAILABLE',
  'E_RATE_LIMITED',
  'E_UNAUTHORIZED',
  'E_CREDENTIAL_HELPER',
  'E_NOT_A_REGISTRY',
]);

/** True for a failure in which the host has said nothing at all. */
export function saysNothing({ code }: RegferryError): boolean {
  return code === 'E_NETWORK' || code === 'E_TIMEOUT';
}

/** Counts tags that fail one after the other for a reason that is their host's. */
export class RowOfFailures {
  readonly #name: string;
  #count = 0;
  #verdict: RegferryError | undefined;

  /** @param name how the repository is printed. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Notes how a tag ended; anything but such a failure ends the row. */
  note(error: RegferryError | undefined): void {
    this.#count = error !== undefined && OF_HOST.has(error.code) ? this.#count + 1 : 0;
    if (this.#count < FAILURES_IN_A_ROW || error === undefined) return;
    const message = `${this.#name} was given up after ${FAILURES_IN_A_ROW} tags in a row had failed there, the last with: ${error.message}`;
    this.#verdict ??= new RegferryError(error.code, message, { ...detailsOf(error), cause: error });
  }

  /** Why no more tags are tried there. */
  get verdict(): RegferryError | undefined {
    return this.#verdict;
  }
}
