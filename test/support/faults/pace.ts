import { setTimeout as sleep } from 'node:timers/promises';

import type { Fault } from '../faults.js';
import { registryError } from './answers.js';
import { tapRequest } from './tap-request.js';
import { tapResponse } from './tap-response.js';

/** How fast bytes pass. */
export interface Pace {
  /** Bytes at a time. */
  readonly bytes: number;
  /** Milliseconds between two times. */
  readonly everyMs: number;
}

/** Lets the registry wait before it gets to see the request. */
export function delay(ms: number): Fault {
  return (next) => (request, response) => {
    void sleep(ms).then(() => {
      next(request, response);
    });
  };
}

/** Lets the registry do its work, and holds its answer back, headers too. */
export function delayAnswer(ms: number): Fault {
  return (next) => (request, response) => {
    tapResponse(response, {
      body: async function* (chunks) {
        await sleep(ms);
        yield* chunks;
      },
    });
    next(request, response);
  };
}

/** Sends the answer's body slowly. */
export function throttleResponse(pace: Pace): Fault {
  return (next) => (request, response) => {
    tapResponse(response, { body: (chunks) => paced(chunks, pace) });
    next(request, response);
  };
}

/** Reads the request's body slowly, so that the client can send no faster. */
export function throttleRequest(pace: Pace): Fault {
  return (next) => (request, response) => {
    tapRequest(request, (chunks) => paced(chunks, pace));
    next(request, response);
  };
}

async function* paced(chunks: AsyncIterable<Buffer>, pace: Pace): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += pace.bytes) {
      await sleep(pace.everyMs);
      yield chunk.subarray(start, start + pace.bytes);
    }
  }
}

/** Answers 429 to what comes while `most` requests are being answered. */
export function busyOver(most: number): Fault {
  let underWay = 0;
  return (next) => (request, response) => {
    if (underWay >= most) {
      registryError(429, 'TOOMANYREQUESTS')(next)(request, response);
      return;
    }
    underWay += 1;
    response.once('close', () => (underWay -= 1));
    next(request, response);
  };
}

/** A bucket of tokens, one for each request; without one the answer is 429. It holds `tokens` and is filled at a rate. */
export function bucket(given: {
  readonly tokens: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly now: () => number;
  /** Headers of a refusal. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}): Fault {
  let level = given.tokens;
  let at = given.now();
  return (next) => (request, response) => {
    const time = given.now();
    level = Math.min(given.tokens, level + ((time - at) / 1000) * given.perSecond);
    at = time;
    // What adds up to a whole one may lack a bit of it.
    if (level < 1 - 1e-9) {
      registryError(429, 'TOOMANYREQUESTS', undefined, { headers: given.headers ?? {} })(next)(
        request,
        response,
      );
      return;
    }
    level -= 1;
    next(request, response);
  };
}
