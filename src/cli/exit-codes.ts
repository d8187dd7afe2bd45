import type { ErrorCode } from '../errors.js';

/** Exit code of a run that did what was asked. */
export const EXIT_OK = 0;

/** Exit code of a command line that cannot be understood. */
export const EXIT_USAGE = 2;

/** Exit codes of runs that a signal ended: 128 and the signal's number. */
export const SIGNAL_EXITS: Readonly<Record<'SIGINT' | 'SIGTERM', number>> = { SIGINT: 130, SIGTERM: 143 };

const EXITS: Readonly<Record<ErrorCode, number>> = {
  E_USAGE: EXIT_USAGE,
  E_REFERENCE: EXIT_USAGE,
  E_CONFIG: EXIT_USAGE,
  E_LAYOUT: EXIT_USAGE,
  E_LISTEN: EXIT_USAGE,
  E_UNAUTHORIZED: 3,
  E_DENIED: 3,
  E_CREDENTIAL_HELPER: 3,
  E_NOT_FOUND: 4,
  E_NO_SUCH_PLATFORM: 4,
  E_DIGEST_MISMATCH: 5,
  E_SIZE_MISMATCH: 5,
  E_READ_BACK: 5,
  E_REFUSED: 6,
  E_UNSUPPORTED: 6,
  E_LIMIT: 6,
  E_MANIFEST: 6,
  E_SCHEMA1: 6,
  E_ALGORITHM: 6,
  E_NOT_A_REGISTRY: 6,
  E_NETWORK: 7,
  E_TLS: 7,
  E_TIMEOUT: 7,
  E_CUT: 7,
  E_RATE_LIMITED: 7,
  E_UNAVAILABLE: 7,
  E_GUARD: 8,
  E_TAG_MOVED: 8,
  E_IMMUTABLE_TAG: 8,
  E_PARTIAL: 9,
  E_IO: 10,
  E_INTERNAL: 70,
  E_ABORTED: SIGNAL_EXITS.SIGINT,
};

/** The exit code of an error; docs/cli.md lists what each means. */
export function exitCode(code: ErrorCode): number {
  return EXITS[code];
}
