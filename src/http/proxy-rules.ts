import { BlockList, isIP } from 'node:net';

import { RegferryError } from '../errors.js';
import { addressClass } from './address-class.js';
import { bareHost } from './url.js';

/** The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
export interface ProxyRules {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly no?: string | undefined;
}

/** A proxy, and the value of Proxy-Authorization that it and nobody else gets. */
export interface Proxy {
  /** `http://host:port`, without user name and password. */
  readonly url: string;
  readonly authorization?: string | undefined;
}

/**
 * The proxy for an origin, undefined for a direct connection. By the rules of Go's programs: plain http goes by
 * HTTP_PROXY, https by HTTPS_PROXY; loopback is always direct. Throws E_CONFIG, without showing it, when the value is no
 * proxy's address. https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
 */
export function proxyFor(origin: string, rules: ProxyRules): Proxy | undefined {
  const { protocol, hostname, port } = new URL(origin);
  const secure = protocol === 'https:';
  const value = (secure ? rules.https : rules.http)?.trim() ?? '';
  const host = bareHost(hostname).replace(/\.$/, '').toLowerCase();
  if (value === '' || isLoopback(host)) return undefined;
  const actualPort = port === '' ? (secure ? '443' : '80') : port;
  const entries = (rules.no ?? '').toLowerCase().split(/[\s,]+/);
  if (entries.some((entry) => entry !== '' && excludes(entry, host, actualPort))) return undefined;
  return parseProxy(value, secure ? 'HTTPS_PROXY' : 'HTTP_PROXY');
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  return isIP(host) !== 0 && addressClass(host) === 'loopback';
}

/** One entry of NO_PROXY: `*`, `example.com` with what is below it, `.example.com` and `*.example.com` for that alone, an address, a CIDR; any but the last with a port. */
function excludes(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isIP(host) !== 0 && inSubnet(host, entry);
  const [, bracketed, plain, entryPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const name = bracketed ?? plain ?? entry;
  if (entryPort !== undefined && entryPort !== port) return false;
  if (isIP(host) !== 0) return inSubnet(host, name);
  const suffix = name.replace(/^\*(?=\.)/, '').replace(/\.$/, '');
  if (suffix === '') return false;
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function inSubnet(host: string, subnet: string): boolean {
  const [address = '', bits] = subnet.split('/');
  const version = isIP(address);
  const longest = version === 6 ? 128 : 32;
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : longest + 1;
  if (version === 0 || prefix > longest) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, version === 6 ? 'ipv6' : 'ipv4');
  return list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}

function parseProxy(value: string, variable: string): Proxy {
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(spelled) ? new URL(spelled) : undefined;
  if (url === undefined || url.hostname === '' || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new RegferryError('E_CONFIG', `${variable} is not the address of a proxy (http://host:port)`);
  }
  const authorization = proxyAuthorization(url, variable);
  return { url: url.origin, ...(authorization === undefined ? {} : { authorization }) };
}

function proxyAuthorization({ username, password }: URL, variable: string): string | undefined {
  if (username === '' && password === '') return undefined;
  try {
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(login).toString('base64')}`;
  } catch {
    throw new RegferryError('E_CONFIG', `the login in ${variable} is not percent-encoded correctly`);
  }
}
