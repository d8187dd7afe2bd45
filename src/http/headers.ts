import type { HttpHeaders } from './message.js';

/**
 * The number of bytes that an upload's `Range` confirms: `0-99` (also `bytes=0-99`) is 100, `0--1` is 0.
 * Undefined for anything else. `0-0` gives 1, but a fresh session at distribution says it for 0 bytes: whoever asks
 * decides by what it has sent. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 */
export function parseUploadRange(value: string | undefined): number | undefined {
  const match = /^(?:bytes[= ])?0-(-1|\d{1,15})$/.exec(value?.trim() ?? '');
  return match === null ? undefined : Number(match[1]) + 1;
}

/** The part of a body that a 206 carries; `end` is the last byte, `total` undefined for `*`. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly total: number | undefined;
}

/** `Content-Range: bytes N-L/T` or `bytes N-L/*` (RFC 9110 14.4); undefined for other units, orders and forms. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i.exec(value?.trim() ?? '');
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]);
  const total = match[3] === '*' ? undefined : Number(match[3]);
  return end < start || (total !== undefined && end >= total) ? undefined : { start, end, total };
}

/**
 * Milliseconds that `Retry-After` asks to wait, seconds or a date (RFC 9110 10.2.3): a date in the past is 0, what is
 * neither is undefined. A date is measured against the answer's own `Date`, so that a wrong clock here does no harm.
 */
export function parseRetryAfter(headers: HttpHeaders, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value), 1e9) * 1000;
  const until = parseHttpDate(value);
  if (until === undefined) return undefined;
  return Math.max(0, until - (parseHttpDate(headers.get('date') ?? '') ?? now));
}

// Date.parse alone takes almost any text with a digit for a date
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} (?:GMT|UTC)$/;

function parseHttpDate(value: string): number | undefined {
  const time = HTTP_DATE.test(value.trim()) ? Date.parse(value.trim()) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

/**
 * The target of the `Link` whose relation is `next` (RFC 8288), as it is spelled; undefined when there is none.
 * Quoted and bare `rel`, several relations, several links in one header and commas inside the target are understood.
 */
export function parseNextLink(values: readonly string[]): string | undefined {
  for (const value of values) {
    let at = value.indexOf('<');
    while (at !== -1) {
      const close = value.indexOf('>', at);
      if (close === -1) break;
      const end = endOfLink(value, close + 1);
      if (isNext(value.slice(close + 1, end))) return value.slice(at + 1, close);
      at = value.indexOf('<', end);
    }
  }
  return undefined;
}

/** Index of the comma that ends a link's parameters, or the length; commas in quotes do not count. */
function endOfLink(value: string, from: number): number {
  let quoted = false;
  for (let at = from; at < value.length; at += 1) {
    const char = value[at];
    if (quoted && char === '\\') at += 1;
    else if (char === '"') quoted = !quoted;
    else if (char === ',' && !quoted) return at;
  }
  return value.length;
}

function isNext(parameters: string): boolean {
  const all = parameters.matchAll(/;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g);
  for (const [, name = '', quoted, bare] of all) {
    if (name.toLowerCase() === 'rel')
      return (quoted ?? bare ?? '').toLowerCase().split(/\s+/).includes('next');
  }
  return false;
}

/**
 * The texts of `Warning: 299 - "text"` headers, unescaped but not sanitised, in their order. Registries use them for
 * words to the user. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings
 */
export function parseWarnings(values: readonly string[]): readonly string[] {
  return values.flatMap((value) =>
    [...value.matchAll(/(?:^|,)\s*299 +[^\s"]+ +"((?:[^"\\]|\\.)*)"/g)].map((match) =>
      (match[1] ?? '').replace(/\\(.)/g, '$1'),
    ),
  );
}
