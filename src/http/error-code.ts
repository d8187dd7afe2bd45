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
