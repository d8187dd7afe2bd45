import { createHash } from 'node:crypto';

import type { AccessRequest, Scope } from './authorizer.js';
import { coversScopes, joinScopes, requestScopes, type ScopeList } from './scope.js';

/**
 * A scope that requests which write will need later on, the source of mounts: asked for along with their own, so that one
 * token does for all of them. Given up as soon as a token service or a registry does not like it.
 */
export class Foresight {
  readonly #foreseen: ScopeList;
  /** Hashes of tokens that were asked for with more than their requests needed. */
  readonly #tokens = new Set<string>();
  #isGivenUp = false;

  constructor(foreseen: Scope | undefined) {
    this.#foreseen = foreseen === undefined ? [] : requestScopes([foreseen]);
  }

  /** What to ask a token for, given what the request needs; the same where nothing is foreseen. */
  widen({ scopes }: AccessRequest, needs: ScopeList): ScopeList {
    const writes = scopes[0]?.actions.includes('push') === true;
    if (this.#isGivenUp || !writes || coversScopes(needs, this.#foreseen)) return needs;
    return this.beyond(needs);
  }

  /** What is needed, and what is foreseen. */
  beyond(needs: ScopeList): ScopeList {
    return joinScopes(needs, this.#foreseen);
  }

  /** Notes what a token was asked for. */
  note(token: string, asked: ScopeList, needs: ScopeList): void {
    if (!this.#isGivenUp && !coversScopes(needs, this.#foreseen) && !coversScopes(needs, asked))
      this.#tokens.add(hashOf(token));
  }

  /** True for a token that was refused perhaps for what it was asked for beyond the request's needs. */
  isBeyond(token: string, { scopes }: AccessRequest): boolean {
    return this.#tokens.has(hashOf(token)) && !coversScopes(requestScopes(scopes), this.#foreseen);
  }

  giveUp(): void {
    this.#isGivenUp = true;
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
