import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

import type { Scope } from '../auth/authorizer.js';
import { basicCredential, chainCredentials, staticCredentials } from '../auth/credentials.js';
import type { CredentialProvider } from '../auth/credentials.js';
import { fileReason } from '../content/file-error.js';
import { RegferryError, type Side } from '../errors.js';
import type { OriginSettings } from '../http/connections.js';
import { pullScope } from '../registry/scopes.js';
import type { Secrets } from '../secrets/secrets.js';
import { sameRegistry, type Reference } from '../spec/reference.js';
import type { Environment } from './environment.js';
import type { SideOptions } from './options.js';

/** The credentials of one side: its own login first, then its provider, then the environment's. Throws E_USAGE for half a login. */
export function credentialsOf(
  side: Side,
  options: SideOptions,
  environment: Environment | undefined,
): CredentialProvider | undefined {
  if (options.anonymous === true) return undefined;
  const { username, password, credentials } = options;
  if ((username === undefined) !== (password === undefined)) {
    throw new RegferryError('E_USAGE', 'the user name and the password belong together: give both', { side });
  }
  const own =
    username === undefined || password === undefined
      ? []
      : [staticCredentials(basicCredential(username, password, 'the login options'))];
  const others = [credentials, environment?.credentials].filter((provider) => provider !== undefined);
  return chainCredentials([...own, ...others]);
}

/** Puts the logins of both sides among what no output may show, whether or not anybody asks for them. */
export function holdLogins(secrets: Secrets, ...sides: readonly (SideOptions | undefined)[]): void {
  for (const side of sides) {
    if (side?.password !== undefined) secrets.holdLogin(side.username ?? '', side.password);
  }
}

/** The options of a side that decide who it is. */
const LOGIN = ['anonymous', 'username', 'password', 'credentials'] as const;

/**
 * What targets at a registry will mount blobs from: the source, where it is at the same registry and both sides have the
 * same login. With another one the target's token service would likely refuse it.
 */
export function mountSource(
  from: Reference | undefined,
  registry: string,
  {
    source,
    target,
  }: { readonly source?: SideOptions | undefined; readonly target?: SideOptions | undefined },
): Scope | undefined {
  if (from === undefined || !sameRegistry(from.registry, registry)) return undefined;
  const isSame = LOGIN.every((option) => source?.[option] === target?.[option]);
  return isSame ? pullScope(from.repository) : undefined;
}

/**
 * How connections of one side are made. Certificate authorities serve every origin of the side (a token service often
 * shares the registry's); the client certificate and `insecure` belong to the registries' own origins alone.
 * Throws E_USAGE for half a client certificate, E_CONFIG for files that cannot be read.
 */
export function connectionSettings(
  options: SideOptions,
  environment: Environment | undefined,
  isRegistry: (origin: string) => boolean,
): (origin: string) => OriginSettings {
  const { caFile, certFile, keyFile, insecure } = options;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new RegferryError('E_USAGE', 'a client certificate and its key belong together: give both files');
  }
  const ca = caFile === undefined ? [] : [readPem(caFile, 'CERTIFICATE')];
  const pair =
    certFile === undefined || keyFile === undefined
      ? {}
      : {
          cert: readPem(certFile, 'CERTIFICATE'),
          key: readPem(keyFile, 'PRIVATE KEY'),
        };
  return (origin) => {
    const rooted = ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca] };
    const found: OriginSettings = environment?.tls(origin, ca) ?? rooted;
    return {
      ...found,
      ...(isRegistry(origin) ? { ...pair, insecure } : {}),
      proxy: environment?.proxy(origin),
    };
  };
}

function readPem(file: string, wanted: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new RegferryError('E_CONFIG', `cannot read ${file}: ${fileReason(error)}`, { cause: error });
  }
  const kinds = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g)].map(([, kind = '']) => kind);
  if (kinds.some((kind) => kind.includes(wanted))) return text;
  if (!text.includes('-----BEGIN ')) {
    throw new RegferryError('E_CONFIG', `${file} is not a PEM file: it has no "-----BEGIN" line`);
  }
  const named = wanted === 'CERTIFICATE' ? 'certificate' : 'private key';
  const found = [...new Set(kinds)].slice(0, 5).map((kind) => kind.toLowerCase());
  const holds = found.length === 0 ? 'something else' : found.join(', ');
  throw new RegferryError(
    'E_CONFIG',
    `${file} holds no ${named}, but ${holds}: is it another file that is meant?`,
  );
}
