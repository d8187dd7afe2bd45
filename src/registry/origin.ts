import type { Op } from '../content/store.js';
import { speaksTls } from '../http/scheme-probe.js';

/** Docker Hub's API host; `docker.io` itself serves web pages. */
const HUB_API = 'registry-1.docker.io';

/** True for hosts that mean this machine: `localhost`, `*.localhost`, 127.0.0.0/8 and [::1]. Takes `host[:port]`. */
export function isLoopbackHost(registry: string): boolean {
  const { hostname } = splitHost(registry);
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname)
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
 * answers a TLS handshake with something that is not TLS. Never http after a certificate error or a refused connection
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
  const tls = await speaksTls(hostname.replace(/^\[|\]$/g, ''), port ?? 443, {
    timeoutMs: options.connectTimeoutMs,
    signal: op.signal,
  });
  return tls ? `https://${host}` : `http://${host}`;
}

function splitHost(registry: string): { hostname: string; port: number | undefined } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(registry.toLowerCase());
  return { hostname: match?.[1] ?? registry, port: match?.[2] === undefined ? undefined : Number(match[2]) };
}
