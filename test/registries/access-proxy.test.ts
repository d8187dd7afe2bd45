import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { testCertificates, type TestCertificates } from '../support/certificates.js';
import { commandLine, type CommandLineResult } from '../support/command-line.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { startNginx, type Nginx } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { startSquid, type Squid } from '../support/squid.js';

const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });
const login = { user: 'mia', password: 'p@ss: word/1' };
const hosts = { 'plain.registry.example': '127.0.0.1', 'tls.registry.example': '127.0.0.1' };

requirePrograms(
  'docker-registry',
  'nginx',
  'squid',
  'openssl',
)('behind a squid', () => {
  let certificates: TestCertificates;
  let registry: DockerRegistry;
  let nginx: Nginx;
  let open: Squid;
  let closed: Squid;
  /** References to the same content: over http, and over TLS. */
  let plain: string;
  let tls: string;

  beforeAll(async () => {
    [certificates, registry] = await Promise.all([testCertificates(), startDockerRegistry()]);
    nginx = await startNginx({
      upstream: registry.url,
      tls: await certificates.serverFor('tls.registry.example'),
      // What is for the proxy alone must not get here.
      serverConf: 'if ($http_proxy_authorization) { return 418; }',
    });
    const connectPorts = [nginx.port];
    [open, closed] = await Promise.all([
      startSquid({ hosts, connectPorts }),
      startSquid({ hosts, connectPorts, auth: login }),
      seedHttp(registry.url, 'app', image, 'v1'),
    ]);
    plain = `plain.registry.example:${registry.port}`;
    tls = `tls.registry.example:${nginx.port}`;
  });
  afterAll(() => Promise.all([registry.stop(), nginx.stop(), open.stop(), closed.stop()]));
  beforeEach(() => Promise.all([open.clearRequests(), closed.clearRequests()]));

  function withLogin({ host }: Squid, { user, password } = login): string {
    return `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}`;
  }

  function copyThrough(proxy: string): Promise<CommandLineResult> {
    const args = ['--from-plain-http', '--to-ca-file', certificates.ca, '--retries', '0'];
    return commandLine(['copy', `${plain}/app:v1`, `${tls}/copy-${Date.now()}`, ...args], {
      env: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy },
    });
  }

  async function kinds(squid: Squid): Promise<Set<string>> {
    const all = await squid.settledRequests();
    return new Set(
      all.map(({ method, url, user }) => {
        const where = url.startsWith('http://') ? new URL(url).host : url;
        return `${method === 'CONNECT' ? 'tunnel to' : 'request for'} ${where}${user === undefined ? '' : ` by ${user}`}`;
      }),
    );
  }

  it('copies from plain http, handed on, to TLS, through a tunnel', async () => {
    const { code, stderr } = await copyThrough(open.url);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(await kinds(open)).toEqual(new Set([`request for ${plain}`, `tunnel to ${tls}`]));
  });

  it('logs in to a proxy that wants it, and tells nobody else', async () => {
    const { code, stderr } = await copyThrough(withLogin(closed));
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(await kinds(closed)).toEqual(new Set([`request for ${plain} by mia`, `tunnel to ${tls} by mia`]));
    const answers = (await nginx.settledRequests()).map(({ status }) => status);
    expect(answers).not.toContain(418);
  });

  it.each([
    ['without a login', () => closed.url],
    ['with a wrong one', () => withLogin(closed, { user: 'mia', password: 'wr0ng-S3cret' })],
  ])('says that it is the proxy that wants a login, for http and for TLS, %s', async (_, proxy) => {
    const env = { HTTP_PROXY: proxy(), HTTPS_PROXY: proxy() };
    const runs = await Promise.all([
      commandLine(['digest', '--plain-http', `${plain}/app:v1`], { env }),
      commandLine(['digest', '--ca-file', certificates.ca, `${tls}/app:v1`], { env }),
    ]);
    for (const { code, stderr } of runs) {
      expect([code, stderr]).toEqual([
        3,
        expect.stringMatching(/proxy wants a user name and password \(407\)/),
      ]);
      expect(stderr).not.toContain('wr0ng-S3cret');
    }
  });

  it('says what the proxy answered when it opens no tunnel', async () => {
    const env = { HTTPS_PROXY: open.url };
    const { code, stderr } = await commandLine(['digest', '--retries', '0', `${plain}/app:v1`], { env });
    expect([code, stderr]).toEqual([7, expect.stringContaining('the proxy answered 403')]);
  });

  it.each([
    ['goes direct for', (port: number) => `other.example,plain.registry.example:${port}`, false],
    ['goes direct for', () => 'registry.example', false],
    ['goes direct for', () => '.registry.example', false],
    ['goes direct for', () => '*.registry.example', false],
    ['goes direct for', () => '*', false],
    ['uses the proxy beside', () => 'plain.registry.example:1', true],
    ['uses the proxy beside', () => 'example.org 10.0.0.0/8 istry.example', true],
  ])('%s NO_PROXY %s', async (_, value, proxied) => {
    const env = { HTTP_PROXY: open.url, NO_PROXY: value(registry.port) };
    const { code, stderr } = await commandLine(
      ['digest', '--plain-http', '--retries', '0', `${plain}/app:v1`],
      { env },
    );
    // Only the proxy knows the name.
    expect([code, proxied ? '' : stderr]).toEqual(
      proxied ? [0, ''] : [7, expect.stringMatching(/host name/)],
    );
    expect(await open.settledRequests()).toHaveLength(proxied ? 1 : 0);
  });

  it('goes to loopback direct, whatever the variables say', async () => {
    const env = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
    const names = [registry.host, `localhost:${registry.port}`, `localhost:${nginx.port}`];
    for (const name of names) {
      const { code } = await commandLine(['digest', '--ca-file', certificates.ca, `${name}/app:v1`], { env });
      expect([name, code]).toEqual([name, 0]);
    }
  });
});
