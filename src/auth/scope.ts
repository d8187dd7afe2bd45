import type { Scope } from './authorizer.js';
import { SCOPES } from './limits.js';

/** Actions on one resource, e.g. `repository:app` with `pull,push`. */
export interface ResourceScope {
  readonly resource: string;
  readonly actions: readonly string[];
}

/** Each resource once; the demanded one first. */
export type ScopeList = readonly ResourceScope[];

const resourcePattern = /^[a-z0-9]+(?:\([a-z0-9]+\))?:[\x21\x23-\x5b\x5d-\x7e]{1,512}$/;
const actionPattern = /^(?:[a-z0-9]+|\*)$/;
const usualOrder = ['pull', 'push', 'delete'];

/** The scopes of a request, one a repository, as the token specification names them. */
export function requestScopes(scopes: readonly Scope[]): ScopeList {
  return joinScopes(
    scopes.map(({ repository, actions }) => ({ resource: `repository:${repository}`, actions })),
    [],
  );
}

/**
 * The scope parameter of a challenge: `type[(class)]:name:action[,action]`, space separated; a name may hold a port.
 * What does not fit that grammar is left out; at most 16 count.
 */
export function parseScopes(text: string): ScopeList {
  const parsed: ResourceScope[] = [];
  for (const word of text.split(/\s+/).slice(0, SCOPES)) {
    const cut = word.lastIndexOf(':');
    const resource = word.slice(0, Math.max(cut, 0));
    const actions = word.slice(cut + 1).split(',');
    if (resourcePattern.test(resource) && actions.length <= SCOPES && actions.every(isAction)) {
      parsed.push({ resource, actions });
    }
  }
  return joinScopes(parsed, []);
}

function isAction(action: string): boolean {
  return actionPattern.test(action);
}

/** Both lists as one: each resource once, in the order in which they come, those with push first. */
export function joinScopes(first: ScopeList, second: ScopeList): ScopeList {
  const joined = new Map<string, Set<string>>();
  for (const { resource, actions } of [...first, ...second]) {
    const known = joined.get(resource) ?? new Set<string>();
    for (const action of actions) known.add(action);
    joined.set(resource, known);
  }
  const list = [...joined].map(([resource, actions]) => ({ resource, actions: sortActions(actions) }));
  return [...list.filter(hasPush), ...list.filter((scope) => !hasPush(scope))];
}

function hasPush({ actions }: ResourceScope): boolean {
  return actions.includes('push') || actions.includes('*');
}

function sortActions(actions: ReadonlySet<string>): string[] {
  const usual = usualOrder.filter((action) => actions.has(action));
  const others = [...actions].filter((action) => !usualOrder.includes(action)).sort();
  return [...usual, ...others];
}

/** True when a token for `held` also serves a request that needs `wanted`. */
export function coversScopes(held: ScopeList, wanted: ScopeList): boolean {
  return wanted.every(({ resource, actions }) => {
    const own = held.find((scope) => scope.resource === resource)?.actions;
    return own !== undefined && (own.includes('*') || actions.every((action) => own.includes(action)));
  });
}

/** As the token endpoint wants them: `repository:app:pull,push`, one string a resource. */
export function formatScopes(scopes: ScopeList): string[] {
  return scopes.map(({ resource, actions }) => `${resource}:${actions.join(',')}`);
}

/** The same for two lists that ask for the same, in whatever order. */
export function scopeKey(scopes: ScopeList): string {
  return formatScopes(scopes).sort().join(' ');
}
