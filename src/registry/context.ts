import type { Scope } from '../auth/authorizer.js';
import type { PlaceInLine } from '../http/message.js';
import type { RepeatPolicy } from '../http/retry.js';
import type { RegistryClient } from './client.js';
import { pullScope, pushScope } from './scopes.js';

export type { RepeatPolicy };

/** A repository of a registry, what calls on it ask permission for, and how patient they are. */
export interface RepositoryContext {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly access: 'pull' | 'push';
  readonly repeats: RepeatPolicy;
  /** Longest wait for the answer to an upload's body, in milliseconds. @default 15 minutes */
  readonly answerTimeoutMs?: number | undefined;
  /** The work that calls are a part of. @default each stands in line for itself */
  readonly place?: PlaceInLine | undefined;
}

/** The repository in messages: with its registry, as that was spelled. */
export function nameOf({ client, repository }: RepositoryContext): string {
  return `${client.registry}/${repository}`;
}

/** The scope that every call on this repository asks for. */
export function scopeOf(context: RepositoryContext): Scope {
  return context.access === 'push' ? pushScope(context.repository) : pullScope(context.repository);
}
