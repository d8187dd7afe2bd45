import { isIP } from 'node:net';

import { RegferryError, type Hint } from '../errors.js';
import { addressClass, type AddressClass } from '../http/address-class.js';
import { bareHost } from '../http/url.js';

/** A token service, found safe to ask. */
export interface Realm {
  /** Absolute URL, normalised, without fragment. */
  readonly url: string;
  /** `host[:port]`, lower case. */
  readonly host: string;
  /** True when it is another host than the registry's. */
  readonly foreign: boolean;
}

/** What the spelling of a host alone tells; any other name is judged by its addresses, when it is connected to. */
function spelledClass(hostname: string): AddressClass | undefined {
  const host = bareHost(hostname).replace(/\.$/, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return 'loopback';
  return isIP(host) === 0 ? undefined : addressClass(host);
}

/**
 * The token service that a registry names, as an absolute URL. The realm is a string from a stranger: it must be https,
 * or http where the registry itself is; never a link-local address, nor, from a registry at a public address and unless
 * `allowPrivate`, this machine or a private network. Throws E_REFUSED.
 */
export function resolveRealm(realm: string, registryOrigin: string, allowPrivate = false): Realm {
  const registry = new URL(registryOrigin);
  const url = URL.canParse(realm, registryOrigin) ? new URL(realm, registryOrigin) : undefined;
  if (url === undefined) throw refused(registry, { text: 'is not a URL' });
  const problem = findProblem(url, registry, allowPrivate);
  if (problem !== undefined) throw refused(registry, problem);
  url.hash = '';
  return { url: url.href, host: url.host, foreign: url.hostname !== registry.hostname };
}

/** Why a token service must not be asked, and what would allow it. */
interface Problem {
  readonly text: string;
  readonly hint?: Hint;
}

function refused(registry: URL, { text, hint }: Problem): RegferryError {
  return new RegferryError('E_REFUSED', `${registry.host} names a token service that ${text}`, { hint });
}

function findProblem(url: URL, registry: URL, allowPrivate: boolean): Problem | undefined {
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && registry.protocol === 'http:')) {
    return { text: `is not https (${url.protocol}//${url.host})` };
  }
  if (url.username !== '' || url.password !== '') return { text: `has a login in its address (${url.host})` };
  if (url.hostname === registry.hostname) return undefined;
  const there = spelledClass(url.hostname);
  if (there === 'link-local') return { text: `is at a link-local address (${url.host})` };
  const local = there === 'loopback' || there === 'private';
  if (local && !allowPrivate && spelledClass(registry.hostname) === 'public') {
    const text = `is inside this machine or its private network (${url.host}), although the registry is not`;
    return { text, hint: { code: 'allow-private' } };
  }
  return undefined;
}

/** True when `realm` may get credentials under a list of trusted hosts (`host` or `host:port`); the registry's own always may. */
export function isTrustedRealm(realm: Realm, trusted: readonly string[]): boolean {
  const { protocol } = new URL(realm.url);
  const spelled = (host: string): string =>
    URL.canParse(`${protocol}//${host}`) ? new URL(`${protocol}//${host}`).host : '';
  return !realm.foreign || trusted.some((host) => spelled(host) === realm.host);
}
