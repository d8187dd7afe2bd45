import { Readable } from 'node:stream';

import { RegferryError } from '../../../src/errors.js';
import type { HttpHeaders, HttpRequest, HttpResponse, HttpSender } from '../../../src/http/message.js';

/** What a fake server answers. */
export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
}

/** A request as the fake server saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
  readonly request: HttpRequest;
}

/** A sender without a network, and all that it was asked to send. */
export interface FakeHttp extends HttpSender {
  readonly seen: SeenRequest[];
}

/** Sends every request to `answer`. */
export function fakeHttp(answer: (seen: SeenRequest) => FakeAnswer | Promise<FakeAnswer>): FakeHttp {
  const seen: SeenRequest[] = [];
  return {
    seen,
    async send(request) {
      request.signal?.throwIfAborted();
      const opened = await request.body?.open();
      const entry: SeenRequest = {
        method: request.method,
        url: request.url,
        authorization: request.headers?.['authorization'],
        body: opened instanceof Uint8Array ? Buffer.from(opened).toString() : '',
        request,
      };
      seen.push(entry);
      return response(request.url, await answer(entry));
    },
  };
}

/** Headers by lower-case name. */
export function fakeHeaders(headers: FakeAnswer['headers'] = {}): HttpHeaders {
  const all = (name: string): readonly string[] => [headers[name] ?? []].flat();
  return { all, get: (name) => all(name)[0] };
}

function response(url: string, { status = 200, headers, body }: FakeAnswer): HttpResponse {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
  return {
    status,
    url,
    headers: fakeHeaders(headers),
    stream: Readable.from([bytes]),
    bytes: (limit) =>
      bytes.length > limit
        ? Promise.reject(new RegferryError('E_LIMIT', 'too long'))
        : Promise.resolve(bytes),
    discard: () => Promise.resolve(),
  };
}
