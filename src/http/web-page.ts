import type { HttpResponse } from './message.js';

/** True for an HTML answer: a captive portal, a login page or a web application, whatever its status says. */
export function isWebPage(response: HttpResponse): boolean {
  return response.headers.get('content-type')?.trim().toLowerCase().startsWith('text/html') ?? false;
}
