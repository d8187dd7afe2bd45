import type { Scope } from '../auth/authorizer.js';
import type { RegistryClient } from './client.js';
import { pullScope, pushScope } from './scopes.js';

/** How often work whose body broke off is done again, and how long to wait before. */
export interface RepeatPolicy {
  /** Repeats after the first try. */
  readonly retries: number;
  /** Waits before repeat number `failures`, counted from 1. */
  readonly backoff: (failures: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** A repository of a registry, what calls on it ask permission for, and how patient they are. */
export interface RepositoryContext {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly access: 'pull' | 'push';
  readonly repeats: RepeatPolicy;
  /** Longest wait for the answer to an upload's body, in milliseconds. @default 15 minutes */
  readonly answerTimeoutMs?: number | undefined;
}

/** The scope that every call on this repository asks for. */
export function scopeOf(context: RepositoryContext): Scope {
  return context.access === 'push' ? pushScope(context.repository) : pullScope(context.repository);
}
