import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a node:http server calls for each request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * Something that goes wrong with one request, as a layer around the handler: it answers in its place, or lets it work
 * and spoils what goes in or out. The makers are in faults/: answers, cuts, bodies, headers and pace.
 */
export type Fault = (next: Handler) => Handler;

/** Which requests a rule is about. Everything that is left out matches. */
export interface RuleMatch {
  readonly method?: string | readonly string[];
  /** Tried on path and query, as they were sent. */
  readonly path?: RegExp;
  readonly when?: (request: IncomingMessage) => boolean;
  /** The first one that the fault befalls, counted from 1 among those that match. @default 1 */
  readonly nth?: number;
  /** How many it befalls from there on. @default 1 with `nth`, all without */
  readonly times?: number;
}

/** A scripted fault. */
export interface Rule {
  readonly match: RuleMatch;
  readonly fault: Fault;
  /** Requests that matched, hit or not. */
  seen: number;
  /** Requests that the fault befell. */
  hits: number;
}

/** Makes a rule for {@link withFaults}. Several faults are layered, the first outermost. */
export function rule(match: RuleMatch, ...faults: readonly [Fault, ...Fault[]]): Rule {
  return { match, fault: layered(faults), seen: 0, hits: 0 };
}

/**
 * The handler with faults. Every rule whose turn it is applies, the first outermost; one behind a fault that answers by
 * itself does not see the request. The list may change while the server runs.
 */
export function withFaults(handler: Handler, rules: readonly Rule[]): Handler {
  return (request, response) => {
    applyFrom(0, [...rules], handler)(request, response);
  };
}

/** Several faults as one, the first outermost. */
export function layered(faults: readonly Fault[]): Fault {
  return (next) => faults.reduceRight((inner, fault) => fault(inner), next);
}

/** A fault that is chosen anew for each request, or none: for random runs. */
export function chosen(choose: (request: IncomingMessage) => Fault | undefined): Fault {
  return (next) => (request, response) => {
    const fault = choose(request);
    (fault === undefined ? next : fault(next))(request, response);
  };
}

/** For `when`: true once the same URL was asked for more than `uses` times, as with a signed URL that expires. */
export function usedUp(uses: number): (request: IncomingMessage) => boolean {
  const counts = new Map<string, number>();
  return ({ url = '' }) => {
    const count = (counts.get(url) ?? 0) + 1;
    counts.set(url, count);
    return count > uses;
  };
}

/** For `when`: true for a request that declares a body of more than `bytes`, as a proxy with a limit has it. */
export function bodyOver(bytes: number): (request: IncomingMessage) => boolean {
  return ({ headers }) => Number(headers['content-length'] ?? 0) > bytes;
}

function applyFrom(at: number, rules: readonly Rule[], handler: Handler): Handler {
  const current = rules[at];
  if (current === undefined) return handler;
  const next = applyFrom(at + 1, rules, handler);
  return (request, response) => {
    if (!isDue(current, request)) {
      next(request, response);
      return;
    }
    current.hits += 1;
    current.fault(next)(request, response);
  };
}

function isDue(rule: Rule, request: IncomingMessage): boolean {
  const { method, path, when, nth, times } = rule.match;
  if (method !== undefined && ![method].flat().includes(request.method ?? '')) return false;
  if (path !== undefined && !path.test(request.url ?? '')) return false;
  if (when !== undefined && !when(request)) return false;
  rule.seen += 1;
  const first = nth ?? 1;
  const last = first + (times ?? (nth === undefined ? Infinity : 1)) - 1;
  return rule.seen >= first && rule.seen <= last;
}
