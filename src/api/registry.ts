import type { Repository } from '../registry/repository.js';
import { parseRepository } from '../spec/reference.js';
import type { CommonOptions, SideOptions } from './options.js';
import { Session } from './session.js';

/** Options of {@link createRegistry}: one side's, and those of every call. */
export interface RegistryOptions extends CommonOptions, SideOptions {}

/** Connections, logins and tokens that several repositories share. Close it when done. */
export interface Registry {
  /**
   * A repository to read and write: `registry.example.com/team/app`. With `push` its tokens allow writing from the first
   * request on. Throws E_REFERENCE.
   */
  repository(name: string, access?: 'pull' | 'push'): Repository;
  /** Ends what still runs and closes every connection. */
  close(): Promise<void>;
}

/** A registry client for one's own program: the content interfaces over remote repositories. */
export function createRegistry(options: RegistryOptions = {}): Registry {
  const session = new Session({ ...options, source: options, sideless: true });
  return {
    repository: (name, access = 'pull') => session.repository(parseRepository(name), 'source', access),
    close: () => session.close(),
  };
}
