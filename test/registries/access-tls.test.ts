import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { testCertificates, type KeyPair, type TestCertificates } from '../support/certificates.js';
import { runProgram } from '../support/child.js';
import { commandLine, type CommandLineResult } from '../support/command-line.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { startNginx, type Nginx, type NginxOptions } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { regferry } from '../support/regferry.js';
import { startSquid } from '../support/squid.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });
const mia = { user: 'mia', password: 'open sesame' };

let certificates: TestCertificates;
let registry: DockerRegistry;
let home: string;
const running: { stop(): Promise<void> }[] = [];

async function prepare(): Promise<void> {
  [certificates, registry] = await Promise.all([testCertificates(), startDockerRegistry()]);
  await seedHttp(registry.url, 'app', image, 'v1');
}

async function front(options: Omit<NginxOptions, 'upstream'>): Promise<Nginx> {
  const nginx = await startNginx({ upstream: registry.url, ...options });
  running.push(nginx);
  return nginx;
}

/** Copies from the registry as it is to the registry behind nginx. */
function copyTo(
  { host }: Nginx,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandLineResult> {
  return commandLine(['copy', `${registry.host}/app:v1`, `${host}/app:${Date.now()}`, ...args], {
    env: { HOME: home, ...env },
  });
}

async function selfSigned(): Promise<KeyPair> {
  const pair = { certificate: join(home, 'self.pem'), key: join(home, 'self.key') };
  await runProgram('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', pair.key],
    ...['-out', pair.certificate],
  ]);
  return pair;
}

function certsFolder(host: string): string {
  const folder = join(home, '.config', 'containers', 'certs.d', host);
  mkdirSync(folder, { recursive: true });
  return folder;
}

requirePrograms(
  'docker-registry',
  'nginx',
  'openssl',
)('a registry behind an nginx with TLS', () => {
  beforeAll(prepare);
  afterAll(() => registry.stop());
  beforeEach(() => {
    home = makeTempFolder('home');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
    removeTempFolder(home);
  });

  it('is not written to when nobody knows its authority, not over http either; the message says what helps', async () => {
    const nginx = await front({ tls: certificates.server });
    const { code, stderr } = await copyTo(nginx);
    expect(code).toBe(7);
    expect(stderr).toMatch(/unknown CA.*--to-ca-file.*SSL_CERT_FILE/);
    expect(await nginx.settledRequests()).toEqual([]);
    const { stderr: read } = await commandLine(['digest', `${nginx.host}/app:v1`]);
    expect(read).toMatch(/ --ca-file .*SSL_CERT_FILE.* --insecure /);
  });

  it.each<[string, (nginx: Nginx) => { args?: string[]; env?: Record<string, string> }]>([
    ['--to-ca-file', () => ({ args: ['--to-ca-file', certificates.ca] })],
    ['SSL_CERT_FILE', () => ({ env: { SSL_CERT_FILE: certificates.ca } })],
    [
      'SSL_CERT_DIR',
      () => {
        mkdirSync(join(home, 'ca'));
        copyFileSync(certificates.ca, join(home, 'ca', 'private.pem'));
        return { env: { SSL_CERT_DIR: `${join(home, 'missing')}:${join(home, 'ca')}` } };
      },
    ],
    ['NODE_EXTRA_CA_CERTS', () => ({ env: { NODE_EXTRA_CA_CERTS: certificates.ca } })],
    [
      'certs.d',
      ({ host }) => {
        copyFileSync(certificates.ca, join(certsFolder(host), 'private.crt'));
        return {};
      },
    ],
  ])('is trusted by way of %s', async (_, how) => {
    const nginx = await front({ tls: certificates.server });
    const { args, env } = how(nginx);
    const { code, stderr } = await copyTo(nginx, args, env);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is trusted by the command as a user starts it, NODE_EXTRA_CA_CERTS beside a file of its own', async () => {
    const nginx = await front({ tls: certificates.server });
    const other = await selfSigned();
    const { code } = await regferry(['digest', '--ca-file', other.certificate, `${nginx.host}/app:v1`], {
      env: { NODE_EXTRA_CA_CERTS: certificates.ca },
    });
    expect(code).toBe(0);
  });

  it('with an expired certificate is refused, unless it is to be accepted', async () => {
    const nginx = await front({ tls: certificates.expired });
    const { code, stderr } = await copyTo(nginx, ['--to-ca-file', certificates.ca]);
    expect([code, stderr]).toEqual([7, expect.stringMatching(/has expired.*--to-insecure/)]);
    expect((await copyTo(nginx, ['--to-insecure'])).code).toBe(0);
  });

  it('with a self-signed certificate is refused, unless that is named or to be accepted', async () => {
    const own = await selfSigned();
    const nginx = await front({ tls: own });
    const { code, stderr } = await copyTo(nginx);
    expect([code, stderr]).toEqual([7, expect.stringMatching(/self-signed.*--to-ca-file/)]);
    expect((await copyTo(nginx, ['--to-ca-file', own.certificate])).code).toBe(0);
    expect((await copyTo(nginx, ['--to-insecure'])).code).toBe(0);
    // Insecure is for the side that it was said of.
    expect((await copyTo(nginx, ['--from-insecure'])).code).toBe(7);
  });

  it('that wants a client certificate gets that of the options', async () => {
    const nginx = await front({ tls: certificates.server, clientCa: certificates.ca });
    const trust = ['--to-ca-file', certificates.ca];
    const { client } = certificates;
    const without = await copyTo(nginx, trust);
    expect(without.code).not.toBe(0);
    expect(without.stderr).toMatch(/No required SSL certificate was sent.*--to-cert-file and --to-key-file/);
    const read = await commandLine(['tags', `${nginx.host}/app`, '--ca-file', certificates.ca]);
    expect(read.stderr).toMatch(/No required SSL certificate was sent.* --cert-file and --key-file/);
    const pair = ['--to-cert-file', client.certificate, '--to-key-file', client.key];
    expect((await copyTo(nginx, [...trust, ...pair])).code).toBe(0);
    expect((await copyTo(nginx, [...trust, ...pair.slice(0, 2)])).code).toBe(2);
  });

  it('that wants a client certificate gets the pair of its certs.d folder, if that is complete', async () => {
    const nginx = await front({ tls: certificates.server, clientCa: certificates.ca });
    const folder = certsFolder(nginx.host);
    copyFileSync(certificates.ca, join(folder, 'ca.crt'));
    copyFileSync(certificates.client.certificate, join(folder, 'client.cert'));
    copyFileSync(certificates.client.key, join(folder, 'client.key'));
    expect((await copyTo(nginx)).code).toBe(0);
    rmSync(join(folder, 'client.key'));
    const { code, stderr } = await copyTo(nginx);
    expect([code, stderr]).toEqual([2, expect.stringContaining('client.cert lacks its partner client.key')]);
  });

  it('that asks for a password itself gets one', async () => {
    const nginx = await front({ tls: certificates.server, basicAuth: mia });
    const trust = ['--to-ca-file', certificates.ca];
    expect((await copyTo(nginx, trust)).code).toBe(3);
    const login = { REGFERRY_TO_USERNAME: mia.user, REGFERRY_TO_PASSWORD: mia.password };
    await nginx.clearRequests();
    expect((await copyTo(nginx, trust, login)).code).toBe(0);
    const users = (await nginx.settledRequests()).map(({ user, status }) => (status === 401 ? 401 : user));
    expect(new Set(users)).toEqual(new Set([401, mia.user]));
  });

  it('sends neither its password nor its client certificate to the host that a blob is redirected to', async () => {
    const tls = await certificates.serverFor();
    const storage = await front({
      tls,
      serverConf: [
        `ssl_client_certificate ${certificates.ca};`,
        'ssl_verify_client optional;',
        'if ($ssl_client_verify = SUCCESS) { return 418; }',
      ].join('\n'),
    });
    const nginx = await front({
      tls: certificates.server,
      clientCa: certificates.ca,
      basicAuth: mia,
      serverConf: `location ~ /blobs/sha256: { return 307 https://localhost:${storage.port}$request_uri; }`,
    });
    const { client, ca } = certificates;
    const { code, stderr } = await commandLine(
      [
        ...['copy', `${nginx.host}/app:v1`, `oci:${home}/layout`, '--from-username', mia.user],
        ...['--from-ca-file', ca, '--from-cert-file', client.certificate, '--from-key-file', client.key],
      ],
      { env: { REGFERRY_FROM_PASSWORD: mia.password } },
    );
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const moved = await storage.settledRequests();
    expect(moved.map(({ status, user }) => [status, user])).toEqual(
      image.blobs.size === 3 ? Array(3).fill([200, undefined]) : [],
    );
  });
});

requirePrograms(
  'docker-registry',
  'squid',
  'openssl',
)('a registry that has a name', () => {
  beforeAll(prepare);
  afterAll(() => registry.stop());

  it('is never asked over http when https fails', async () => {
    const squid = await startSquid({ hosts: { 'registry.example': '127.0.0.1' } });
    try {
      const name = `registry.example:${registry.port}/app:v1`;
      const env = { HTTPS_PROXY: squid.url, HTTP_PROXY: squid.url };
      await registry.clearRequests();
      const { code, stderr } = await commandLine(['digest', '--retries', '0', name], { env });
      expect([code, stderr]).toEqual([7, expect.stringContaining('--plain-http')]);
      expect(await registry.settledRequests()).toEqual([]);
      expect((await commandLine(['digest', '--plain-http', name], { env })).code).toBe(0);
    } finally {
      await squid.stop();
    }
  });
});
