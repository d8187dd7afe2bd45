import { chownSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseRequestLines, requestLog, sendMarker, type RequestLog } from './access-log.js';
import { isExecutable, onFreePort, runProgram, startProgram, waitUntil } from './child.js';
import type { Login } from './docker-registry.js';
import { passwordLine, readFile } from './nginx.js';
import { makeTempFolder, onProcessEnd, removeTempFolder } from './temp.js';

/** How to set up a squid. */
export interface SquidOptions {
  /** The login that it asks for. @default none */
  readonly auth?: Login;
  /** Made-up host names and their addresses; loopback itself is never reached through a proxy. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** The only ports that CONNECT may go to; a stock squid allows 443. @default every port */
  readonly connectPorts?: readonly number[];
  /** More lines for the configuration. */
  readonly conf?: string;
}

/** A running squid. A CONNECT appears in its log when its tunnel is closed, not before. */
export interface Squid extends RequestLog {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`, without the login. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a squid on a free port of the loopback interface, and waits for it. */
export function startSquid(options: SquidOptions = {}): Promise<Squid> {
  return onFreePort((port) => startOn(port, options));
}

async function startOn(port: number, options: SquidOptions): Promise<Squid> {
  const folder = makeTempFolder('squid');
  const accessLog = join(folder, 'access.log');
  const config = join(folder, 'squid.conf');
  const hosts = Object.entries(options.hosts ?? {}).map(([name, address]) => `${address} ${name}\n`);
  writeFileSync(join(folder, 'hosts'), hosts.join(''));
  if (options.auth !== undefined) writeFileSync(join(folder, 'passwords'), await passwordLine(options.auth));
  writeFileSync(config, configuration(port, folder, options));
  if (process.getuid?.() === 0) await giveToNobody(folder);
  let listening = false;
  // Squids of one name on one machine would share their memory segments. Only letters and digits are allowed.
  const name = `regferry${port}`;
  onProcessEnd(() => removeSharedMemory(name));
  const program = startProgram('squid', ['-N', '-n', name, '-d', '1', '-f', config], {
    onStderr: (line) => (listening ||= line.includes('Accepting HTTP Socket connections')),
  });
  const stop = async () => {
    await program.stop();
    removeSharedMemory(name);
    removeTempFolder(folder);
  };
  try {
    await waitUntil('squid listens', () => listening, program);
  } catch (error) {
    await stop();
    throw error;
  }
  const host = `127.0.0.1:${port}`;
  const url = `http://${host}`;
  const log = requestLog(
    () => parseRequestLines(readFile(accessLog)),
    (path) => sendMarker(url + path),
  );
  return { host, port, url, stop, ...log };
}

// Squid refuses to work as root and becomes `nobody`, who must be able to write here.
async function giveToNobody(folder: string): Promise<void> {
  const [user, group] = await Promise.all([
    runProgram('id', ['-u', 'nobody']),
    runProgram('id', ['-g', 'nobody']),
  ]);
  chownSync(folder, Number(user.stdout.toString()), Number(group.stdout.toString()));
}

// A squid that is killed leaves its memory segments behind; one that is asked to end takes a second about it.
function removeSharedMemory(name: string): void {
  const folder = '/dev/shm';
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}-`)) rmSync(join(folder, file), { force: true });
  }
}

function passwordHelper(): string {
  const folders = ['/usr/lib/squid', '/usr/lib64/squid', '/usr/libexec/squid', '/usr/local/libexec/squid'];
  const homebrew = ['/opt/homebrew/opt/squid/libexec', '/usr/local/opt/squid/libexec'];
  const found = [...folders, ...homebrew]
    .map((folder) => join(folder, 'basic_ncsa_auth'))
    .find((path) => isExecutable(path));
  if (found === undefined) throw new Error("squid's basic_ncsa_auth is in none of the usual folders");
  return found;
}

function configuration(port: number, folder: string, options: SquidOptions): string {
  const { auth, connectPorts } = options;
  const lines = [
    `http_port 127.0.0.1:${port}`,
    'visible_hostname proxy.test',
    'cache_effective_user nobody',
    `hosts_file ${join(folder, 'hosts')}`,
    // Nothing listens there: no name is looked up outside.
    'dns_nameservers 127.0.0.1',
    'pid_filename none',
    `coredump_dir ${folder}`,
    `cache_log ${join(folder, 'cache.log')}`,
    'logformat lines %rm %ru %>Hs %<sh %un',
    `access_log stdio:${join(folder, 'access.log')} logformat=lines`,
    'strip_query_terms off',
    'cache deny all',
    'cache_mem 0',
    'memory_pools off',
    'pinger_enable off',
    'netdb_filename none',
    'max_filedescriptors 1024',
    'shutdown_lifetime 0 seconds',
    ...(options.conf === undefined ? [] : [options.conf]),
    'acl marker urlpath_regex regferry-marker',
    'http_access deny marker',
    'acl CONNECT method CONNECT',
  ];
  if (connectPorts !== undefined) {
    lines.push(`acl tunnels port ${connectPorts.join(' ')}`, 'http_access deny CONNECT !tunnels');
  }
  if (auth === undefined) return [...lines, 'http_access allow all', ''].join('\n');
  return [
    ...lines,
    `auth_param basic program ${passwordHelper()} ${join(folder, 'passwords')}`,
    'auth_param basic children 1 startup=1',
    'auth_param basic realm proxy',
    'acl known proxy_auth REQUIRED',
    'http_access allow known',
    'http_access deny all',
    '',
  ].join('\n');
}
