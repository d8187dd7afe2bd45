import type { Hint } from '../errors.js';
import { printable } from '../spec/printable.js';
import { errorCode } from './error-code.js';

/** What went wrong with TLS, in words, and what may help. */
export interface TlsProblem {
  readonly text: string;
  readonly hint?: Hint | undefined;
}

const UNKNOWN_CA: TlsProblem = {
  text: 'the certificate is signed by an unknown CA',
  hint: { code: 'trust-ca' },
};

const CERTIFICATE = new Map<string, TlsProblem>([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', { text: 'the certificate is self-signed', hint: { code: 'trust-ca' } }],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_CA],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_CA],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_CA],
  ['CERT_UNTRUSTED', UNKNOWN_CA],
  [
    'CERT_HAS_EXPIRED',
    { text: 'the certificate has expired: it has to be renewed there', hint: { code: 'skip-verification' } },
  ],
  [
    'CERT_NOT_YET_VALID',
    { text: 'the certificate is not valid yet: compare the clocks', hint: { code: 'skip-verification' } },
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    { text: 'the certificate is for another host name', hint: { code: 'skip-verification' } },
  ],
  ['CERT_REVOKED', { text: 'the certificate is revoked' }],
]);

/** Most names of a certificate that are told. */
const MOST_NAMES = 5;

/** The names that a certificate is for, as far as it has any. */
function otherNames(error: unknown): string {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth += 1) {
    if (!('cert' in one)) continue;
    const { cert } = one;
    if (typeof cert !== 'object' || cert === null || !('subjectaltname' in cert)) return '';
    const names = String(cert.subjectaltname)
      .split(/,\s*/)
      .map((name) => printable(name.replace(/^(?:DNS|IP Address):/, ''), 100))
      .filter((name) => name !== '');
    const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
    return names.length === 0 ? '' : `: it is for ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  }
  return '';
}

/** True for the answer of a server that does not speak TLS on this port. */
export function isNotTls(error: unknown): boolean {
  const text = `${errorCode(error)} ${error instanceof Error ? error.message : ''}`;
  return /WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long|ERR_SSL_HTTP_REQUEST|http request|UNKNOWN_PROTOCOL|unknown protocol|RECORD_LAYER_FAILURE|record layer failure/.test(
    text,
  );
}

/**
 * What went wrong with TLS; undefined when the error has nothing to do with TLS. None of these goes away by trying again.
 */
export function tlsProblem(error: unknown): TlsProblem | undefined {
  const code = errorCode(error);
  const known = CERTIFICATE.get(code);
  if (known !== undefined) {
    const names = code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? otherNames(error) : '';
    return { ...known, text: `${known.text}${names}` };
  }
  if (isNotTls(error)) {
    return { text: 'the server does not speak TLS on this port', hint: { code: 'plain-http' } };
  }
  if (/ALERT.*(CERTIFICATE|UNKNOWN_CA)/.test(code)) {
    const text = `the server refused the client certificate, or wants one (${code})`;
    return { text, hint: { code: 'client-certificate' } };
  }
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO')
    return { text: `TLS failed (${code})` };
  return /^(?:CERT_|CRL_|UNABLE_TO_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(code)
    ? { text: `the certificate is not accepted (${code})`, hint: { code: 'trust-ca' } }
    : undefined;
}
