import type { CommonOptions } from '../api/options.js';
import { eventLogger } from './log-events.js';
import type { Api } from './api.js';
import type { Call } from './command.js';
import type { Values } from './option.js';
import type { ConnectionOptions } from './options.js';

/** The options of every call of the library that reaches a registry. Its events go into the log. */
export function requestOptions(call: Call, values: Values<ConnectionOptions>, api: Api): CommonOptions {
  return {
    retries: values.retries,
    idleTimeoutMs: values['idle-timeout'],
    maxRetryWaitMs: values['retry-max-wait'],
    trustedRealms: values['trusted-realm'],
    allowPrivateRedirects: values['allow-private-redirects'],
    environment: api.fromEnvironment({
      env: call.io.env,
      authfile: values.authfile,
      onWarning: (message) => call.log.write('warn', message),
    }),
    signal: call.interruption.signal,
    onEvent: eventLogger(call.log),
  };
}
