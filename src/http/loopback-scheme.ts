import { CONNECT_TIMEOUT_MS, PROBE_SILENCE_MS } from './limits.js';
import { askPlainly, type PlainAnswer } from './plain-probe.js';
import { speaksTls, type ProbeOptions } from './scheme-probe.js';

/** Limits of {@link loopbackSpeaksTls}. */
export interface LoopbackOptions extends ProbeOptions {
  /** How long a port may say nothing before it is asked in another way. @default 1,000 */
  readonly silenceMs?: number | undefined;
}

/**
 * Whether a port of this machine speaks TLS. It is asked in TLS; one that is silent to that is asked in plain HTTP as
 * well, and whichever answers as a registry is taken. Some servers serve one connection at a time, so when both are silent
 * the one in TLS is given up for a while. False only for an answer that is not TLS, a close before the handshake, or
 * HTTP where there was no TLS to be had in all the time. Throws as {@link speaksTls}.
 */
export async function loopbackSpeaksTls(
  host: string,
  port: number,
  options: LoopbackOptions = {},
): Promise<boolean> {
  const { silenceMs = PROBE_SILENCE_MS, timeoutMs = CONNECT_TIMEOUT_MS, signal } = options;
  const end = new AbortController();
  const firstEnd = new AbortController();
  const ends = [end.signal, ...(signal === undefined ? [] : [signal])];
  const probe = (ms: number, ...more: readonly AbortSignal[]): Promise<boolean> =>
    quiet(speaksTls(host, port, { timeoutMs: ms, signal: AbortSignal.any([...ends, ...more]) }));
  try {
    const first = probe(timeoutMs, firstEnd.signal);
    const early = await within(silenceMs, first);
    if (early !== undefined) return early;
    const plain = quiet(askPlainly(host, port, AbortSignal.any(ends)));
    const isRegistry = notTls(plain);
    const raced = await within(silenceMs, Promise.race([first, isRegistry]));
    if (raced !== undefined) return raced;
    firstEnd.abort();
    const unhindered = await within(silenceMs, isRegistry);
    if (unhindered !== undefined) return unhindered;
    return await insisting(Promise.race([probe(timeoutMs - 3 * silenceMs), isRegistry]), plain);
  } finally {
    end.abort();
  }
}

/** TLS where it comes; else what was said in plain HTTP counts, whatever it was. */
async function insisting(tls: Promise<boolean>, plain: Promise<PlainAnswer>): Promise<boolean> {
  try {
    return await tls;
  } catch (error) {
    if ((await Promise.race([plain, Promise.resolve('nothing')])) === 'http') return false;
    throw error;
  }
}

/** False once a registry has answered in plain HTTP; waits for ever where none does. */
function notTls(plain: Promise<PlainAnswer>): Promise<false> {
  return new Promise((resolve, reject) => {
    plain.then((answer) => answer === 'registry' && resolve(false), reject);
  });
}

/** What comes within so many milliseconds, undefined where nothing does. */
async function within<T>(milliseconds: number, coming: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([coming, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The promise itself; nobody may be listening any more when it fails. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
