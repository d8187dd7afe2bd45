import type { HttpHeaders } from './message.js';

/** Response headers over undici's record: names in lower case, values as latin1, repeated ones as arrays. */
export function receivedHeaders(
  record: Readonly<Record<string, string | readonly string[] | undefined>>,
): HttpHeaders {
  function all(name: string): readonly string[] {
    const value = Object.hasOwn(record, name) ? record[name] : undefined;
    if (value === undefined) return [];
    return typeof value === 'string' ? [value] : value;
  }
  return { all, get: (name) => all(name)[0] };
}
