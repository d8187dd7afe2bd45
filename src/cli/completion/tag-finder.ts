import type { SideOptions } from '../../api/options.js';
import type { Api } from '../api.js';
import type { Given } from '../env-options.js';
import type { Io } from '../io.js';
import { optionValues } from '../option-values.js';
import { connectionOptions } from '../options.js';
import { registryOptions, type SidePrefix } from '../side-options.js';
import type { TagFinder } from './images.js';

/** How long somebody who has pressed a key waits for a registry. */
const patienceMs = 2_500;

/** Most tags that are looked at, and most that are of use. */
const mostSeen = 10_000;
const mostFound = 500;

/**
 * Asks registries for their tags with what the command line says so far about the connection, and with the logins of the
 * environment, but for passwords on standard input. What a registry has not told in time is not found.
 */
export function tagFinder(io: Io, load: () => Promise<Api>, prefix: SidePrefix, given: Given): TagFinder {
  return async (repository, beginning) => {
    const found: string[] = [];
    const controller = new AbortController();
    const stopWaiting = io.clock.after(patienceMs, () => controller.abort());
    try {
      const api = await load();
      const values = optionValues(connectionOptions, given);
      const tags = api.tags(repository, {
        environment: api.fromEnvironment({
          env: io.env,
          authfile: values.authfile,
          onWarning: () => undefined,
        }),
        source: sideOptions(prefix, given),
        trustedRealms: values['trusted-realm'],
        allowPrivateRedirects: values['allow-private-redirects'],
        retries: 0,
        signal: controller.signal,
      });
      let seen = 0;
      for await (const tag of tags) {
        if (tag.startsWith(beginning)) found.push(tag);
        seen += 1;
        if (seen === mostSeen || found.length === mostFound) break;
      }
    } catch {
      // A completion has nowhere to complain.
    } finally {
      stopWaiting();
    }
    return found;
  };
}

function sideOptions(prefix: SidePrefix, given: Given): SideOptions {
  const own = new Map(
    Object.keys(registryOptions).flatMap((name) => {
      const value = given.get(`${prefix}${name}`);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
  const values = optionValues(registryOptions, own);
  return {
    anonymous: values.anonymous,
    plainHttp: values['plain-http'],
    insecure: values.insecure,
    caFile: values['ca-file'],
    certFile: values['cert-file'],
    keyFile: values['key-file'],
  };
}
