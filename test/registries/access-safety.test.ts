import type { IncomingMessage } from 'node:http';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { createRegistryHandler } from '../../src/serve/handler.js';
import { MemoryRegistry } from '../../src/serve/memory-registry.js';
import { listen, type ListeningServer } from '../../src/serve/server.js';
import { testCertificates } from '../support/certificates.js';
import { commandLine, type CommandLineResult } from '../support/command-line.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { rule, withFaults, type Rule } from '../support/faults.js';
import { answer, redirect } from '../support/faults/answers.js';
import { changeHeaders } from '../support/faults/headers.js';
import { blob, imageManifest, seed, seedHttp } from '../support/fixtures.js';
import { startNginx } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { logged, type LoggedRequest } from '../support/registry.js';
import { startSquid, type Squid } from '../support/squid.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';

const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });
const mia = { user: 'mia', password: 'open sesame', identityToken: 'identity-of-mia' };
const asMia = { REGFERRY_USERNAME: mia.user, REGFERRY_PASSWORD: mia.password };
const copyAsMia = {
  REGFERRY_FROM_USERNAME: mia.user,
  REGFERRY_FROM_PASSWORD: mia.password,
  REGFERRY_TO_USERNAME: mia.user,
  REGFERRY_TO_PASSWORD: mia.password,
};
const metadata = 'http://169.254.169.254/latest/meta-data';

requirePrograms('docker-registry', 'openssl')('a registry whose token service is at another host', () => {
  let tokens: TokenServer;
  let registry: DockerRegistry;

  beforeAll(async () => {
    tokens = await startTokenServer({ users: [mia], hostname: 'localhost' });
    registry = await startDockerRegistry({ auth: tokens.auth });
    const authorization = tokens.header('repository:app:pull,push');
    await seedHttp(registry.url, 'app', image, 'v1', { authorization });
  });
  afterAll(() => Promise.all([registry.stop(), tokens.stop()]));
  beforeEach(() => {
    tokens.requests.length = 0;
    tokens.behaviour.anonymous = () => false;
    delete tokens.behaviour.redirectTo;
  });

  function digestWith(
    args: readonly string[],
    env: Record<string, string> = asMia,
  ): Promise<CommandLineResult> {
    return commandLine(['digest', `${registry.host}/app:v1`, ...args], { env });
  }

  it('gets the login there, and that is told once', async () => {
    const { code, stderr } = await commandLine(
      ['copy', `${registry.host}/app:v1`, `${registry.host}/elsewhere`],
      { env: copyAsMia },
    );
    expect(code).toBe(0);
    expect(stderr.split(`${registry.host} has its logins handled by ${tokens.host}`)).toHaveLength(2);
    expect((await digestWith(['--quiet'])).stderr).toBe('');
  });

  it('gets no login there when only others are trusted, and is told how to change that', async () => {
    const { code, stderr } = await digestWith(['--trusted-realm', 'auth.example']);
    expect([code, stderr]).toEqual([3, expect.stringContaining(`--trusted-realm ${tokens.host}`)]);
    expect(tokens.requests).toEqual([]);
    expect((await digestWith(['--trusted-realm', `auth.example,${tokens.host}`])).code).toBe(0);
    expect(tokens.requests).toHaveLength(1);
  });

  it('gives tokens without a login whoever is trusted', async () => {
    tokens.behaviour.anonymous = () => true;
    const { code } = await digestWith(['--anonymous', '--trusted-realm', 'auth.example'], {});
    expect(code).toBe(0);
    expect(tokens.requests).toMatchObject([{ authorization: undefined, status: 200 }]);
  });

  it('gets nothing carried on when it redirects a login to a third host', async () => {
    const third = await startTokenServer({ users: [mia] });
    try {
      tokens.behaviour.redirectTo = third.realm;
      expect((await digestWith([])).code).not.toBe(0);
      expect(third.requests.map(({ authorization }) => authorization)).not.toContain(
        tokens.requests[0]?.authorization,
      );
      const config = { auths: { [registry.host]: { identitytoken: mia.identityToken } } };
      const posted = await digestWith([], { DOCKER_AUTH_CONFIG: JSON.stringify(config) });
      expect([posted.code, posted.stderr]).toEqual([
        6,
        expect.stringContaining('hand a credential to another host'),
      ]);
      expect(JSON.stringify(third.requests)).not.toContain(mia.identityToken);
    } finally {
      await third.stop();
    }
  });
});

requirePrograms(
  'docker-registry',
  'nginx',
  'openssl',
)('a token service', () => {
  const running: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.stop()));
  });

  async function started<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
    const server = await starting;
    running.push(server);
    return server;
  }

  it('over http is not asked for a registry over https', async () => {
    const { server: pair, ca } = await testCertificates();
    const tokens = await started(startTokenServer({ users: [mia] }));
    const registry = await started(startDockerRegistry({ auth: tokens.auth }));
    const nginx = await started(startNginx({ upstream: registry.url, tls: pair }));
    const { code, stderr } = await commandLine(['digest', '--ca-file', ca, `${nginx.host}/app:v1`], {
      env: asMia,
    });
    expect([code, stderr]).toEqual([6, expect.stringContaining('token service that is not https')]);
    expect(tokens.requests).toEqual([]);
  });

  it('over https, with the private authority of its registry, is', async () => {
    const { server: pair, ca } = await testCertificates();
    const tokens = await started(startTokenServer({ users: [mia], tls: pair, hostname: 'localhost' }));
    const registry = await started(startDockerRegistry({ auth: tokens.auth, tls: pair }));
    const { code, stderr } = await commandLine(['tags', '--ca-file', ca, `${registry.host}/app`], {
      env: asMia,
    });
    // There is no such repository, and to be told so takes a token.
    expect([code, stderr]).toEqual([4, expect.stringContaining('there is no repository')]);
    expect(tokens.requests).toMatchObject([{ user: 'mia', status: 200 }]);
  });

  it('at a link-local address is not asked', async () => {
    const { ca } = await testCertificates();
    const token = { realm: `${metadata}/token`, service: 's', issuer: 'i', rootcertbundle: ca };
    const registry = await started(startDockerRegistry({ auth: { token } }));
    const args = ['digest', '--allow-private-redirects', `${registry.host}/app:v1`];
    const { code, stderr } = await commandLine(args, { env: asMia });
    expect([code, stderr]).toEqual([6, expect.stringContaining('link-local address (169.254.169.254)')]);
  });
});

requirePrograms('squid', 'openssl')('a registry with a password', () => {
  /** Two doors to the same content: one with a password and faults, and another. */
  let registry: ListeningServer;
  let other: ListeningServer;
  let squid: Squid;
  let publicName: string;
  const rules: Rule[] = [];
  const seenByOther: LoggedRequest[] = [];
  const basic = `Basic ${Buffer.from(`${mia.user}:${mia.password}`).toString('base64')}`;

  beforeAll(async () => {
    const storage = new MemoryRegistry();
    const handler = createRegistryHandler({ storage, pageSize: 2 });
    [registry, other, squid] = await Promise.all([
      listen(withFaults(handler, rules)),
      listen(logged(handler, seenByOther)),
      startSquid({ hosts: { 'public.example': '127.0.0.1' } }),
    ]);
    publicName = `public.example:${new URL(registry.url).port}`;
    const store = storage.store('app');
    await seed(store, image, 'v1');
    for (const tag of ['v2', 'v3']) await store.tag(image.root, tag);
  });
  afterAll(() => Promise.all([registry.close(), other.close(), squid.stop()]));
  beforeEach(() => {
    rules.splice(0, Infinity, locked(basic, 'Basic realm="registry"'));
    seenByOther.length = 0;
  });

  /** Answers 401 to everybody who does not send that, or with undefined, who sends nothing. */
  function locked(authorization: string | undefined, challenge: string): Rule {
    const isOut = ({ headers }: IncomingMessage): boolean =>
      authorization === undefined
        ? headers.authorization === undefined
        : headers.authorization !== authorization;
    return rule({ when: isOut }, answer(401, { headers: { 'www-authenticate': challenge } }));
  }

  function expectNoLoginAtOther(): void {
    expect(new Set(seenByOther.map(({ headers }) => headers.authorization))).toEqual(new Set([undefined]));
  }

  it('sends it to no other origin that a blob is redirected to', async () => {
    rules.push(
      rule(
        { path: /\/blobs\// },
        redirect(({ url = '' }) => other.url + url),
      ),
    );
    const { code } = await commandLine(['copy', `${registry.host}/app:v1`, `${other.host}/copied`], {
      env: { REGFERRY_FROM_USERNAME: mia.user, REGFERRY_FROM_PASSWORD: mia.password },
    });
    expect(code).toBe(0);
    expect(
      seenByOther.filter(({ method, url }) => method === 'GET' && url.includes('/app/blobs/')),
    ).toHaveLength(3);
    expectNoLoginAtOther();
  });

  it('sends it to no other origin that an upload is to go to', async () => {
    const elsewhere = changeHeaders((headers) => {
      const { location } = headers;
      return typeof location === 'string'
        ? { ...headers, location: new URL(location, other.url).href }
        : headers;
    });
    rules.push(rule({ method: 'POST', path: /\/uploads\// }, elsewhere));
    const { code } = await commandLine(['copy', `${other.host}/app:v1`, `${registry.host}/uploaded`], {
      env: { REGFERRY_TO_USERNAME: mia.user, REGFERRY_TO_PASSWORD: mia.password },
    });
    expect(code).toBe(0);
    expect(seenByOther.filter(({ method }) => method === 'PUT')).toHaveLength(3);
    expectNoLoginAtOther();
  });

  it('is not asked for the next page at another host', async () => {
    const link = `<${other.url}/v2/app/tags/list?n=2&last=v2>; rel="next"`;
    rules.push(
      rule(
        { path: /tags\/list/ },
        changeHeaders((headers) => ({ ...headers, link })),
      ),
    );
    const { code, stdout, stderr } = await commandLine(['tags', `${registry.host}/app`], { env: asMia });
    expect([code, stdout, stderr]).toEqual([0, 'v1\nv2\nv3\n', '']);
    expect(seenByOther).toEqual([]);
  });

  it.each([[], ['--allow-private-redirects']])(
    'is not followed to link-local addresses %s',
    async (...args) => {
      rules.push(rule({ path: /\/manifests\// }, redirect(metadata)));
      const { code, stderr } = await commandLine(['digest', ...args, `${registry.host}/app:v1`], {
        env: asMia,
      });
      expect([code, stderr]).toEqual([6, expect.stringContaining('169.254.169.254 is link-local')]);
    },
  );

  it('at a public address, as one behind a proxy counts, is not followed to this machine unless that is allowed', async () => {
    rules.push(
      rule(
        { path: /\/manifests\// },
        redirect(({ url = '' }) => other.url + url),
      ),
    );
    const args = ['digest', '--plain-http', `${publicName}/app:v1`];
    const env = { ...asMia, HTTP_PROXY: squid.url };
    const { code, stderr } = await commandLine(args, { env });
    expect([code, stderr]).toEqual([
      6,
      expect.stringMatching(/127\.0\.0\.1 is loopback.*--allow-private-redirects/),
    ]);
    expect(seenByOther).toEqual([]);
    expect((await commandLine([...args, '--allow-private-redirects'], { env })).code).toBe(0);
    expectNoLoginAtOther();
  });

  it('at a public address names no token service in this machine, unless that is allowed', async () => {
    const tokens = await startTokenServer({ users: [mia] });
    try {
      const challenge = `Bearer realm="${tokens.realm}",service="registry.test"`;
      rules.splice(0, Infinity, locked(undefined, challenge));
      const args = ['digest', '--plain-http', `${publicName}/app:v1`];
      const env = { ...asMia, HTTP_PROXY: squid.url };
      const { code, stderr } = await commandLine(args, { env });
      expect([code, stderr]).toEqual([6, expect.stringContaining('--allow-private-redirects')]);
      expect(tokens.requests).toEqual([]);
      expect((await commandLine([...args, '--allow-private-redirects'], { env })).code).toBe(0);
      expect(tokens.requests).toMatchObject([{ user: 'mia', status: 200 }]);
    } finally {
      await tokens.stop();
    }
  });
});
