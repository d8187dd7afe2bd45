import { RegferryError } from '../errors.js';
import { MAX_REDIRECTS } from './limits.js';
import type { HttpRequest, HttpResponse } from './message.js';
import { redactUrl } from './redact.js';
import { joinLocation, splitUrl } from './url.js';

/** Sends one request as it is, without following anything. */
export type SendOne = (request: HttpRequest) => Promise<HttpResponse>;

// Kept as they are: Range, Accept, Accept-Encoding and User-Agent, without which a CDN answers something else.
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization'];

/**
 * Follows redirects by hand: 301, 302, 303, 307 and 308 of GET and HEAD, 307 and 308 of the rest (the body is opened
 * again); what is not followed is returned as it is. Credentials are dropped for good when scheme, host or port
 * change. Throws E_REFUSED for more than five hops, loops, https to http and Locations that are no URL.
 *
 * A storage host that answers 400, 401 or 403 has most likely seen a signature expire (they are made for one request,
 * some for 20 s), so the registry is asked once more for a new redirect; a second such answer is returned.
 */
export async function followRedirects(request: HttpRequest, send: SendOne): Promise<HttpResponse> {
  const response = await followOnce(request, send);
  if (!isExpired(request, response)) return response;
  await response.discard();
  return followOnce(request, send);
}

async function followOnce(request: HttpRequest, send: SendOne): Promise<HttpResponse> {
  const registryOrigin = request.registryOrigin ?? splitUrl(request.url).origin;
  const seen = new Set([request.url]);
  let current = request;
  for (;;) {
    const response = await send(current);
    const location = locationOf(current, response);
    if (location === undefined) return response;
    await response.discard();
    const url = joinLocation(current.url, location);
    if (seen.has(url)) throw refused(current, url, 'it goes in a circle');
    if (seen.size > MAX_REDIRECTS) throw refused(current, url, `it is redirect number ${seen.size}`);
    seen.add(url);
    current = { ...hop(current, url), registryOrigin };
  }
}

function locationOf(request: HttpRequest, response: HttpResponse): string | undefined {
  const { status } = response;
  if (status < 301 || status > 308) return undefined;
  const safe = request.method === 'GET' || request.method === 'HEAD';
  const followed = status === 307 || status === 308 || (safe && status <= 303);
  return followed ? response.headers.get('location') : undefined;
}

function hop(from: HttpRequest, url: string): HttpRequest {
  const before = splitUrl(from.url).origin;
  const after = splitUrl(url).origin;
  if (before === after) return { ...from, url };
  if (before.startsWith('https:') && after.startsWith('http:')) throw refused(from, url, 'it leaves https');
  if (from.body?.secret === true) throw refused(from, url, 'it would hand a credential to another host');
  const headers = Object.entries(from.headers ?? {}).filter(
    ([name]) => !CREDENTIALS.includes(name.toLowerCase()),
  );
  return { ...from, url, headers: Object.fromEntries(headers) };
}

function isExpired(request: HttpRequest, response: HttpResponse): boolean {
  return (
    (response.status === 400 || response.status === 401 || response.status === 403) &&
    (request.method === 'GET' || request.method === 'HEAD') &&
    splitUrl(request.url).origin !== splitUrl(response.url).origin
  );
}

function refused(request: HttpRequest, url: string, why: string): RegferryError {
  const text = `${request.method} ${redactUrl(request.url)}: the redirect to ${redactUrl(url)} is refused: ${why}`;
  return new RegferryError('E_REFUSED', text);
}
