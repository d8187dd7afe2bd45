import type { Fault } from '../faults.js';
import { tapRequest } from './tap-request.js';
import { tapResponse } from './tap-response.js';

/** Turns over one bit of the answer's body, at this byte. Length and framing stay right. */
export function corruptResponse({ at }: { readonly at: number }): Fault {
  return (next) => (request, response) => {
    tapResponse(response, { body: (chunks) => corrupted(chunks, at) });
    next(request, response);
  };
}

/** Turns over one bit of the request's body, at this byte, before the registry reads it. */
export function corruptRequest({ at }: { readonly at: number }): Fault {
  return (next) => (request, response) => {
    tapRequest(request, (chunks) => corrupted(chunks, at));
    next(request, response);
  };
}

/** Shortens the answer's body, with a Content-Length that fits. */
export function truncateResponse({ to }: { readonly to: number }): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      head: ({ status, headers }) => {
        const length = headers['content-length'];
        if (length === undefined) return { status, headers };
        return { status, headers: { ...headers, 'content-length': Math.min(Number(length), to) } };
      },
      body: async function* (chunks) {
        let left = to;
        for await (const chunk of chunks) {
          const piece = chunk.subarray(0, left);
          left -= piece.length;
          if (piece.length > 0) yield piece;
        }
      },
    });
    next(request, response);
  };
}

/** Declares another Content-Length than the body has. The body is sent as it is, and the connection closed behind it. */
export function wrongLength(declare: (length: number) => number): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      head: ({ status, headers }) => {
        const length = Number(headers['content-length'] ?? 0);
        return { status, headers: { ...headers, 'content-length': declare(length), connection: 'close' } };
      },
    });
    next(request, response);
  };
}

async function* corrupted(
  chunks: AsyncIterable<Buffer>,
  at: number,
): AsyncGenerator<Buffer, void, undefined> {
  let start = 0;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    const byte = bytes[at - start];
    if (byte !== undefined) bytes[at - start] = byte ^ 1;
    start += bytes.length;
    yield bytes;
  }
}
