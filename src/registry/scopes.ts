import type { Scope } from '../auth/authorizer.js';

/** What reading a repository needs. */
export function pullScope(repository: string): Scope {
  return { repository, actions: ['pull'] };
}

/** What deleting in a repository needs; asked for by what deletes alone, since few logins have it. */
export function deleteScope(repository: string): Scope {
  return { repository, actions: ['delete'] };
}

/** What writing a repository needs; asked for from the first request on a target, so that one token serves them all. */
export function pushScope(repository: string): Scope {
  return { repository, actions: ['pull', 'push'] };
}
