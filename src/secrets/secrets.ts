import { isWord, Needles, type Span } from './needles.js';

/** What stands in place of a secret. */
const REDACTED = 'REDACTED';

/** Most secrets that are kept: those that were used last. */
const MOST_SECRETS = 1_000;

/** Whatever follows these words, it is a credential; and nothing but a token begins like the last. */
const CREDENTIALS = /\b(basic|bearer)\s+[\w.~+/=-]{16,}|\beyJ[\w-]{5,}\.[\w-]{8,}(?:\.[\w-]*)?/gi;

/** A digest is no secret, whatever it has in common with one. */
const DIGEST = /sha(?:256|512):[0-9a-f]{64,128}/g;

/**
 * All secrets that a run holds, so that none of them leaves it: passwords, tokens, Authorization values, signatures in
 * URLs. They are found in any spelling: as they are, percent-encoded, escaped as in JSON or HTML, in base64 alone or
 * within more, and broken by blanks or invisible characters; long ones also when a part of them was cut off.
 *
 * Secrets of 1 to 3 characters are not looked for, or nothing would be left of any text; those of 4 to 7 and plain words
 * of up to 11 letters only where they stand as a word of their own.
 */
export class Secrets {
  /** The secrets, and whether a part of one says nothing of it. */
  readonly #held = new Map<string, boolean>();
  #needles: { readonly all: Needles; readonly distinct: Needles } | undefined;

  /** Keeps a secret. With `whole` no part of it is taken for it, as where a user name is in front. */
  hold(secret: string | undefined, { whole = false }: { readonly whole?: boolean } = {}): void {
    if (secret === undefined || secret === '') return;
    const isNew = !this.#held.delete(secret);
    this.#held.set(secret, whole);
    if (!isNew) return;
    const [oldest] = this.#held.keys();
    if (this.#held.size > MOST_SECRETS && oldest !== undefined) {
      this.#held.delete(oldest);
      this.#needles = undefined;
    } else if (this.#needles !== undefined) addTo(this.#needles, secret, whole);
  }

  /** Keeps a user name's password, and the two as a login joins them. */
  holdLogin(username: string, password: string): void {
    this.hold(password);
    const pair = `${username}:${password}`;
    this.hold(pair, { whole: true });
    this.hold(Buffer.from(pair).toString('base64'), { whole: true });
    // Some registries take a token as the user name.
    if (username.length >= 20 && /\d/.test(username) && /[a-z]/i.test(username)) this.hold(username);
  }

  /** Keeps the credential of an Authorization header, and for Basic what it stands for. */
  holdAuthorization(header: string | undefined): void {
    const [scheme = '', credential = ''] = header?.split(' ') ?? [];
    const isBasic = scheme.toLowerCase() === 'basic';
    this.hold(credential, { whole: isBasic });
    if (!isBasic) return;
    const pair = Buffer.from(credential, 'base64').toString();
    const colon = pair.indexOf(':');
    this.holdLogin(pair.slice(0, Math.max(0, colon)), pair.slice(colon + 1));
  }

  /** A text without secrets: for words of any origin. Whole texts belong here, before they are cut or escaped. */
  redact(text: string): string {
    const { all } = this.#ready();
    return without(text, all).replaceAll(CREDENTIALS, (_, scheme?: string) =>
      scheme === undefined ? REDACTED : `${scheme} ${REDACTED}`,
    );
  }

  /**
   * A result without secrets: references, documents, records. A secret of less than 8 characters, or one that is a plain
   * word, stays: a login such as `registry` with the password `registry` must not make another reference of any.
   */
  redactResult(text: string): string {
    return without(text, this.#ready().distinct);
  }

  /** Takes the secrets out of an error, what caused it and what it carries, where they are. Returns the error. */
  redactError<E>(error: E): E {
    this.#redactError(error, new Set());
    return error;
  }

  #redactError(thrown: unknown, seen: Set<unknown>): void {
    if (typeof thrown !== 'object' || thrown === null || seen.has(thrown)) return;
    seen.add(thrown);
    const isError = thrown instanceof Error;
    const own = isError
      ? ['message', 'stack', 'cause', 'errors', ...Object.keys(thrown)]
      : Object.keys(thrown);
    for (const key of own) {
      const value: unknown = Reflect.get(thrown, key);
      if (typeof value === 'string') {
        const clean = isError ? this.redact(value) : this.redactResult(value);
        if (clean !== value) Reflect.set(thrown, key, clean);
      } else if (isError || Array.isArray(thrown) || value instanceof Error || Array.isArray(value)) {
        // A report has errors, and a list of targets that have some; what else an error carries is its own.
        this.#redactError(value, seen);
      }
    }
  }

  #ready(): { readonly all: Needles; readonly distinct: Needles } {
    if (this.#needles === undefined) {
      this.#needles = { all: new Needles(), distinct: new Needles() };
      for (const [secret, whole] of this.#held) addTo(this.#needles, secret, whole);
    }
    return this.#needles;
  }
}

function addTo(
  { all, distinct }: { readonly all: Needles; readonly distinct: Needles },
  secret: string,
  whole: boolean,
): void {
  all.add(secret, whole);
  if (!isWord(secret)) distinct.add(secret, whole);
}

function without(text: string, needles: Needles): string {
  if (needles.isEmpty || text === '') return text;
  const digests = [...text.matchAll(DIGEST)].map(({ index, 0: { length } }): Span => [index, index + length]);
  const spans = needles
    .find(text)
    .filter(([from, to]) => !digests.some(([start, end]) => start <= from && to <= end))
    .sort(([a], [b]) => a - b);
  if (spans.length === 0) return text;
  const pieces: string[] = [];
  let at = 0;
  for (const [from, to] of spans) {
    if (to <= at) continue;
    // What overlaps or touches the last one is replaced with it.
    if (from > at || pieces.length === 0) pieces.push(text.slice(at, from), REDACTED);
    at = to;
  }
  return pieces.join('') + text.slice(at);
}
