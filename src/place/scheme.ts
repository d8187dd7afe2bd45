import type { Address } from './address.js';

/** A way to spell addresses. */
export interface Scheme {
  /** What its addresses begin with, the colon included. */
  readonly prefix: string;
  /** Reads what follows the prefix. Throws E_REFERENCE, E_ALGORITHM. */
  parse(rest: string): Address;
}
