import type { Readable } from 'node:stream';

import type { Op } from '../content/store.js';
import type { Secrets } from '../secrets/secrets.js';

/** Methods that a registry client uses. */
export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A request body. `open` is called once a try, so it must give the same `length` bytes each time it is called. */
export interface RequestBody {
  /** Exact number of bytes. */
  readonly length: number;
  readonly type: string;
  /** Holds a credential, so a redirect must not carry it to another origin (E_REFUSED). @default false */
  readonly secret?: boolean | undefined;
  /**
   * Bytes, or a source of bytes that is pulled only as fast as the socket drains. A source is closed in every outcome:
   * a stream is destroyed, an iterator returned. What it throws reaches the caller as it is and is not retried.
   */
  open(): Uint8Array | AsyncIterable<Uint8Array> | Promise<Uint8Array | AsyncIterable<Uint8Array>>;
}

/** A piece of work of several requests, such as the upload of a blob, in the line at a host that gets too much. */
export interface PlaceInLine {
  /** Its place, which is that of its first request: what is begun goes before what is not. */
  order?: number;
  /** Told each time when a request of it has to wait for its turn, so that nothing is kept open meanwhile. */
  readonly onWait?: (() => void) | undefined;
}

/** One request to send. The URL is used as it is spelled: never normalised or re-encoded. */
export interface HttpRequest extends Op {
  readonly method: Method;
  readonly url: string;
  /** Lower-case names. `authorization` goes to the origin of `url` alone and never follows a redirect to another. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /**
   * Try again after a retryable failure. False for requests whose body or meaning does not allow it; `refused` for those that
   * may be sent again only after a 429, which has begun nothing. @default true
   */
  readonly retry?: boolean | 'refused' | undefined;
  /** The work that it is a part of. @default it stands in line for itself */
  readonly place?: PlaceInLine | undefined;
  /**
   * Longest wait for the answer's headers once the body is sent.
   * @default the transport's idle time-out; 15 minutes where `body.open` gives a source that is pulled
   */
  readonly answerTimeoutMs?: number | undefined;
  /**
   * How long the answer is still waited for when the signal aborts after the whole request was sent, in milliseconds: for
   * what names something that has to be cleaned up, such as an upload. @default 0
   */
  readonly graceMs?: number | undefined;
  /**
   * Origin of the registry that named this URL (upload Location, token realm, paging link). Where it is not the URL's
   * own, addresses that are closer than the registry itself are refused (E_REFUSED). Redirects set it by themselves.
   */
  readonly registryOrigin?: string | undefined;
}

/** Response headers, looked up by lower-case name. */
export interface HttpHeaders {
  /** The first value, or undefined. */
  get(name: string): string | undefined;
  /** Every value of a header that may be repeated. */
  all(name: string): readonly string[];
}

/** An answer, of any status. The body must be consumed by exactly one of `stream`, `bytes` or `discard`. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** The URL that answered, after redirects. */
  readonly url: string;
  /** Words of this answer, fit to be shown: without any secret that the sender knows of. */
  redacted?(text: string): string;
  /** The raw body (never decoded). A close before its framed end is an error E_CUT, a stall E_TIMEOUT. */
  readonly stream: Readable;
  /** The whole body. Throws E_LIMIT when it is longer than `limit` bytes, without reading further. */
  bytes(limit: number): Promise<Buffer>;
  /** Drops the body; small rests are drained so that the connection can be kept, long ones close it. */
  discard(): Promise<void>;
}

/** Sends requests: redirects, retries, time-outs and limits are its business; authentication is not. */
export interface HttpSender {
  /**
   * Rejects with E_NETWORK, E_TLS, E_TIMEOUT, E_CUT, E_REFUSED (a redirect that must not be followed) or E_ABORTED.
   * Any status resolves; a retryable one (408, 429, 5xx that may pass) only after the last try.
   */
  send(request: HttpRequest): Promise<HttpResponse>;
  /** Opens up to `count` connections to an origin for requests that are about to come. Never throws. */
  warm?(origin: string, count: number): void;
  /** True where a request would have to wait for its turn, or the next one after it. */
  isBusy?(origin: string): boolean;
  /** What no message may show. Whoever comes by a secret that has not been sent yet keeps it here. */
  readonly secrets?: Secrets | undefined;
}

/** What the transport tells as it happens. URLs are redacted. */
export type HttpEvent =
  | {
      readonly type: 'request';
      readonly method: Method;
      readonly url: string;
      /** Absent when no answer came. */
      readonly status?: number | undefined;
      readonly durationMs: number;
    }
  | {
      readonly type: 'retry';
      readonly method: Method;
      readonly url: string;
      /** 1 for the first repeat. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: string;
    }
  | { readonly type: 'warning'; readonly message: string };
