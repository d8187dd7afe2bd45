/**
 * The system, TLS or undici code of an error (`ECONNREFUSED`, `CERT_HAS_EXPIRED`, `UND_ERR_SOCKET`), looked for in
 * the error, in the first of an AggregateError (several addresses tried) and in its causes. Empty when there is none.
 */
export function errorCode(error: unknown): string {
  let current: unknown = error;
  for (let depth = 0; depth < 5 && current instanceof Error; depth += 1) {
    if ('code' in current && typeof current.code === 'string') return current.code;
    current = current instanceof AggregateError ? (current.errors as readonly unknown[])[0] : current.cause;
  }
  return '';
}

const TOO_MANY_FILES =
  'too many files and connections are open; allow more (ulimit -n), or copy less at a time';

const LOCAL = new Map([
  ['EMFILE', `in this process ${TOO_MANY_FILES}`],
  ['ENFILE', `on this machine ${TOO_MANY_FILES}`],
  ['ENOBUFS', 'this machine has no buffers left for another connection'],
  ['ENOMEM', 'this machine has no memory left for another connection'],
  ['EADDRINUSE', 'this machine has no port left for another connection'],
]);

/** What this machine lacks to make a connection, in words; undefined for the codes of everything that is not its fault. */
export function localFailure(code: string): string | undefined {
  const words = LOCAL.get(code);
  return words === undefined ? undefined : `${words} (${code})`;
}
