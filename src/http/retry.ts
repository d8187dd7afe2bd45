import { isRegferryError } from '../errors.js';
import { parseRetryAfter } from './headers.js';
import { BACKOFF_CAP_MS, BACKOFF_FIRST_MS, EXCUSED_REFUSALS } from './limits.js';
import type { HttpEvent, HttpRequest, HttpResponse } from './message.js';
import { redactUrl } from './redact.js';
import type { Sleep } from './sleep.js';
import { sameOrigin } from './url.js';

/** How often work whose body broke off is done again, and how long to wait before. */
export interface RepeatPolicy {
  /** Repeats after the first try. */
  readonly retries: number;
  /** Waits before repeat number `failures`, counted from 1. */
  readonly backoff: (failures: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** What the retries go by. */
export interface RetryPolicy {
  /** Repeats after the first try. */
  readonly retries: number;
  /** Longest Retry-After that is waited for, in milliseconds; a longer one ends the request. */
  readonly maxRetryWaitMs: number;
  readonly random: () => number;
  readonly sleep: Sleep;
  /** Milliseconds since 1970, asked once an answer: nothing is waited for by it. */
  readonly date: () => number;
  readonly emit: (event: HttpEvent) => void;
}

/**
 * 5xx that refuse for good: not implemented, HTTP version, negotiation, no room (RFC 4918 11.5: not to be repeated until
 * somebody asks for it), a loop, extensions, a network that wants a login.
 */
const FINAL: readonly number[] = [501, 505, 506, 507, 508, 510, 511];

/** True for 408, 429 and 5xx but those that refuse for good: the same request may fare better later. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && !FINAL.includes(status));
}

/**
 * Milliseconds to wait before repeat number `repeat`, counted from 0. Full jitter over an exponential back-off: anything
 * up to 0.5 s before the first repeat, up to 30 s in the end.
 */
export function backoffDelay(repeat: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** repeat));
}

/** Milliseconds before the next try of a request, as far as nobody asks for more; and what is said of this one. */
export interface Backoff {
  /** Where this request alone failed. */
  readonly alone: number;
  /** Where the host gets too much of all: the upper half, since a pause that is too short costs one of the tries. */
  readonly host: number;
  /** Set where this try was refused for the sake of the pace alone, by a host that takes requests: it uses up no repeat. */
  isExcused?: boolean;
}

/** What a retryable answer means for the next try. */
export interface Plea {
  /** Milliseconds to wait; undefined where the host asks for more than is waited for. */
  readonly delayMs: number | undefined;
  /** It concerns every request to the host, not this one alone: a 429, or whatever has a Retry-After. */
  readonly forAll: boolean;
}

/** Reads a retryable answer. Undefined for any other. */
export function pleaOf(
  { status, headers }: HttpResponse,
  backoff: Backoff,
  { date, maxRetryWaitMs }: Pick<RetryPolicy, 'date' | 'maxRetryWaitMs'>,
): Plea | undefined {
  if (!isRetryableStatus(status)) return undefined;
  const asked = parseRetryAfter(headers, date());
  const tooLong = asked !== undefined && asked > maxRetryWaitMs;
  return {
    delayMs: tooLong ? undefined : Math.max(asked ?? 0, status === 429 ? backoff.host : backoff.alone),
    forAll: status === 429 || asked !== undefined,
  };
}

/**
 * Sends until it works, as far as the policy goes: retryable answers and errors are tried again, and the last answer or
 * error is the caller's. `send` is given the wait before a next try, and pauses the host for what concerns all of
 * it, whether or not this request is tried again. A Retry-After beyond the cap ends the request at once.
 */
export async function withRetries(
  request: HttpRequest,
  policy: RetryPolicy,
  send: (backoff: Backoff) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const repeats = request.retry === false ? 0 : policy.retries;
  let excused = 0;
  for (let attempt = 1; ; attempt += 1) {
    let reason: string;
    const share = policy.random();
    const repeat = attempt - 1 - excused;
    const backoff: Backoff = {
      alone: backoffDelay(repeat, () => share),
      host: backoffDelay(repeat, () => (1 + share) / 2),
    };
    let delayMs = backoff.alone;
    let paused = false;
    try {
      const response = await send(backoff);
      const plea = pleaOf(response, backoff, policy);
      if (plea?.delayMs === undefined || (request.retry === 'refused' && response.status !== 429))
        return response;
      const isExcused = backoff.isExcused === true && excused < EXCUSED_REFUSALS && repeats > 0;
      if (isExcused) excused += 1;
      else if (repeat >= repeats) return response;
      void response.discard();
      delayMs = plea.delayMs;
      // the next try waits at the same host; a link to a storage host could expire in the meantime
      paused = plea.forAll && sameOrigin(request.url, response.url);
      reason = `answered ${response.status}`;
    } catch (error) {
      if (repeat >= repeats || request.retry === 'refused') throw error;
      if (!isRegferryError(error) || !error.retryable) throw error;
      reason = error.message;
    }
    policy.emit({
      type: 'retry',
      method: request.method,
      url: redactUrl(request.url),
      attempt,
      delayMs,
      reason,
    });
    if (!paused) await policy.sleep(delayMs, request.signal);
  }
}
