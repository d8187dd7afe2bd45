import { RegferryError, type ErrorDetails, type Hint, type Side } from '../errors.js';
import type { Scope } from './authorizer.js';
import type { Credential } from './credentials.js';
import { formatScopes, requestScopes } from './scope.js';

/** Who was refused what. */
export interface DenialContext {
  /** As the user spelled it. */
  readonly registry: string;
  readonly side?: Side | undefined;
  readonly scopes: readonly Scope[];
  /** What was sent; undefined for anonymous. */
  readonly credential?: Credential | undefined;
}

/** The token service that refused, and how; without it, the registry itself refused with 401. */
export interface TokenRefusal extends Pick<ErrorDetails, 'cause' | 'status' | 'registryCodes'> {
  readonly host: string;
}

/** E_UNAUTHORIZED that names the host, the scope, and where the credential came from (never its value). */
export function denial(context: DenialContext, refusal?: TokenRefusal): RegferryError {
  const { registry, credential } = context;
  const scope = formatScopes(requestScopes(context.scopes)).join(' ');
  const wanted = scope === '' ? '' : ` for ${scope}`;
  const status = refusal?.status ?? 401;
  const who = refusal === undefined ? registry : `the token service ${refusal.host} of ${registry}`;
  const message =
    credential === undefined
      ? `${who} gives no anonymous access${wanted} (${status}): not public, or not there`
      : `${who} refused the credentials from ${credential.source}${wanted} (${status})`;
  const hint: Hint = { code: credential === undefined ? 'log-in' : 'renew-login', registry };
  return unauthorized(message, context, { ...refusal, status, hint });
}

/** E_UNAUTHORIZED for a registry that answers 401 and offers no way to log in that we know. */
export function noWayIn(context: DenialContext, schemes: readonly string[]): RegferryError {
  const offered = [...new Set(schemes)].slice(0, 5).map((scheme) => scheme.slice(0, 32));
  const message =
    offered.length === 0
      ? `${context.registry} answered 401 without saying how to log in`
      : `${context.registry} offers only ways to log in that are not supported (${offered.join(', ')})`;
  return unauthorized(message, context, {});
}

/** E_UNAUTHORIZED for a token service that is not among the trusted ones. */
export function untrustedRealm(context: DenialContext, host: string): RegferryError {
  const message = `${context.registry} wants the credentials sent to ${host}, which is not a trusted realm`;
  return unauthorized(message, context, { hint: { code: 'trust-realm', host } });
}

function unauthorized(message: string, context: DenialContext, details: ErrorDetails): RegferryError {
  const { cause, status, registryCodes, hint } = details;
  const { side } = context;
  return new RegferryError('E_UNAUTHORIZED', message, { cause, status, registryCodes, hint, side });
}
