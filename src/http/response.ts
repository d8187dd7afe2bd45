import type { Readable } from 'node:stream';

import type { Dispatcher } from 'undici';

import { JoinedBytes } from '../content/joined-bytes.js';
import { RegferryError } from '../errors.js';
import type { Secrets } from '../secrets/secrets.js';
import { DRAIN_LIMIT, DRAIN_MS } from './limits.js';
import type { HttpHeaders, HttpResponse } from './message.js';
import { networkError, type Attempted } from './network-error.js';
import { keepFloor } from './progress-floor.js';
import { receivedHeaders } from './received-headers.js';
import { redactUrl } from './redact.js';

type UndiciBody = Dispatcher.ResponseData['body'];

/** An answer of undici's as an HttpResponse; errors of its body arrive as RegferryErrors (E_CUT, E_TIMEOUT, E_ABORTED…). */
export class UndiciResponse implements HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly url: string;
  readonly #attempted: Attempted;
  readonly #body: UndiciBody;
  readonly #secrets: Secrets;

  /** @param idleTimeoutMs how long the body may stand still, or move in a trickle. */
  constructor(data: Dispatcher.ResponseData, attempted: Attempted, secrets: Secrets, idleTimeoutMs: number) {
    this.#secrets = secrets;
    this.status = data.statusCode;
    this.headers = receivedHeaders(data.headers);
    this.url = attempted.url;
    this.#attempted = attempted;
    this.#body = translateErrors(data.body, { ...attempted, inBody: true });
    // nothing will come: let the body end by itself, so that it lets go of the signal even when nobody reads it
    if (attempted.method === 'HEAD' || this.status === 204 || this.headers.get('content-length') === '0') {
      data.body.resume();
    } else {
      keepFloor(data.body, idleTimeoutMs, (bytes) =>
        data.body.destroy(tooSlow(attempted, bytes, idleTimeoutMs)),
      );
    }
  }

  redacted(text: string): string {
    return this.#secrets.redact(text);
  }

  get stream(): Readable {
    return this.#body;
  }

  async bytes(limit: number): Promise<Buffer> {
    const announced = Number(this.headers.get('content-length'));
    if (this.#attempted.method !== 'HEAD' && announced > limit) throw this.#tooLong(limit);
    const bytes = new JoinedBytes();
    for await (const chunk of this.#chunks()) {
      if (bytes.length + chunk.length > limit) throw this.#tooLong(limit);
      bytes.append(chunk);
    }
    return bytes.toBuffer();
  }

  async discard(): Promise<void> {
    const body = this.#body;
    const timer = setTimeout(() => body.destroy(), DRAIN_MS);
    try {
      await body.dump({ limit: DRAIN_LIMIT });
    } catch {
      // whatever broke it, it is gone
    } finally {
      clearTimeout(timer);
    }
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for await (const chunk of this.#body) {
      if (Buffer.isBuffer(chunk)) yield chunk;
    }
  }

  #tooLong(limit: number): RegferryError {
    this.#body.destroy();
    const { method, url } = this.#attempted;
    return new RegferryError('E_LIMIT', `${method} ${redactUrl(url)} answered more than ${limit} bytes`, {
      status: this.status,
    });
  }
}

/**
 * Makes undici's body fail with RegferryErrors. `destroy` is the one door through which undici's errors enter the
 * stream, and going through it costs nothing for each chunk. An error that nobody listens for must not end the process.
 */
function translateErrors(body: UndiciBody, attempted: Attempted): UndiciBody {
  const destroy = body.destroy.bind(body);
  body.destroy = (error) => {
    if (error instanceof Error) return destroy(networkError(error, attempted));
    return body.readableEnded ? destroy() : destroy(givenUp(attempted));
  };
  return body.on('error', () => undefined);
}

function tooSlow({ method, url }: Attempted, bytes: number, ms: number): RegferryError {
  const text = `${method} ${redactUrl(url)} failed: the answer comes in a trickle, ${bytes} bytes in ${ms / 1000} s`;
  return new RegferryError('E_TIMEOUT', text, { retryable: true });
}

function givenUp({ method, url }: Attempted): RegferryError {
  return new RegferryError('E_ABORTED', `${method} ${redactUrl(url)}: the rest of the answer was given up`);
}
