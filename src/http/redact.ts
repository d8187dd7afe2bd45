import { URL_TEXT_LIMIT } from './limits.js';
import { printable } from '../spec/printable.js';

// Signed URLs and upload sessions carry their secrets in the query, under names that nobody can list: only these are shown.
const SHOWN = new Set([
  'scope',
  'service',
  'mount',
  'from',
  'digest',
  'n',
  'last',
  'ns',
  'artifactType',
  'tag',
]);

/** True for a query's parameters that say where and what, never who. */
export function isShownParameter(name: string): boolean {
  return SHOWN.has(name);
}

/**
 * A URL fit for messages, events and logs: no userinfo, no fragment, every query value but those of an allow-list
 * replaced by REDACTED, control characters stripped, at most 1,000 characters. Never throws, whatever it is given.
 */
export function redactUrl(url: string): string {
  const [head = ''] = url.split('#', 1);
  const question = head.indexOf('?');
  const place = question === -1 ? head : head.slice(0, question);
  const query = question === -1 ? '' : `?${redactQuery(head.slice(question + 1))}`;
  return printable(withoutUserinfo(place) + query, URL_TEXT_LIMIT);
}

function withoutUserinfo(place: string): string {
  const start = place.indexOf('://');
  if (start === -1) return place;
  const slash = place.indexOf('/', start + 3);
  const at = place.lastIndexOf('@', slash === -1 ? undefined : slash);
  return at < start + 3 ? place : place.slice(0, start + 3) + place.slice(at + 1);
}

function redactQuery(query: string): string {
  return query
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      if (equals === -1) return pair === '' ? '' : 'REDACTED';
      const key = pair.slice(0, equals);
      return isShownParameter(key) ? pair : `${key}=REDACTED`;
    })
    .join('&');
}
