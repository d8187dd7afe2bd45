import { connect, type Socket } from 'node:net';

import { abortError, throwIfAborted } from '../errors.js';
import { HEADER_SIZE_LIMIT } from './limits.js';
import { bareHost } from './url.js';

/**
 * What a port says to `GET /v2/` without TLS: what a registry says to it (200, 401, or a registry's header), something
 * else in HTTP (a TLS server may: 400), or nothing that is HTTP.
 */
export type PlainAnswer = 'registry' | 'http' | 'nothing';

/** Asks a port in plain HTTP, without any credential. Waits until it answers, closes or the signal aborts (E_ABORTED). */
export async function askPlainly(host: string, port: number, signal: AbortSignal): Promise<PlainAnswer> {
  throwIfAborted(signal);
  const socket = connect({ host: bareHost(host), port });
  const abort = (): void => {
    socket.destroy(abortError(signal));
  };
  signal.addEventListener('abort', abort, { once: true });
  socket.write(
    `GET /v2/ HTTP/1.1\r\nHost: ${host}:${port}\r\nUser-Agent: regferry\r\nConnection: close\r\n\r\n`,
  );
  try {
    return meaningOf(await headOf(socket));
  } catch {
    throwIfAborted(signal);
    return 'nothing';
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

/** The first bytes, up to the end of the headers where there is one. Interim answers (1xx) are passed over. */
async function headOf(socket: Socket): Promise<string> {
  const pieces: AsyncIterable<Buffer> = socket;
  let head = '';
  for await (const piece of pieces) {
    head += piece.toString('latin1');
    head = head.replace(/^(?:HTTP\/1\.[01] 1\d\d\b[^]*?\r\n\r\n)+/, '');
    if (head.includes('\r\n\r\n') || head.length > HEADER_SIZE_LIMIT) break;
  }
  return head;
}

function meaningOf(answer: string): PlainAnswer {
  const [head = ''] = answer.split('\r\n\r\n', 1);
  const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(head)?.[1];
  if (status === undefined) return 'nothing';
  if (/\r\ndocker-distribution-api-version:/i.test(head) || status === '401') return 'registry';
  return status === '200' && !/\r\ncontent-type:[ \t]*text\/html/i.test(head) ? 'registry' : 'http';
}
