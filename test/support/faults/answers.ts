import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

import type { Fault } from '../faults.js';
import { rewriteResponse } from './tap-response.js';
import type { Answer } from './tap-response.js';

/** Options of {@link answer}. */
export interface AnswerOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** Answers before the request's body has come, and closes behind it, as a proxy with a size limit does. @default false */
  readonly early?: boolean;
}

/** Answers in place of the registry, once the request's body has come. */
export function answer(status: number, options: AnswerOptions = {}): Fault {
  const { headers = {}, body = '', early = false } = options;
  return () => (request, response) => {
    request.resume();
    if (!early) {
      request.once('end', () => {
        response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers });
        response.end(body);
      });
      return;
    }
    const framing = { 'Content-Length': Buffer.byteLength(body), Connection: 'close' };
    response.writeHead(status, { ...framing, ...headers });
    if (body.length > 0) response.write(body);
    else response.flushHeaders();
    // To close now would be a reset, which can overtake the answer.
    request.once('end', () => response.end());
  };
}

/** Answers with an error of the specification, as in `registryError(400, 'TAG_INVALID')`. */
export function registryError(
  status: number,
  code: string,
  message: string = code.toLowerCase().replaceAll('_', ' '),
  options: Omit<AnswerOptions, 'body'> = {},
): Fault {
  return answer(status, {
    ...options,
    headers: { 'Content-Type': 'application/json', ...options.headers },
    body: JSON.stringify({ errors: [{ code, message }] }),
  });
}

/** Sends the client elsewhere; a Location is used as it is. */
export function redirect(to: string | ((request: IncomingMessage) => string), status = 307): Fault {
  return (next) => (request, response) => {
    const location = typeof to === 'string' ? to : to(request);
    answer(status, { headers: { Location: location } })(next)(request, response);
  };
}

/** Takes the whole request and never answers. The connection stays open until the client closes it. */
export function hang(): Fault {
  return () => (request) => {
    request.resume();
  };
}

/** Does something of the test's before the registry gets the request: change it, or the content behind it. */
export function before(action: (request: IncomingMessage) => void | Promise<void>): Fault {
  return (next) => (request, response) => {
    const outcome = action(request);
    if (outcome === undefined) next(request, response);
    else
      outcome.then(
        () => next(request, response),
        () => response.destroy(),
      );
  };
}

/** Lets the registry answer, and sends what the test makes of it. Its Content-Length is set to fit. */
export function rewrite(change: (answer: Answer, request: IncomingMessage) => Answer): Fault {
  return (next) => (request, response) => {
    rewriteResponse(response, (original) => {
      const changed = change(original, request);
      if (request.method === 'HEAD' || changed.body === original.body) return changed;
      return { ...changed, headers: { ...changed.headers, 'content-length': changed.body.length } };
    });
    next(request, response);
  };
}
