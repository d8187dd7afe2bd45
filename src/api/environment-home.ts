import { homedir } from 'node:os';
import { join } from 'node:path';

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The home folder: HOME, else what the system says. Undefined where neither tells: a container may run as a user without an
 * entry in /etc/passwd.
 */
export function homeFolder(env: Variables): string | undefined {
  if (env['HOME']) return env['HOME'];
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/** Where docker keeps its configuration: DOCKER_CONFIG, else `~/.docker`. Undefined without a home folder. */
export function dockerFolder(env: Variables, home: string | undefined): string | undefined {
  return env['DOCKER_CONFIG'] || (home === undefined ? undefined : join(home, '.docker'));
}

/** Where other programs keep theirs: XDG_CONFIG_HOME, else `~/.config`. Undefined without a home folder. */
export function configFolder(env: Variables, home: string | undefined): string | undefined {
  return env['XDG_CONFIG_HOME'] || (home === undefined ? undefined : join(home, '.config'));
}
