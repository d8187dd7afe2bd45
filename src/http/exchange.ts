import { Readable } from 'node:stream';

import type { Dispatcher } from 'undici';

import { RegferryError, abortError, throwIfAborted } from '../errors.js';
import type { Secrets } from '../secrets/secrets.js';
import { BodyFailure } from './body-failure.js';
import { UPLOAD_ANSWER_TIMEOUT_MS, WHOLE_BODY_LIMIT } from './limits.js';
import type { HttpRequest, HttpResponse, RequestBody } from './message.js';
import { networkError } from './network-error.js';
import { patientSignal } from './patient-signal.js';
import { redactUrl } from './redact.js';
import { holdBody } from './request-secrets.js';
import { UndiciResponse } from './response.js';
import { UploadBody, type StallPhase } from './upload-body.js';

/** Where one exchange goes and how long it may stand still. */
export interface ExchangeOptions {
  readonly dispatcher: Dispatcher;
  readonly origin: string;
  /** Path and query, as spelled. */
  readonly path: string;
  readonly userAgent: string;
  readonly idleTimeoutMs: number;
  /** What no message may show. */
  readonly secrets: Secrets;
  /** Called when the request goes out: not for one that is aborted, or whose body cannot be opened, before. */
  readonly onSend: () => void;
  /** Whatever is still to be waited for once the body is open. */
  readonly turn: () => Promise<void> | undefined;
}

/**
 * One request, one response: no redirect, no retry. Rejects with a RegferryError, or with a BodyFailure when the
 * body's own source failed.
 */
export async function exchange(request: HttpRequest, options: ExchangeOptions): Promise<HttpResponse> {
  throwIfAborted(request.signal);
  const body = request.body === undefined ? null : await openBody(request.body);
  try {
    await options.turn();
  } catch (error) {
    await closeBody(body);
    throw error;
  }
  if (request.body?.secret === true && body instanceof Uint8Array) holdBody(options.secrets, body);
  options.onSend();
  if (body !== null && (!(body instanceof Uint8Array) || body.length > WHOLE_BODY_LIMIT)) {
    // Bytes in memory are no blob: nothing large has to be stored before they are answered.
    const usual = body instanceof Uint8Array ? options.idleTimeoutMs : UPLOAD_ANSWER_TIMEOUT_MS;
    const source = body instanceof Uint8Array ? onePiece(body) : body;
    return upload(request, source, request.answerTimeoutMs ?? usual, options);
  }
  const patient =
    request.graceMs === undefined ? undefined : patientSignal(request.signal, request.graceMs, () => true);
  try {
    const data = await send(options.dispatcher, {
      origin: options.origin,
      path: options.path,
      method: request.method,
      headers: headersOf(request, options.userAgent),
      body,
      headersTimeout: request.answerTimeoutMs ?? options.idleTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      signal: patient?.signal ?? request.signal ?? null,
      // undici closes the connection after a HEAD unless told otherwise
      ...(request.method === 'HEAD' ? { reset: false } : {}),
    });
    return new UndiciResponse(data, request, options.secrets, options.idleTimeoutMs);
  } catch (error) {
    throw networkError(error, request);
  } finally {
    patient?.release();
  }
}

/**
 * Sends a request. undici lets go of an aborted one that still waits for its connection only once that is there, which may
 * be never; here an abort ends it at once.
 */
function send(
  dispatcher: Dispatcher,
  options: Dispatcher.RequestOptions & { readonly signal: AbortSignal | null },
): Promise<Dispatcher.ResponseData> {
  const { signal } = options;
  const sent = dispatcher.request(options);
  if (signal === null) return sent;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      sent.then(
        ({ body }) => body.destroy(),
        () => undefined,
      );
      reject(abortError(signal));
    };
    signal.addEventListener('abort', abort, { once: true });
    const unlink = (): void => signal.removeEventListener('abort', abort);
    sent.then(resolve, reject).finally(unlink);
  });
}

async function openBody(body: RequestBody): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  try {
    return await body.open();
  } catch (error) {
    throw new BodyFailure(error);
  }
}

/** Of one that was not begun. */
async function closeBody(body: Uint8Array | AsyncIterable<Uint8Array> | null): Promise<void> {
  if (body === null || body instanceof Uint8Array) return;
  if (body instanceof Readable) body.destroy();
  else await body[Symbol.asyncIterator]().return?.();
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

function headersOf(request: HttpRequest, userAgent: string): Record<string, string> {
  const headers: Record<string, string> = { 'user-agent': userAgent };
  // what is stored is what is hashed: no server may compress it on the way
  if (request.method === 'GET') headers['accept-encoding'] = 'identity';
  if (request.body !== undefined) {
    headers['content-type'] = request.body.type;
    headers['content-length'] = String(request.body.length);
  }
  return Object.assign(headers, request.headers);
}

async function upload(
  request: HttpRequest,
  source: AsyncIterable<Uint8Array>,
  answerTimeoutMs: number,
  options: ExchangeOptions,
): Promise<HttpResponse> {
  const control = new AbortController();
  const { graceMs } = request;
  const isSent = (): boolean => graceMs !== undefined && body.complete;
  const patient = patientSignal(request.signal, graceMs ?? 0, isSent);
  const unlink = linkSignal(patient.signal, control);
  const body = new UploadBody(source, request.body?.length ?? 0, {
    idleTimeoutMs: options.idleTimeoutMs,
    answerTimeoutMs,
    onStall: (phase) => control.abort(stalled(request, phase)),
  });
  function close(): void {
    unlink();
    patient.release();
    body.end();
  }
  try {
    const data = await send(options.dispatcher, {
      origin: options.origin,
      path: options.path,
      method: request.method,
      headers: headersOf(request, options.userAgent),
      body: asUndiciBody(body),
      headersTimeout: 0,
      bodyTimeout: options.idleTimeoutMs,
      signal: control.signal,
    });
    body.answered();
    data.body.once('close', close);
    const attempted = { method: request.method, url: request.url, signal: control.signal };
    const response = new UndiciResponse(data, attempted, options.secrets, options.idleTimeoutMs);
    if (response.status < 300 && !body.complete) throw tooEarly(request, response);
    return response;
  } catch (error) {
    close();
    if (body.sourceError !== undefined) throw new BodyFailure(body.sourceError.error);
    throw networkError(error, { method: request.method, url: request.url, signal: control.signal });
  }
}

/** undici takes any async iterable for a body, which its types do not say. */
function asUndiciBody(body: AsyncIterable<Uint8Array>): Readable {
  return body as unknown as Readable;
}

function linkSignal(signal: AbortSignal | undefined, control: AbortController): () => void {
  if (signal === undefined) return () => undefined;
  const forward = (): void => control.abort(signal.reason);
  if (signal.aborted) forward();
  else signal.addEventListener('abort', forward, { once: true });
  return () => signal.removeEventListener('abort', forward);
}

function stalled(request: HttpRequest, phase: StallPhase): RegferryError {
  const what = `${request.method} ${redactUrl(request.url)} failed: `;
  const text = phase === 'sending' ? 'the upload stopped moving' : 'no answer came in time after the upload';
  return new RegferryError('E_TIMEOUT', what + text, { retryable: true });
}

/** A success for bytes that were never sent proves nothing, and undici resets the connection after it. */
function tooEarly(request: HttpRequest, response: HttpResponse): RegferryError {
  void response.discard();
  const text = `${request.method} ${redactUrl(request.url)} answered ${response.status} before the whole body was sent`;
  return new RegferryError('E_CUT', text, { status: response.status, retryable: true });
}
