import type { Environment } from '../api/environment.js';
import type { CommonOptions } from '../api/options.js';
import { eventLogger } from './log-events.js';
import type { Api } from './api.js';
import type { Call } from './command.js';
import type { Values } from './option.js';
import type { ConnectionOptions } from './options.js';

/**
 * The options of every call of the library that reaches a registry, with what the environment says. Its events go into
 * the log. With `createAuthfile` the file of --authfile may be missing. Throws E_CONFIG when it is, and must not be.
 */
export function requestOptions(
  call: Call,
  values: Values<ConnectionOptions>,
  api: Api,
  { createAuthfile = false }: { readonly createAuthfile?: boolean } = {},
): CommonOptions & { readonly environment: Environment } {
  return {
    retries: values.retries,
    idleTimeoutMs: values['idle-timeout'],
    maxRetryWaitMs: values['retry-max-wait'],
    trustedRealms: values['trusted-realm'],
    allowPrivateRedirects: values['allow-private-redirects'],
    environment: api.fromEnvironment({
      env: call.io.env,
      authfile: values.authfile,
      createAuthfile,
      onWarning: (message) => call.log.write('warn', message),
    }),
    secrets: call.secrets,
    signal: call.interruption.signal,
    onEvent: eventLogger(call.log),
  };
}
