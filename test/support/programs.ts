import { describe, it } from 'vitest';

import { findProgram } from './child.js';

/** Other people's programs that tests against real servers use. */
export type ProgramName =
  'docker-registry' | 'nginx' | 'squid' | 'skopeo' | 'htpasswd' | 'openssl' | 'buildah';

/**
 * A `describe` for tests that need real programs. Where one of them is missing the suite is skipped, and its title says
 * why; in CI (`CI=true`) that is a failure.
 */
export function requirePrograms(...names: readonly ProgramName[]): (title: string, body: () => void) => void {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return (title, body) => describe(title, body);
  const reason = `${missing.join(', ')} not found on this machine`;
  if (process.env['CI'] === 'true') {
    return (title) =>
      describe(title, () => {
        it('finds the programs that it needs', () => {
          throw new Error(`${reason}; in CI these tests must run`);
        });
      });
  }
  return (title, body) => describe.skip(`${title} (skipped: ${reason})`, body);
}
