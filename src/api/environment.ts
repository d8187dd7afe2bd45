import type { CredentialProvider } from '../auth/credentials.js';
import type { LoginFile } from '../auth/login.js';
import { proxyFor, type Proxy, type ProxyRules } from '../http/proxy-rules.js';
import { certificateSource, type Certificates } from './environment-certificates.js';
import { credentialFiles } from './environment-credentials.js';
import { homeFolder } from './environment-home.js';

/** Where {@link fromEnvironment} looks. */
export interface EnvironmentOptions {
  /** Environment variables. @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** The home folder. @default HOME, else what the system says; a user that it does not know has none */
  readonly home?: string | undefined;
  /** The only file to take credentials from. @default REGISTRY_AUTH_FILE, else the files of docker and podman */
  readonly authfile?: string | undefined;
  /** Let that file be missing: a login makes it. @default false */
  readonly createAuthfile?: boolean | undefined;
  /** Told about what is passed over: a broken variable, a credential store that fails. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** What the environment says about getting into registries. */
export interface Environment {
  readonly credentials: CredentialProvider;
  /** The file that logins are written to. Throws E_CONFIG where there is no home folder to keep it in, and none is named. */
  readonly loginFile: LoginFile;
  /**
   * Certificates for an https origin, with `ca` (PEM) added to the authorities. Throws E_CONFIG when a certs.d folder of
   * that host cannot be used.
   */
  tls(origin: string, ca?: readonly string[]): Certificates;
  /** The proxy for an origin, undefined for a direct connection. Throws E_CONFIG when the variable is no address. */
  proxy(origin: string): Proxy | undefined;
}

/**
 * Reads credentials, certificates and proxies from where docker and podman keep them. The only part of the library that
 * looks at environment variables and the home folder. Throws E_CONFIG when the file named by `authfile` or
 * REGISTRY_AUTH_FILE is missing; other files are read when they are first needed.
 */
export function fromEnvironment(options: EnvironmentOptions = {}): Environment {
  const env = options.env ?? process.env;
  const variable = (name: string): string | undefined => env[name] || undefined;
  const home = options.home ?? homeFolder(env);
  const onWarning = options.onWarning ?? ((): void => undefined);
  const files = credentialFiles({ ...options, env, home, onWarning });
  const rules: ProxyRules = {
    http: variable('http_proxy') ?? variable('HTTP_PROXY'),
    https: variable('https_proxy') ?? variable('HTTPS_PROXY'),
    no: variable('no_proxy') ?? variable('NO_PROXY'),
  };
  return {
    credentials: files.credentials,
    get loginFile() {
      return files.loginFile;
    },
    tls: certificateSource({ env, home, onWarning }),
    proxy: (origin) => proxyFor(origin, rules),
  };
}
