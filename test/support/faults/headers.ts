import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

import type { Fault } from '../faults.js';
import { tapResponse } from './tap-response.js';

/** Changes the headers of the registry's answer. Names are in lower case. */
export function changeHeaders(
  change: (headers: OutgoingHttpHeaders, request: IncomingMessage) => OutgoingHttpHeaders,
): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      head: ({ status, headers }) => ({ status, headers: change({ ...headers }, request) }),
    });
    next(request, response);
  };
}

/** Sets headers of the registry's answer, in lower case. */
export function setHeaders(headers: OutgoingHttpHeaders): Fault {
  return changeHeaders((original) => ({ ...original, ...headers }));
}

/** Leaves headers of the registry's answer out. Without a Content-Length the body is sent in HTTP chunks. */
export function omitHeaders(...names: readonly string[]): Fault {
  return changeHeaders((headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name))),
  );
}

/** Sends the answer without any framing, so that only the close of the connection ends it, and a cut looks like the end. */
export function unframed(): Fault {
  return (next) => (request, response) => {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
    omitHeaders('content-length')(next)(request, response);
  };
}

/** Claims another digest than the content has. */
export function lieAboutDigest(digest: string): Fault {
  return setHeaders({ 'docker-content-digest': digest });
}
