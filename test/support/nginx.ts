import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { parseRequestLines, requestLog, sendMarker, type RequestLog } from './access-log.js';
import type { KeyPair } from './certificates.js';
import { onFreePort, runProgram, startProgram, waitUntil } from './child.js';
import type { Login } from './docker-registry.js';
import { makeTempFolder, removeTempFolder } from './temp.js';

/** How to set up an nginx. */
export interface NginxOptions {
  /** URL of what it stands in front of. */
  readonly upstream: string;
  /** Serves https with this certificate instead of http. */
  readonly tls?: KeyPair;
  /** PEM file of the authority that must have signed the client's certificate; answers 400 without one. */
  readonly clientCa?: string;
  /** Asks for this login with a Basic challenge. It is not passed on. */
  readonly basicAuth?: Login;
  /** Longest request body, as nginx writes it: `1m`. @default no limit */
  readonly clientMaxBodySize?: string;
  /** Bytes a second of an answer, as nginx writes it: `256k`. @default no limit */
  readonly limitRate?: string;
  /** More lines for the server block. */
  readonly serverConf?: string;
  /** More lines for the block of `location /`. */
  readonly locationConf?: string;
}

/** A running nginx. */
export interface Nginx extends RequestLog {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts an nginx on a free port of the loopback interface, and waits for it. */
export function startNginx(options: NginxOptions): Promise<Nginx> {
  return onFreePort((port) => startOn(port, options));
}

async function startOn(port: number, options: NginxOptions): Promise<Nginx> {
  const folder = makeTempFolder('nginx');
  const config = join(folder, 'nginx.conf');
  const accessLog = join(folder, 'access.log');
  const pidFile = join(folder, 'nginx.pid');
  if (options.basicAuth !== undefined) {
    writeFileSync(join(folder, 'passwords'), await passwordLine(options.basicAuth));
  }
  writeFileSync(config, configuration(port, folder, options));
  const program = startProgram('nginx', ['-e', 'stderr', '-p', folder, '-c', config]);
  const stop = async () => {
    await program.stop();
    removeTempFolder(folder);
  };
  try {
    // Written once the port is bound; asking the port could find somebody else there.
    await waitUntil('nginx listens', () => readFile(pidFile) !== '', program);
  } catch (error) {
    await stop();
    throw error;
  }
  const host = `127.0.0.1:${port}`;
  const url = `${options.tls === undefined ? 'http' : 'https'}://${host}`;
  const log = requestLog(
    () => parseRequestLines(readFile(accessLog)),
    (path) => sendMarker(url + path),
  );
  return { host, port, url, stop, ...log };
}

/** A line of a password file that nginx and squid understand. */
export async function passwordLine({ user, password }: Login): Promise<string> {
  const { stdout } = await runProgram('openssl', ['passwd', '-apr1', '-stdin'], { input: `${password}\n` });
  return `${user}:${stdout.toString().trim()}\n`;
}

/** A file's text; empty while it is not there. */
export function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function configuration(port: number, folder: string, options: NginxOptions): string {
  return `
daemon off;
master_process off;
pid ${join(folder, 'nginx.pid')};
events { worker_connections 256; }
http {
  default_type application/octet-stream;
  log_format lines '$request_method $request_uri $status $body_bytes_sent $remote_user';
  access_log ${join(folder, 'access.log')} lines;
  client_body_temp_path ${join(folder, 'client_body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  server {
    listen 127.0.0.1:${port}${options.tls === undefined ? '' : ' ssl'};
    server_name localhost;
    client_max_body_size ${options.clientMaxBodySize ?? '0'};
    ${serverLines(folder, options).join('\n    ')}
    location / {
      ${locationLines(options).join('\n      ')}
    }
  }
}
`;
}

function serverLines(folder: string, options: NginxOptions): string[] {
  const lines: string[] = [];
  if (options.tls !== undefined) {
    lines.push(`ssl_certificate ${options.tls.certificate};`, `ssl_certificate_key ${options.tls.key};`);
  }
  if (options.clientCa !== undefined) {
    lines.push(`ssl_client_certificate ${options.clientCa};`, 'ssl_verify_client on;');
  }
  if (options.basicAuth !== undefined) {
    lines.push('auth_basic "front";', `auth_basic_user_file ${join(folder, 'passwords')};`);
  }
  if (options.limitRate !== undefined) lines.push(`limit_rate ${options.limitRate};`);
  if (options.serverConf !== undefined) lines.push(options.serverConf);
  return lines;
}

function locationLines(options: NginxOptions): string[] {
  return [
    `proxy_pass ${options.upstream};`,
    'proxy_http_version 1.1;',
    'proxy_set_header Host $http_host;',
    'proxy_set_header X-Forwarded-Proto $scheme;',
    // Bodies pass at once, so that a test sees the pace of whoever is behind; answers that pass at once know no limit_rate.
    'proxy_request_buffering off;',
    `proxy_buffering ${options.limitRate === undefined ? 'off' : 'on'};`,
    ...(options.basicAuth === undefined ? [] : ['proxy_set_header Authorization "";']),
    ...(options.locationConf === undefined ? [] : [options.locationConf]),
  ];
}
