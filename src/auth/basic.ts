import { RegferryError } from '../errors.js';
import type { Credential } from './credentials.js';

/**
 * The Basic header for a credential, RFC 7617, UTF-8; undefined for a bearer token. An identity token stands in as the
 * password of its user, or of `<token>` (ACR and others take that). Throws E_CONFIG when the user name holds a colon.
 */
export function basicHeader(credential: Credential): string | undefined {
  if (credential.kind === 'bearer') return undefined;
  const username = credential.username?.reveal() ?? '<token>';
  if (username.includes(':')) {
    throw new RegferryError(
      'E_CONFIG',
      `the user name from ${credential.source} holds a colon, which a login cannot carry`,
    );
  }
  const password = credential.kind === 'basic' ? credential.password : credential.token;
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString('base64')}`;
}

/** The header for a token. Throws E_CONFIG, naming `source`, when it holds what no header can carry. */
export function bearerHeader(token: string, source: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new RegferryError('E_CONFIG', `the token from ${source} holds characters that no header can carry`);
  }
  return `Bearer ${token}`;
}
