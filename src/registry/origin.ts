import { BlockList, isIP } from 'node:net';

import type { Op } from '../content/store.js';
import { loopbackSpeaksTls } from '../http/loopback-scheme.js';
import { bareHost } from '../http/url.js';

/** Docker Hub's API host; `docker.io` itself serves web pages. */
const HUB_API = 'registry-1.docker.io';

// An IPv4 range counts for its addresses written into IPv6 (::ffff:127.0.0.1) as well.
const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for hosts that mean this machine: `localhost`, `*.localhost`, 127.0.0.0/8 and [::1], however it is spelled. Takes `host[:port]`. */
export function isLoopbackHost(registry: string): boolean {
  const { hostname } = splitHost(registry);
  const address = bareHost(hostname);
  const family = isIP(address);
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    (family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6'))
  );
}

/** How the scheme of a registry is chosen. */
export interface OriginOptions {
  /** Use http whatever the host. @default false */
  readonly plainHttp?: boolean | undefined;
  readonly connectTimeoutMs?: number | undefined;
}

/**
 * The origin of a registry's API. https everywhere, but http where it was asked for, and for loopback hosts whose port
 * answers a TLS handshake with something that is not TLS, or is silent to it and answers as a registry in plain HTTP. Never http after a certificate error or a refused connection
 * (CVE-2014-5277). Throws E_NETWORK or E_TIMEOUT when a loopback port cannot be reached.
 */
export async function registryOrigin(
  registry: string,
  options: OriginOptions = {},
  op: Op = {},
): Promise<string> {
  const host = registry === 'docker.io' ? HUB_API : registry.toLowerCase();
  if (options.plainHttp === true) return `http://${host}`;
  if (!isLoopbackHost(registry)) return `https://${host}`;
  const { hostname, port } = splitHost(host);
  const tls = await loopbackSpeaksTls(hostname, port ?? 443, {
    timeoutMs: options.connectTimeoutMs,
    signal: op.signal,
  });
  return tls ? `https://${host}` : `http://${host}`;
}

function splitHost(registry: string): { hostname: string; port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(registry.toLowerCase());
  return { hostname: match?.[1] ?? registry, port: match?.[2] === undefined ? undefined : Number(match[2]) };
}
