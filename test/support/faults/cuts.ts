import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Fault } from '../faults.js';
import { tapRequest } from './tap-request.js';
import { closed, rewriteResponse, tapResponse } from './tap-response.js';

/** How a connection ends: politely, or by a reset. */
export type By = 'fin' | 'rst';

/** When a cut or a stall comes. */
export interface After {
  /** Bytes of the body that pass before. */
  readonly after: number;
}

/** What a client needs to read what it was sent: libuv takes a reset that comes together with bytes for a FIN. */
const readMs = 20;

/** Longest wait for the client to close its side after a FIN. */
const lingerMs = 1_000;

/**
 * Cuts the answer after some bytes of its body; with 0, after its headers. A reset may overtake the last bytes of a client
 * that is slow to read.
 */
export function cutResponse({ after, by }: After & { readonly by: By }): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      body: async function* (chunks) {
        response.flushHeaders();
        if (yield* upTo(after, chunks)) return;
        if (by === 'rst') await sleep(readMs);
        cut(request.socket, by);
        await closed(response);
      },
    });
    next(request, response);
  };
}

/** Cuts the request after some bytes of its body have come; with 0, before the registry has seen it. */
export function cutRequest({ after, by }: After & { readonly by: By }): Fault {
  return (next) => (request, response) => {
    if (after === 0) {
      request.resume();
      cut(request.socket, by);
      return;
    }
    tapRequest(request, async function* (chunks) {
      const rest = chunks[Symbol.asyncIterator]();
      if (yield* upTo(after, { [Symbol.asyncIterator]: () => rest })) return;
      cut(request.socket, by);
      // Unread bytes would turn the FIN into a reset.
      while ((await rest.next()).done !== true);
      await closed(response);
    });
    next(request, response);
  };
}

/** Lets the registry do all of its work, and cuts the connection in place of its answer. */
export function dropReply(by: By = 'rst'): Fault {
  return (next) => (request, response) => {
    rewriteResponse(response, () => {
      request.resume();
      cut(request.socket, by);
      return undefined;
    });
    next(request, response);
  };
}

/** Sends nothing more after some bytes of the answer's body; with 0, after its headers. The connection stays open. */
export function stallResponse({ after }: After): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      body: async function* (chunks) {
        response.flushHeaders();
        if (yield* upTo(after, chunks)) return;
        await closed(response);
      },
    });
    next(request, response);
  };
}

/** Reads nothing more after some bytes of the request's body, so that the client cannot send on. */
export function stallRequest({ after }: After): Fault {
  return (next) => (request, response) => {
    tapRequest(request, async function* (chunks) {
      if (yield* upTo(after, chunks)) return;
      await closed(response);
    });
    next(request, response);
  };
}

/** Passes `bytes` bytes on. True when there were not more of them. */
async function* upTo(
  bytes: number,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, boolean, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  let left = bytes;
  while (left > 0) {
    const next = await iterator.next();
    if (next.done === true) return true;
    const piece = next.value.subarray(0, left);
    left -= piece.length;
    yield piece;
  }
  return false;
}

function cut(socket: Socket, by: By): void {
  if (by === 'rst') {
    // resetAndDestroy() sends a FIN before its RST, and most clients see that first.
    Object.assign(socket, { resetAndClosing: true }).destroy();
    return;
  }
  socket.end();
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer));
}
