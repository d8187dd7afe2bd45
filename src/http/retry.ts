import { isRegferryError } from '../errors.js';
import { parseRetryAfter } from './headers.js';
import type { HostGate, Sleep } from './host-gate.js';
import { BACKOFF_CAP_MS, BACKOFF_FIRST_MS } from './limits.js';
import type { HttpEvent, HttpRequest, HttpResponse } from './message.js';
import { redactUrl } from './redact.js';
import { splitUrl } from './url.js';

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
  readonly now: () => number;
  readonly gate: HostGate;
  readonly emit: (event: HttpEvent) => void;
}

/** True for 408, 429 and 5xx but 501 and 505: the same request may fare better later. */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/**
 * Milliseconds to wait before repeat number `repeat`, counted from 0. Full jitter over an exponential back-off: anything
 * up to 0.5 s before the first repeat, up to 30 s in the end.
 */
export function backoffDelay(repeat: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** repeat));
}

/**
 * Sends until it works, as far as the policy goes: retryable answers and errors are tried again, and the last answer or
 * error is the caller's. A Retry-After within the cap closes the whole host's gate, whether or not this request is
 * tried again; one beyond the cap ends the request at once.
 */
export async function withRetries(
  request: HttpRequest,
  policy: RetryPolicy,
  send: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const repeats = request.retry === false ? 0 : policy.retries;
  for (let attempt = 1; ; attempt += 1) {
    let reason: string;
    let asked = 0;
    try {
      const response = await send();
      if (!isRetryableStatus(response.status)) return response;
      const wait = parseRetryAfter(response.headers, policy.now());
      if (wait !== undefined && wait > policy.maxRetryWaitMs) return response;
      if (wait !== undefined) policy.gate.pause(splitUrl(response.url).origin, wait);
      if (attempt > repeats) return response;
      void response.discard();
      asked = wait ?? 0;
      reason = `answered ${response.status}`;
    } catch (error) {
      if (attempt > repeats || !isRegferryError(error) || !error.retryable) throw error;
      reason = error.message;
    }
    const delayMs = Math.max(asked, backoffDelay(attempt - 1, policy.random));
    policy.emit({
      type: 'retry',
      method: request.method,
      url: redactUrl(request.url),
      attempt,
      delayMs,
      reason,
    });
    await policy.sleep(delayMs, request.signal);
  }
}
