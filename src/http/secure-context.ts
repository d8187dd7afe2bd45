import { createSecureContext, type SecureContext } from 'node:tls';

import { RegferryError } from '../errors.js';

/** The certificates of an origin's connections. Throws E_CONFIG for what OpenSSL does not take. */
export function secureContext(
  origin: string,
  ca: readonly string[] | undefined,
  cert: string | undefined,
  key: string | undefined,
): SecureContext {
  try {
    return createSecureContext({
      ...(ca === undefined ? {} : { ca: [...ca] }),
      ...(cert === undefined ? {} : { cert, key: key ?? cert }),
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RegferryError('E_CONFIG', `the certificates for ${origin} cannot be used: ${reason}`, {
      cause,
    });
  }
}
