import { isRegferryError } from '../errors.js';
import { TOKENS } from './limits.js';
import type { Secret } from './secret.js';
import { coversScopes, scopeKey, type ScopeList } from './scope.js';
import { SingleFlight } from './single-flight.js';
import type { Token } from './token.js';

/** What a request would like a token for, and what it can make do with. */
export interface TokenDemand {
  /** Same realm, service and credential. */
  readonly base: string;
  readonly asks: ScopeList;
  /** What a token that is held or under way has to be for; asked for when the token service refuses `asks`. */
  readonly needs: ScopeList;
  /** Asked for when the token service refuses `needs`; the same list when there is nothing to leave out. */
  readonly narrow: ScopeList;
}

/** A token with what it was asked for. */
export interface HeldToken {
  readonly scopes: ScopeList;
  readonly value: Secret;
}

interface Entry extends HeldToken {
  readonly base: string;
  readonly askedAt: number;
  readonly lifeMs: number;
}

/** Asks the token service. */
export type FetchToken = (scopes: ScopeList, signal: AbortSignal) => Promise<Token>;

/** Renewed when less than this share of its life is left, or less than `maxMarginMs`, whichever is sooner reached. */
const marginShare = 0.2;
const maxMarginMs = 30_000;

/**
 * Tokens of one registry. A token serves every request whose scopes are among those it was asked for; one request to the
 * token service serves all who wait for it.
 */
export class TokenCache {
  readonly #now: () => number;
  readonly #flights = new SingleFlight<Entry>();
  readonly #pending = new Map<string, { readonly base: string; readonly scopes: ScopeList }>();
  #entries: Entry[] = [];

  /** `now` gives milliseconds of a clock that does not jump. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A token with life left in it, from the cache or the token service. Rejects as `fetch` does. */
  async get(demand: TokenDemand, fetch: FetchToken, signal?: AbortSignal): Promise<HeldToken> {
    const held = this.#find(demand);
    if (held !== undefined) return held;
    const pending = this.#findPending(demand);
    if (pending !== undefined) {
      const shared = await this.#flights.run(pending, (inner) => this.#fetch(demand, fetch, inner), signal);
      if (coversScopes(shared.scopes, demand.narrow)) return shared;
    }
    const key = `${demand.base} ${scopeKey(demand.asks)}`;
    this.#pending.set(key, { base: demand.base, scopes: demand.asks });
    return this.#flights.run(
      key,
      (inner) => this.#fetch(demand, fetch, inner).finally(() => this.#pending.delete(key)),
      signal,
    );
  }

  /** Forgets a token that the registry did not accept for `wanted`; one that was asked for less is as good as it was. */
  drop(value: string, wanted: ScopeList): void {
    this.#entries = this.#entries.filter(
      (entry) => entry.value.reveal() !== value || !coversScopes(entry.scopes, wanted),
    );
  }

  /** True while this token is held and alive by the clock. */
  holds(value: string): boolean {
    return this.#entries.some((entry) => entry.value.reveal() === value && this.#isFresh(entry));
  }

  #find(demand: TokenDemand): Entry | undefined {
    return this.#entries.find(
      (entry) =>
        entry.base === demand.base && coversScopes(entry.scopes, demand.needs) && this.#isFresh(entry),
    );
  }

  #findPending(demand: TokenDemand): string | undefined {
    for (const [key, { base, scopes }] of this.#pending) {
      if (base === demand.base && coversScopes(scopes, demand.needs)) return key;
    }
    return undefined;
  }

  async #fetch(demand: TokenDemand, fetch: FetchToken, signal: AbortSignal): Promise<Entry> {
    const askedAt = this.#now();
    const { token, scopes } = await fetchWidest(choicesOf(demand), fetch, signal);
    const entry = { base: demand.base, scopes, value: token.value, askedAt, lifeMs: token.lifeMs };
    this.#entries = [...this.#entries.filter((other) => this.#isFresh(other)), entry].slice(-TOKENS);
    return entry;
  }

  #isFresh({ askedAt, lifeMs }: Entry): boolean {
    return askedAt + lifeMs - this.#now() >= Math.min(lifeMs * marginShare, maxMarginMs);
  }
}

/** From the widest to the narrowest, each once. */
function choicesOf({ asks, needs, narrow }: TokenDemand): readonly ScopeList[] {
  const choices = new Map([asks, needs, narrow].map((scopes) => [scopeKey(scopes), scopes]));
  return [...choices.values()].filter((scopes) => scopes.length > 0 || scopes === asks);
}

async function fetchWidest(
  [scopes = [], ...narrower]: readonly ScopeList[],
  fetch: FetchToken,
  signal: AbortSignal,
): Promise<{ token: Token; scopes: ScopeList }> {
  try {
    return { token: await fetch(scopes, signal), scopes };
  } catch (error) {
    const refused = isRegferryError(error) && error.code === 'E_UNAUTHORIZED' && isClientError(error.status);
    if (!refused || narrower.length === 0) throw error;
    return fetchWidest(narrower, fetch, signal);
  }
}

function isClientError(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500;
}
