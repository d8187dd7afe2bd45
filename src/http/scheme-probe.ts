import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

import { RegferryError, abortError } from '../errors.js';
import { errorCode } from './error-code.js';
import { CONNECT_TIMEOUT_MS } from './limits.js';
import { meaningOf } from './network-error.js';
import { isNotTls } from './tls-error.js';
import { bareHost } from './url.js';

/** Limits of a probe. */
export interface ProbeOptions {
  /** @default 10,000 */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Whether a port of a host (an IPv6 address in brackets) speaks TLS: a bare handshake that accepts any certificate and sends no request. True when the
 * handshake completes or fails in a way that only a TLS server fails (an alert); false only for an answer that is not
 * TLS, or a close before the handshake. Throws E_NETWORK when nothing listens, E_TIMEOUT when nothing is answered,
 * E_ABORTED. Meant for loopback registries, the only ones where plain http needs no option.
 */
export async function speaksTls(host: string, port: number, options: ProbeOptions = {}): Promise<boolean> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortError(signal);
  const name = bareHost(host);
  const socket = connect({
    host: name,
    port,
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(name) === 0 ? { servername: name } : {}),
  });
  const where = `${host}:${port}`;
  const abort = (): void => {
    if (signal !== undefined) socket.destroy(abortError(signal));
  };
  const timeout = new RegferryError('E_TIMEOUT', `${where} does not answer a TLS handshake`, {
    retryable: true,
  });
  const timer = setTimeout(() => socket.destroy(timeout), options.timeoutMs ?? CONNECT_TIMEOUT_MS);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await handshake(socket, where);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function handshake(socket: TLSSocket, where: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let connected = false;
    socket.once('connect', () => (connected = true));
    socket.once('secureConnect', () => resolve(true));
    socket.on('error', (error: Error) => {
      if (error instanceof RegferryError) reject(error);
      else if (isNotTls(error)) resolve(false);
      else if (/^ERR_SSL_|^EPROTO$/.test(errorCode(error))) resolve(true);
      else if (connected) resolve(false);
      else {
        const { code, retryable, text } = meaningOf(error);
        reject(new RegferryError(code, `${where} cannot be reached: ${text}`, { cause: error, retryable }));
      }
    });
    socket.once('close', () => resolve(false));
  });
}
