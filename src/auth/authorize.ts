import { RegferryError } from '../errors.js';
import type { HttpSender } from '../http/message.js';
import type { AccessRequest, Authorizer } from './authorizer.js';
import { parseChallenges, usableChallenges } from './challenge.js';
import type { Credential, CredentialProvider } from './credentials.js';

/** What an authorizer works with. */
export interface AuthorizerOptions {
  /** The registry as the user spelled it: the key under which credentials are kept, and the name in messages. */
  readonly registry: string;
  /** Where credentials come from. @default none: anonymous */
  readonly credentials?: CredentialProvider | undefined;
  /** Sends token requests. */
  readonly http: HttpSender;
}

/** An authorizer for one registry: learns from its first 401 how it wants to be talked to. */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const basicOrigins = new Set<string>();
  const find = async (request: AccessRequest): Promise<Credential | undefined> =>
    options.credentials?.credential(
      { registry: options.registry, repository: request.scopes[0]?.repository ?? '' },
      { signal: request.signal },
    );
  const basic = (credential: Credential | undefined): string | undefined =>
    credential?.kind === 'basic'
      ? `Basic ${Buffer.from(`${credential.username.reveal()}:${credential.password.reveal()}`).toString('base64')}`
      : undefined;
  return {
    async authorization(request) {
      return basicOrigins.has(request.origin) ? basic(await find(request)) : undefined;
    },
    async challenged(request, headers, sent) {
      const usable = usableChallenges(parseChallenges(headers.all('www-authenticate')));
      const credential = await find(request);
      const header = usable.some(({ scheme }) => scheme === 'basic') ? basic(credential) : undefined;
      if (header === undefined || header === sent) {
        throw new RegferryError('E_UNAUTHORIZED', `${options.registry} refused access (401)`, {
          status: 401,
        });
      }
      basicOrigins.add(request.origin);
      return header;
    },
    refused: () =>
      new RegferryError('E_UNAUTHORIZED', `${options.registry} refused access (401)`, { status: 401 }),
  };
}
