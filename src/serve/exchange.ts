import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { clientAddress } from './client-address.js';
import type { Client } from './password-checks.js';
import type { Refusal } from './refusal.js';

/** Bytes of a body that nobody wants which are still read, so that the connection can be kept for the next request. */
const drainLimit = 64 * 1024 * 1024;

/** What the access log says of a request once its answer has ended, in whatever way. */
export interface RequestEntry {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  /** Status that was answered; 499 when the client went away before. */
  readonly status: number;
  /** Body bytes that were read. */
  readonly bytesIn: number;
  /** Body bytes that were handed to the connection. */
  readonly bytesOut: number;
  /** Milliseconds from the first line of the request to the end of the answer. */
  readonly ms: number;
}

/** Headers of an answer. `Content-Length` is set by {@link Exchange}. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[]>>;

/** One request and its answer. */
export class Exchange implements Client {
  readonly method: string;
  /** Path of the URL, still percent-encoded. */
  readonly path: string;
  /** Query of the URL as it was sent, without the question mark. */
  readonly rawQuery: string;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly address: string;
  #response: ServerResponse;
  readonly #now: () => number;
  readonly #startedAt: number;
  #bytesIn = 0;
  #bytesOut = 0;

  constructor(request: IncomingMessage, response: ServerResponse, now: () => number) {
    this.#now = now;
    this.#startedAt = now();
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    this.request = request;
    this.#response = response;
    this.address = clientAddress(request.socket.remoteAddress);
    this.method = request.method ?? 'GET';
    this.path = mark === -1 ? url : url.slice(0, mark);
    this.rawQuery = mark === -1 ? '' : url.slice(mark + 1);
    this.query = new URLSearchParams(this.rawQuery);
  }

  /** A request header, or undefined. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** Length of the request's body, where it was declared. */
  get contentLength(): number | undefined {
    const value = this.header('content-length');
    return value === undefined ? undefined : Number(value);
  }

  /** The body, as it comes. Rejects when the client goes away before its end. Leaving the loop early does not close the connection. */
  async *body(): AsyncGenerator<Buffer, void, undefined> {
    for await (const chunk of this.request.iterator({ destroyOnReturn: false })) {
      const bytes = chunk as Buffer;
      this.#bytesIn += bytes.length;
      yield bytes;
    }
  }

  /** The connection on which it came. */
  get connection(): Socket {
    return this.request.socket;
  }

  /** Calls back when the connection closes before the whole answer was handed to it, at once where it has. */
  onUndelivered(listener: () => void): void {
    if (this.gone) listener();
    else {
      this.#response.once('close', () => {
        if (!this.#response.writableFinished) listener();
      });
    }
  }

  /** True when no answer can be given any more. */
  get gone(): boolean {
    return this.#response.destroyed || this.#response.closed || this.request.socket.destroyed;
  }

  /** Answers with the bytes, or with none. To HEAD only the headers are sent. */
  send(status: number, headers: AnswerHeaders = {}, body: Buffer = Buffer.alloc(0)): void {
    if (this.gone) return;
    this.#writeHead(status, headers, body.length);
    if (this.method !== 'HEAD') {
      this.#bytesOut += body.length;
      this.#response.end(body);
    } else {
      this.#response.end();
    }
    this.#drain();
  }

  /** Answers with a body of `length` bytes, read only as fast as the client takes them. To HEAD only the headers are sent. */
  async stream(
    status: number,
    headers: AnswerHeaders,
    length: number,
    open: () => Promise<Readable>,
  ): Promise<void> {
    if (this.method === 'HEAD') {
      this.#writeHead(status, headers, length);
      this.#response.end();
      return;
    }
    const body = await open();
    if (this.gone) {
      body.destroy();
      return;
    }
    this.#writeHead(status, headers, length);
    const counted = async function* (this: Exchange, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        this.#bytesOut += chunk.length;
        yield chunk;
      }
      // A client that was promised more would wait for it; its connection is cut.
      if (this.#bytesOut < length) throw new Error('the content is shorter than it was');
    };
    await pipeline(body, counted.bind(this), this.#response);
  }

  /** Answers with an error, or cuts the connection when an answer has already begun. */
  refuse(refusal: Refusal): void {
    if (this.#response.headersSent) {
      this.#response.destroy();
      return;
    }
    this.send(refusal.status, { 'Content-Type': 'application/json', ...refusal.headers }, refusal.body());
  }

  /** Cuts the connection: for a writer that another one has taken over from. */
  abort(): void {
    this.request.destroy();
  }

  /** Calls back once the answer has ended or the connection has closed. */
  onEnd(listener: (entry: RequestEntry) => void): void {
    this.#response.once('close', () => {
      listener({
        method: this.method,
        url: this.request.url ?? '/',
        status: this.#response.headersSent ? this.#response.statusCode : 499,
        bytesIn: this.#bytesIn,
        bytesOut: this.#bytesOut,
        ms: this.#now() - this.#startedAt,
      });
    });
  }

  #writeHead(status: number, headers: AnswerHeaders, length: number): void {
    const framing = status === 204 || status === 304 ? {} : { 'Content-Length': String(length) };
    this.#response.writeHead(status, {
      'Docker-Distribution-API-Version': 'registry/2.0',
      ...headers,
      ...framing,
    });
  }

  /** Reads what is left of a body that was answered early; too much of it closes the connection. */
  #drain(): void {
    if (this.request.complete && this.request.readableLength === 0) return;
    let rest = 0;
    this.request.on('data', (chunk: Buffer) => {
      rest += chunk.length;
      if (rest > drainLimit) this.request.destroy();
    });
    this.request.on('error', () => undefined);
  }
}
