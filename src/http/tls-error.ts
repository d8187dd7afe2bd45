import { errorCode } from './error-code.js';

const INSECURE = 'as a last resort --insecure (in a copy --from-insecure or --to-insecure) skips the check';
const TRUST = `if it is to be trusted, name its CA by --ca-file (in a copy --from-ca-file or --to-ca-file) or SSL_CERT_FILE; ${INSECURE}`;
const CLIENT =
  'it wants another client certificate: see --cert-file and --key-file (in a copy --from-cert-file and so on)';

const CERTIFICATE = new Map([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', `the certificate is self-signed; ${TRUST}`],
  ['SELF_SIGNED_CERT_IN_CHAIN', `the certificate is signed by an unknown CA; ${TRUST}`],
  ['UNABLE_TO_GET_ISSUER_CERT', `the certificate is signed by an unknown CA; ${TRUST}`],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', `the certificate is signed by an unknown CA; ${TRUST}`],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', `the certificate is signed by an unknown CA; ${TRUST}`],
  ['CERT_UNTRUSTED', `the certificate is signed by an unknown CA; ${TRUST}`],
  ['CERT_HAS_EXPIRED', `the certificate has expired: it has to be renewed there; ${INSECURE}`],
  ['CERT_NOT_YET_VALID', `the certificate is not valid yet: compare the clocks; ${INSECURE}`],
  ['ERR_TLS_CERT_ALTNAME_INVALID', `the certificate is for another host name; ${INSECURE}`],
  ['CERT_REVOKED', 'the certificate is revoked'],
]);

/** True for the answer of a server that does not speak TLS on this port. */
export function isNotTls(error: unknown): boolean {
  const text = `${errorCode(error)} ${error instanceof Error ? error.message : ''}`;
  return /WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long|ERR_SSL_HTTP_REQUEST|http request|UNKNOWN_PROTOCOL|unknown protocol|RECORD_LAYER_FAILURE|record layer failure/.test(
    text,
  );
}

/**
 * What went wrong with TLS, in words that name the option that helps; undefined when the error has nothing to do
 * with TLS. None of these goes away by trying again.
 */
export function tlsProblem(error: unknown): string | undefined {
  const code = errorCode(error);
  const known = CERTIFICATE.get(code);
  if (known !== undefined) return known;
  if (isNotTls(error)) {
    return 'the server does not speak TLS on this port; for a registry over plain http there is --plain-http (in a copy --from-plain-http or --to-plain-http)';
  }
  if (/ALERT.*(CERTIFICATE|UNKNOWN_CA)/.test(code))
    return `the server refused the client certificate (${code}); ${CLIENT}`;
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO')
    return `TLS failed (${code})`;
  return /^(?:CERT_|CRL_|UNABLE_TO_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(code)
    ? `the certificate is not accepted (${code}); ${TRUST}`
    : undefined;
}
