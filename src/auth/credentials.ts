import { createHash } from 'node:crypto';

import type { Op } from '../content/store.js';
import type { Secrets } from '../secrets/secrets.js';
import { Secret } from './secret.js';

/** What somebody logs in with. `source` says in words where it came from, for messages; the rest never prints itself. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: Secret; readonly password: Secret; readonly source: string }
  | {
      /** An OAuth2 refresh token, exchanged for access tokens at the token service. */
      readonly kind: 'identity';
      readonly token: Secret;
      readonly username?: Secret | undefined;
      readonly source: string;
    }
  | {
      /** A token that is sent to the registry as it is. */
      readonly kind: 'bearer';
      readonly token: Secret;
      readonly source: string;
    };

/** Whose credential is wanted: the registry as the user spelled it, and the repository path (may be empty). */
export interface CredentialTarget {
  readonly registry: string;
  readonly repository: string;
}

/** Finds credentials. */
export interface CredentialProvider {
  /** Undefined when it knows none. Throws E_CONFIG or E_CREDENTIAL_HELPER when it should know but cannot tell. */
  credential(target: CredentialTarget, op?: Op): Promise<Credential | undefined>;
}

/** A user name with its password, e.g. `basicCredential('me', 'secret', 'my settings')`. */
export function basicCredential(username: string, password: string, source: string): Credential {
  return { kind: 'basic', username: new Secret(username), password: new Secret(password), source };
}

/** An identity (refresh) token; some registries also accept it as the password of `username`. */
export function identityCredential(token: string, source: string, username?: string): Credential {
  const name = username === undefined ? {} : { username: new Secret(username) };
  return { kind: 'identity', token: new Secret(token), ...name, source };
}

/** A token that the registry takes as it is, without a token service. */
export function bearerCredential(token: string, source: string): Credential {
  return { kind: 'bearer', token: new Secret(token), source };
}

/** Gives the same credential for every registry: meant for the options of one side. */
export function staticCredentials(credential: Credential | undefined): CredentialProvider {
  return { credential: () => Promise.resolve(credential) };
}

/** Asks one provider after the other; the first credential wins, the first error ends it. */
export function chainCredentials(providers: readonly CredentialProvider[]): CredentialProvider {
  return {
    async credential(target, op) {
      for (const provider of providers) {
        const found = await provider.credential(target, op);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** Puts all of a credential that is secret among those that no message may show. */
export function holdCredential(secrets: Secrets | undefined, credential: Credential | undefined): void {
  if (credential === undefined) return;
  const password = credential.kind === 'basic' ? credential.password : credential.token;
  const username = credential.kind === 'bearer' ? undefined : credential.username;
  if (username === undefined) secrets?.hold(password.reveal());
  else secrets?.holdLogin(username.reveal(), password.reveal());
}

/** Tells credentials apart without keeping them; empty for none. */
export function fingerprint(credential: Credential | undefined): string {
  if (credential === undefined) return '';
  const hash = createHash('sha256').update(credential.kind);
  const secrets =
    credential.kind === 'basic' ? [credential.username, credential.password] : [credential.token];
  for (const secret of secrets) hash.update('\0').update(secret.reveal());
  return hash.digest('base64');
}
