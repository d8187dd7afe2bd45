import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { loggedRequest, requestLog, sendMarker, type LoggedRequest, type RequestLog } from './access-log.js';
import type { KeyPair } from './certificates.js';
import { runProgram, startProgram, waitUntil } from './child.js';
import { makeTempFolder, removeTempFolder } from './temp.js';

/** A user name and its password. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Where a registry sends its clients for tokens, and whose signature on them it believes. */
interface TokenService {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** PEM file with the certificates of those who may sign tokens. */
  readonly rootcertbundle: string;
}

/** How to set up a docker-registry. */
export interface DockerRegistryOptions {
  /** Who may use it. @default everybody, for everything */
  readonly auth?: { readonly htpasswd: Login } | { readonly token: TokenService };
  /** Allows DELETE. @default false */
  readonly delete?: boolean;
  /** Serves https with this certificate instead of http. */
  readonly tls?: KeyPair;
  /** More settings, named as distribution does: `REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running docker-registry. */
export interface DockerRegistry extends RequestLog {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  /** Its own temporary folder; content lies in `storage/` below it. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** Starts Debian's docker-registry (distribution 2.8) on a free port of the loopback interface, and waits for it. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = makeTempFolder('docker-registry');
  const config = join(folder, 'config.json');
  // JSON is YAML. It picks a free port by itself and says which, so that nobody else can have it.
  writeFileSync(config, JSON.stringify(await configuration(options, folder)));
  const entries: LoggedRequest[] = [];
  let port: number | undefined;
  const program = startProgram('docker-registry', ['serve', config], {
    env: options.env,
    onStdout: (line) => {
      const entry = parseLine(line);
      if (entry !== undefined) entries.push(entry);
    },
    onStderr: (line) => {
      const found = /msg="listening on 127\.0\.0\.1:(\d+)/.exec(line);
      if (found !== null) port = Number(found[1]);
    },
  });
  const stop = async () => {
    await program.stop();
    removeTempFolder(folder);
  };
  try {
    const listening = await waitUntil('docker-registry listens', () => port, program);
    const host = `127.0.0.1:${listening}`;
    const url = `${options.tls === undefined ? 'http' : 'https'}://${host}`;
    const log = requestLog(
      () => entries,
      (path) => sendMarker(url + path),
    );
    return { host, port: listening, url, folder, stop, ...log };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function configuration(options: DockerRegistryOptions, folder: string): Promise<object> {
  const { tls } = options;
  return {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: false } },
    storage: {
      // Its storage in memory locks up for good when enough is read and written at once.
      filesystem: { rootdirectory: join(folder, 'storage') },
      delete: { enabled: options.delete ?? false },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: {
      addr: '127.0.0.1:0',
      secret: 'only a test',
      ...(tls === undefined ? {} : { tls: { certificate: tls.certificate, key: tls.key } }),
    },
    ...(options.auth === undefined ? {} : { auth: await authentication(options.auth, folder) }),
  };
}

async function authentication(
  auth: NonNullable<DockerRegistryOptions['auth']>,
  folder: string,
): Promise<object> {
  if ('token' in auth) return { token: auth.token };
  const path = join(folder, 'htpasswd');
  const { user, password } = auth.htpasswd;
  // distribution knows bcrypt only.
  const { stdout } = await runProgram('htpasswd', ['-n', '-i', '-B', '-C', '4', user], { input: password });
  writeFileSync(path, stdout);
  return { htpasswd: { realm: 'registry', path } };
}

// host ident user [time] "METHOD target protocol" status bytes "referrer" "agent"
const linePattern = /^\S+ \S+ (\S+) \[[^\]]+\] "([A-Z]+) (\S+) [^"]*" (\d{3}) (\d+)/;

function parseLine(line: string): LoggedRequest | undefined {
  const found = linePattern.exec(line);
  if (found === null) return undefined;
  const [, user = '-', method = '', url = '', status = '', bytes = ''] = found;
  return loggedRequest(method, url, status, bytes, user);
}
