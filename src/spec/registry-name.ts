import { RegferryError } from '../errors.js';
import { printable } from './printable.js';
import { parseReference, withoutUser } from './reference.js';

/**
 * The registry that a text names: `host[:port]`, by the rules of image references. Throws E_REFERENCE for anything
 * else, saying what to leave out or to add.
 */
export function parseRegistry(text: string): string {
  const shown = printable(withoutUser(text), 200);
  if (text === '') throw bad('', 'it is empty');
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) throw bad(shown, `leave out ${printable(scheme)}`);
  if (text.includes('@')) throw bad('***', 'leave out what is in front of the @');
  if (text.includes('/')) throw bad(shown, 'leave out the repository');
  const { registry, repository } = parseReference(`${text}/name`);
  // Without a dot, a colon or a capital letter the host was taken for a part of a repository at Docker Hub.
  if (repository !== 'name' && repository !== 'library/name')
    throw bad(shown, 'a host name has a dot or a port');
  return registry;
}

function bad(shown: string, why: string): RegferryError {
  return new RegferryError('E_REFERENCE', `"${shown}" is not a registry: ${why}; expected host[:port]`);
}
