import { JoinedBytes } from '../content/joined-bytes.js';
import { RegferryError, type ErrorCode, type Side } from '../errors.js';
import { codingsOf, readablePart } from './content-encoding.js';
import { parseErrorBody, type ErrorBody } from './error-body.js';
import { parseRetryAfter } from './headers.js';
import { ERROR_BODY_LIMIT } from './limits.js';
import type { HttpResponse } from './message.js';
import { redactUrl } from './redact.js';
import { printable } from '../spec/printable.js';
import { isRetryableStatus } from './retry.js';

/** What the caller knows about the request that was answered with an error. */
export interface ErrorContext {
  /** What was tried, in front of the URL: the method, or words. */
  readonly action: string;
  readonly side?: Side | undefined;
  /** Digest of the manifest or blob at hand. */
  readonly digest?: string | undefined;
  /** What the user can do; ends the message. */
  readonly hint?: string | undefined;
  /** Longest Retry-After that is waited for, in milliseconds: an answer that asks for more is not retryable. @default any */
  readonly maxRetryWaitMs?: number | undefined;
  /** Milliseconds since 1970. @default Date.now() */
  readonly now?: number | undefined;
}

/**
 * The error that an answer means, in one line: `PUT https://… answered 403 DENIED: the registry's words`. Consumes the
 * body (64 KiB of it, 500 characters shown). The code goes by the status alone: 401 E_UNAUTHORIZED, 403 E_DENIED,
 * 404 E_NOT_FOUND, 413 E_LIMIT, 429 E_RATE_LIMITED, 405, 415, 501 and 505 E_UNSUPPORTED, 408 and the 5xx
 * that may pass E_UNAVAILABLE, else E_REFUSED (507: no room). Never throws.
 */
export async function responseError(response: HttpResponse, context: ErrorContext): Promise<RegferryError> {
  const { status } = response;
  const body = parseErrorBody(await readSome(response), (text) => response.redacted?.(text) ?? text);
  const retryAfterMs = parseRetryAfter(response.headers, context.now ?? Date.now());
  const wait =
    retryAfterMs === undefined || retryAfterMs === 0 ? '' : `; it asks to wait ${seconds(retryAfterMs)}`;
  const hint = context.hint === undefined ? '' : `; ${context.hint}`;
  const type = status < 300 ? contentType(response) : '';
  const message = `${context.action} ${redactUrl(response.url)} answered ${status}${type}${words(body)}${wait}${hint}`;
  return new RegferryError(codeOf(status), message, {
    side: context.side,
    digest: context.digest,
    status,
    registryCodes: body.codes,
    retryable: isRetryableStatus(status) && (retryAfterMs ?? 0) <= (context.maxRetryWaitMs ?? Infinity),
    retryAfterMs,
    // The words of nginx, and of what was made of it.
    hint: wantsClientCertificate(status, body) ? { code: 'client-certificate' } : undefined,
  });
}

/** nginx answers 400 or 496 with a page, Apache and others 403. */
function wantsClientCertificate(status: number, { text }: ErrorBody): boolean {
  const certificate = /\b(?:no required ssl certificate|ssl certificate error|client certificate)\b/i;
  return status >= 400 && status < 500 && certificate.test(text);
}

/** What a success is that is none: its status alone would not tell. */
function contentType(response: HttpResponse): string {
  const type = response.headers.get('content-type');
  if (type === undefined) return ' without a Content-Type';
  return ` (${printable(response.redacted?.(type) ?? type, 100)})`;
}

function words({ codes, text }: ErrorBody): string {
  if (text === '') return '';
  const [first] = codes;
  return first !== undefined && text.startsWith(first) ? ` ${text}` : `: ${text}`;
}

function seconds(milliseconds: number): string {
  const total = Math.ceil(milliseconds / 1000);
  if (total < 120) return `${total} s`;
  return total < 7200 ? `${Math.ceil(total / 60)} min` : `${Math.ceil(total / 3600)} h`;
}

/** The first 64 KiB of the body; a body that breaks or is longer gives what came until then. */
async function readSome(response: HttpResponse): Promise<Buffer> {
  const bytes = new JoinedBytes();
  try {
    for await (const chunk of response.stream) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes.append(chunk.subarray(0, ERROR_BODY_LIMIT - bytes.length));
      if (bytes.length >= ERROR_BODY_LIMIT) break;
    }
  } catch {
    // the status says enough
  }
  return readablePart(bytes.toBuffer(), codingsOf(response.headers), ERROR_BODY_LIMIT);
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'E_UNAUTHORIZED';
  if (status === 403) return 'E_DENIED';
  if (status === 404) return 'E_NOT_FOUND';
  if (status === 413) return 'E_LIMIT';
  if (status === 429) return 'E_RATE_LIMITED';
  if (status === 405 || status === 415 || status === 501 || status === 505) return 'E_UNSUPPORTED';
  return status === 408 || (status >= 500 && isRetryableStatus(status)) ? 'E_UNAVAILABLE' : 'E_REFUSED';
}
