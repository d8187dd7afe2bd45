import { RegferryError } from '../errors.js';
import type { HttpResponse } from '../http/message.js';
import { joinLocation, sameOrigin } from '../http/url.js';

/**
 * The absolute URL that an answer hands out: an upload's Location, the next page. A registry on https behind a proxy that
 * forgot X-Forwarded-Proto names itself with http (distribution#970): that is put right, never followed in the clear.
 * Throws E_REFUSED for http on another host and for what is no URL.
 */
export function handedLocation(response: HttpResponse, location: string): string {
  const url = joinLocation(response.url, location);
  if (!response.url.startsWith('https:') || !url.startsWith('http:')) return url;
  const secure = `https:${url.slice('http:'.length)}`;
  if (sameOrigin(secure, response.url)) return secure;
  throw new RegferryError('E_REFUSED', 'the registry sent us from https to http on another host; refused');
}
