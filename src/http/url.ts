import { RegferryError } from '../errors.js';
import { redactUrl } from './redact.js';

/** A URL cut in two: the canonical origin (`https://host[:port]`, default port dropped), and the rest as it was spelled. */
export interface SplitUrl {
  readonly origin: string;
  /** Path and query, byte for byte; starts with a slash. */
  readonly path: string;
}

// Header values arrive as latin1, so bytes above 0x7f are kept as they came.
const ALLOWED = /^[\x21-\x7e\x80-\xff]+$/;
const ABSOLUTE = /^(https?:)\/\/([^/?#\\]+)((?:[/?][^#]*)?)/i;

/**
 * Splits an absolute http or https URL without normalising or re-encoding its path: registries sign the exact
 * spelling (`%2F` at GHCR, `_state` at distribution). A fragment is dropped.
 * Throws E_REFUSED for another scheme, userinfo, control characters or spaces, and anything that is no URL.
 */
export function splitUrl(raw: string): SplitUrl {
  const match = ALLOWED.test(raw) ? ABSOLUTE.exec(raw) : null;
  const [, scheme = '', authority = '', rest = ''] = match ?? [];
  if (match === null || (rest === '' && raw[match[0].length] === '\\'))
    throw refused(raw, 'not an http or https URL');
  if (authority.includes('@')) throw refused(raw, 'a URL with a user name in it');
  let origin: string;
  try {
    origin = new URL(`${scheme}//${authority}`).origin;
  } catch {
    throw refused(raw, 'not an http or https URL');
  }
  return { origin, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** A host as sockets and address lists take it: an IPv6 address without the brackets that URLs put around it. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** True when two URLs (or origins) have scheme, host and port in common; `:443` and `:80` count as left out. */
export function sameOrigin(a: string, b: string): boolean {
  try {
    return splitUrl(a).origin === splitUrl(b).origin;
  } catch {
    return false;
  }
}

/**
 * The URL that a `Location` (or `Link`) means, joined to the URL that answered. Knows absolute, network-path,
 * path-absolute and relative forms, and the scheme-less `host[:port]/v2/…` that registries behind bad proxies send.
 * The query's bytes stay untouched; a fragment is dropped. Throws E_REFUSED for control characters, spaces, other
 * schemes and userinfo. Whether the new origin may be visited is not decided here.
 */
export function joinLocation(base: string, location: string): string {
  const [target = ''] = location.split('#', 1);
  if (!ALLOWED.test(target)) throw refused(location, 'a Location that is no URL');
  const joined = resolve(base, target);
  splitUrl(joined);
  return joined;
}

function resolve(base: string, target: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return target;
  const { origin, path } = splitUrl(base);
  const scheme = origin.slice(0, origin.indexOf(':') + 1);
  if (target.startsWith('//')) return scheme + target;
  if (target.startsWith('/')) return origin + target;
  const [directory = '/'] = path.split('?', 1);
  if (target.startsWith('?')) return origin + directory + target;
  if (isHostPath(target, origin)) return `${scheme}//${target}`;
  if (/^[^/?]*:/.test(target)) throw refused(target, 'a Location of another scheme');
  return origin + climb(directory.slice(0, directory.lastIndexOf('/') + 1), target);
}

/** True for `host[:port]/v2/…`: the first part has to look like a host, or be the one that answered. */
function isHostPath(target: string, origin: string): boolean {
  const match = /^((?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)\/v2\//i.exec(target);
  if (match === null) return false;
  const host = (match[1] ?? '').toLowerCase();
  if (host === '.' || host === '..') return false;
  return /[.:]/.test(host) || host === 'localhost' || origin.endsWith(`//${host}`);
}

/** Takes leading `./` and `../` off a relative path; nothing else is normalised. */
function climb(directory: string, relative: string): string {
  let folder = directory;
  let rest = relative;
  for (;;) {
    if (rest.startsWith('./')) {
      rest = rest.slice(2);
    } else if (rest.startsWith('../')) {
      rest = rest.slice(3);
      folder = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1) || '/';
    } else {
      return folder + rest;
    }
  }
}

/** Adds `key=value` (already encoded) to a URL, textually, so that what is there keeps its spelling. A fragment is dropped. */
export function appendQuery(url: string, query: string): string {
  const [head = ''] = url.split('#', 1);
  if (!head.includes('?')) return `${head}?${query}`;
  return /[?&]$/.test(head) ? head + query : `${head}&${query}`;
}

function refused(url: string, what: string): RegferryError {
  return new RegferryError('E_REFUSED', `refused ${what}: ${redactUrl(url) || '(empty)'}`);
}
