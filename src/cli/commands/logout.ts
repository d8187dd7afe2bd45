import { parseRegistry } from '../../spec/registry-name.js';
import { type Call, command, type Command } from '../command.js';
import type { Values } from '../option.js';
import { connectionOptions, logOptions, type OutputOptions } from '../options.js';

interface LogoutValues extends Omit<OutputOptions, 'json'> {
  authfile: string;
}

/** `regferry logout`: forgets a login. */
export const logoutCommand: Command = command<LogoutValues>({
  name: 'logout',
  summary: 'forget the login to a registry',
  description: [
    'Removes the login from where regferry login and docker login keep it: from the credential helper, and from the file.',
  ],
  arguments: { usage: '<registry>', missing: ['the registry'], most: 1 },
  examples: [['regferry logout registry.example.com', 'as if there had never been a login']],
  options: {
    authfile: { ...connectionOptions.authfile, describe: 'remove the login from this file [that of docker]' },
    ...logOptions,
  },
  run: logOut,
});

async function logOut(call: Call, values: Values<LogoutValues>): Promise<void> {
  const { log, io, interruption } = call;
  const registry = parseRegistry(call.args[0] ?? '');
  const api = await call.loadApi();
  const environment = api.fromEnvironment({ env: io.env, authfile: values.authfile, createAuthfile: true });
  const removed = await api.logout(registry, { environment, signal: interruption.signal });
  const { label } = environment.loginFile;
  const message = removed
    ? `logged out of ${registry}; ${label} has no login to it any more`
    : `there was no login to ${registry} in ${label}`;
  log.write('info', message, { registry, removed });
}
