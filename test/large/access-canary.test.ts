import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { loadApi, type Api } from '../../src/cli/api.js';
import { createRegistryHandler } from '../../src/serve/handler.js';
import { MemoryRegistry } from '../../src/serve/memory-registry.js';
import { listen, type ListeningServer } from '../../src/serve/server.js';
import { testCertificates, type TestCertificates } from '../support/certificates.js';
import { commandLine } from '../support/command-line.js';
import { makeCredentialHelper, type TestCredentialHelper } from '../support/credential-helper.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { rule, withFaults, type Fault } from '../support/faults.js';
import { answer, redirect } from '../support/faults/answers.js';
import { changeHeaders } from '../support/faults/headers.js';
import { blob, imageManifest, seed, seedHttp } from '../support/fixtures.js';
import { startNginx, type Nginx } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { startSquid, type Squid } from '../support/squid.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';

const secrets = new Map<string, string>();

/** A secret that can be told from everything else. */
function secret(name: string): string {
  const value = `canary/${name}+Q7x=`;
  secrets.set(name, value);
  return value;
}

/** The forms in which a secret could show itself. */
function forms(value: string): string[] {
  if (!value.startsWith('canary')) return [value];
  const base64 = [0, 1, 2].map((at) => {
    // The middle of its base64, at each of the three ways in which it can lie behind other bytes.
    const encoded = Buffer.from('x'.repeat(at) + value).toString('base64');
    return encoded.slice(4, -4);
  });
  return [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), ...base64];
}

const mia = { user: 'mia', password: secret('password'), identityToken: secret('identity-token') };
const noa = { user: 'noa', password: secret('other-password') };
const wrong = secret('wrong-password');
const helperSecret = secret('helper-secret');
const helperNoise = secret('helper-noise');
const proxyPassword = secret('proxy-password');
const wrongProxyPassword = secret('wrong-proxy-password');
const registryToken = secret('registry-token');
const signature = secret('signature');
const userinfo = secret('userinfo');
const brokenFile = secret('broken-file');
const brokenKey = secret('broken-key');
const garbage = secret('garbage');
const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });

interface Scenario {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly code: number;
}

requirePrograms(
  'docker-registry',
  'nginx',
  'squid',
  'openssl',
)('no secret shows', () => {
  let certificates: TestCertificates;
  let tokens: TokenServer;
  let registry: DockerRegistry;
  let nginx: Nginx;
  let squid: Squid;
  let faulty: ListeningServer;
  let storage: ListeningServer;
  let noHttp: Server;
  let noHttpUrl: string;
  let home: string;
  const helpers: TestCredentialHelper[] = [];

  beforeAll(async () => {
    home = makeTempFolder('home');
    certificates = await testCertificates();
    secrets.set(
      'client key',
      (readFileSync(certificates.client.key, 'utf8').split('\n')[1] ?? '').slice(0, 40),
    );
    // Whatever a token holds, this is how it begins.
    secrets.set('a token', 'eyJ');
    tokens = await startTokenServer({ users: [mia, noa, { user: 'helped', password: helperSecret }] });
    [registry, squid] = await Promise.all([
      startDockerRegistry({ auth: tokens.auth }),
      startSquid({
        hosts: { 'registry.example': '127.0.0.1' },
        auth: { user: 'mia', password: proxyPassword },
      }),
    ]);
    const authorization = tokens.header('repository:app:pull,push');
    await seedHttp(registry.url, 'app', image, 'v1', { authorization });
    await startFaulty();
    nginx = await startNginx({
      upstream: storage.url,
      tls: certificates.server,
      clientCa: certificates.ca,
    });
  });
  afterAll(async () => {
    const closed = new Promise((resolve) => noHttp.close(resolve));
    await Promise.all([registry, tokens, nginx, squid].map((server) => server.stop()));
    await Promise.all([faulty.close(), storage.close(), closed]);
    for (const helper of helpers) helper.remove();
    removeTempFolder(home);
  });

  /** A registry that does something else in each repository. */
  async function startFaulty(): Promise<void> {
    noHttp = createServer((socket) => {
      socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${garbage}\r\n\r\n{"token":"${garbage}"}`));
    });
    await new Promise<void>((resolve) => noHttp.listen(0, '127.0.0.1', resolve));
    const address = noHttp.address();
    noHttpUrl = `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
    const content = new MemoryRegistry();
    const handler = createRegistryHandler({ storage: content });
    storage = await listen(handler);
    const query = `X-Amz-Signature=${encodeURIComponent(signature)}&_state=${encodeURIComponent(signature)}`;
    const challenged = (realm: string): Fault =>
      answer(401, { headers: { 'www-authenticate': `Bearer realm="${realm}",service="s"` } });
    const stated = changeHeaders((headers) => ({
      ...headers,
      location: `${String(headers['location'])}?${query}`,
    }));
    const rules = [
      rule(
        { path: /signed\/blobs\/sha/ },
        redirect(({ url = '' }) => `${storage.url}${url}?${query}`),
      ),
      rule({ path: /expired\/blobs\/sha/ }, redirect(`${storage.url}/denied?${query}`)),
      rule({ path: /gone\/blobs\/sha/ }, redirect(`http://127.0.0.1:1/x?${query}`)),
      rule(
        { path: /userinfo\/manifests/ },
        redirect(`http://mia:${encodeURIComponent(userinfo)}@127.0.0.1:1/x`),
      ),
      rule({ method: 'POST', path: /(?:stated|refused)\/blobs\/uploads/ }, stated),
      rule({ method: 'PUT', path: /refused\/blobs\/uploads/ }, answer(403)),
      rule(
        { path: /paged\/tags\/list\?n=/ },
        changeHeaders((headers) => ({ ...headers, link: `<?${query}>; rel="next"` })),
      ),
      rule({ path: /paged\/tags\/list\?X/ }, answer(404)),
      rule(
        { path: /realm\/manifests/ },
        challenged(`http://mia:${encodeURIComponent(userinfo)}@127.0.0.1:1/token`),
      ),
      rule({ path: /garbage\/manifests/ }, challenged(`${noHttpUrl}/token`)),
    ];
    faulty = await listen(withFaults(handler, rules));
    for (const repository of ['signed', 'expired', 'gone', 'paged']) {
      await seed(content.store(repository), image, 'v1');
    }
  }

  /** A file below the home folder. */
  function file(name: string, text: string): string {
    const path = join(home, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  function helper(name: string, options: { login?: string; failure?: string }): Record<string, string> {
    const { login, failure } = options;
    const made = makeCredentialHelper({
      name,
      logins: login === undefined ? {} : { [registry.host]: { Username: 'helped', Secret: login } },
      ...(failure === undefined ? {} : { failure }),
    });
    helpers.push(made);
    const folder = file(`${name}/config.json`, JSON.stringify({ credHelpers: { [registry.host]: name } }));
    return { DOCKER_CONFIG: join(folder, '..'), PATH: made.path };
  }

  function auths(entry: object): string {
    return JSON.stringify({ auths: { [registry.host]: entry } });
  }

  function scenarios(): Scenario[] {
    const app = `${registry.host}/app:v1`;
    const digest = ['digest', app];
    let files = 0;
    const authfile = (text: string): string[] => {
      files += 1;
      return [...digest, '--authfile', file(`auth-${files}.json`, text)];
    };
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    const miaIn = { REGFERRY_USERNAME: 'mia', REGFERRY_PASSWORD: mia.password };
    const plain = [
      'digest',
      '--plain-http',
      '--allow-private-redirects',
      '--retries',
      '0',
      `registry.example:${registry.port}/app:v1`,
    ];
    const proxy = (password: string, host = squid.host): Record<string, string> => ({
      ...miaIn,
      HTTP_PROXY: `http://mia:${encodeURIComponent(password)}@${host}`,
    });
    const tls = ['digest', '--ca-file', certificates.ca, '--cert-file', certificates.client.certificate];
    const readFaulty = (name: string): string[] => [
      'copy',
      '--retries',
      '0',
      `${faulty.host}/${name}:v1`,
      `oci:${home}/${name}`,
    ];
    const writeFaulty = (name: string): string[] => [
      'copy',
      '--retries',
      '0',
      `${storage.host}/paged:v1`,
      `${faulty.host}/${name}`,
    ];
    return [
      {
        name: 'a copy with a password on each side',
        args: [
          'copy',
          app,
          `${registry.host}/copy`,
          '--from-username',
          'mia',
          '--to-username',
          'noa',
          '--to-password-stdin',
        ],
        env: { REGFERRY_FROM_PASSWORD: mia.password },
        input: `${noa.password}\n`,
        code: 0,
      },
      {
        name: 'a refused copy',
        args: ['copy', app, `${registry.host}/copy`, '--from-username', 'mia', '--to-username', 'noa'],
        env: { REGFERRY_FROM_PASSWORD: mia.password, REGFERRY_TO_PASSWORD: wrong },
        code: 3,
      },
      { name: 'tags', args: ['tags', `${registry.host}/app`], env: miaIn, code: 0 },
      { name: 'tags of nothing', args: ['tags', `${registry.host}/nothing`], env: miaIn, code: 4 },
      { name: 'a refused password', args: digest, env: { ...miaIn, REGFERRY_PASSWORD: wrong }, code: 3 },
      { name: 'auth', args: authfile(auths({ auth: encode(`mia:${mia.password}`) })), code: 0 },
      { name: 'a refused auth', args: authfile(auths({ auth: encode(`mia:${wrong}`) })), code: 3 },
      {
        name: 'username and password',
        args: authfile(auths({ username: 'mia', password: mia.password })),
        code: 0,
      },
      {
        name: 'an identity token',
        args: authfile(auths({ identitytoken: mia.identityToken })),
        code: 0,
      },
      {
        name: 'a refused identity token',
        args: authfile(auths({ identitytoken: wrong })),
        code: 3,
      },
      {
        name: 'a refused registry token',
        args: authfile(auths({ registrytoken: registryToken })),
        code: 3,
      },
      {
        name: 'an unusable registry token',
        args: authfile(auths({ registrytoken: `${registryToken}\n` })),
        code: 2,
      },
      {
        name: 'a broken file',
        args: authfile(`{"auths": {"x": {"auth": "${brokenFile}" "y"`),
        code: 2,
      },
      {
        name: 'an auth without a colon',
        args: authfile(auths({ auth: encode(brokenFile) })),
        code: 2,
      },
      { name: 'a field of another type', args: authfile(auths({ auth: [brokenFile] })), code: 2 },
      {
        name: 'a broken variable',
        args: digest,
        env: { DOCKER_AUTH_CONFIG: `{"auths": "${brokenFile}"` },
        code: 3,
      },
      { name: 'a helper', args: digest, env: helper('good', { login: helperSecret }), code: 0 },
      { name: 'a helper with a stale secret', args: digest, env: helper('stale', { login: wrong }), code: 3 },
      {
        name: 'a helper that fails',
        args: digest,
        env: helper('bad', { failure: JSON.stringify({ Secret: helperNoise }) }),
        code: 3,
      },
      { name: 'a proxy', args: plain, env: proxy(proxyPassword), code: 0 },
      { name: 'a proxy that refuses', args: plain, env: proxy(wrongProxyPassword), code: 3 },
      { name: 'a proxy that is not there', args: plain, env: proxy(proxyPassword, '127.0.0.1:1'), code: 7 },
      { name: 'a proxy that is no address', args: plain, env: proxy(proxyPassword, 'no host'), code: 2 },
      {
        name: 'a client key',
        args: [...tls, '--key-file', certificates.client.key, `${nginx.host}/signed:v1`],
        env: miaIn,
        code: 0,
      },
      {
        name: 'a broken client key',
        args: [
          ...tls,
          '--key-file',
          file('key', `-----BEGIN PRIVATE KEY-----\n${brokenKey}\n`),
          `${nginx.host}/signed:v1`,
        ],
        code: 2,
      },
      {
        name: 'a login in a URL',
        args: ['digest', `https://mia:${userinfo}@${registry.host}/app:v1`],
        code: 2,
      },
      {
        name: 'a login in a reference',
        args: ['digest', `mia:${userinfo}@${registry.host}/app:v1`],
        code: 2,
      },
      {
        name: 'a login in a target',
        args: ['copy', app, `mia:${userinfo}@${registry.host}/app:v1`],
        code: 2,
      },
      { name: 'a login in a redirect', args: ['digest', `${faulty.host}/userinfo:v1`], code: 6 },
      { name: 'a login in a realm', args: ['digest', `${faulty.host}/realm:v1`], code: 6 },
      {
        name: 'a token service that speaks no HTTP',
        args: ['digest', '--retries', '0', `${faulty.host}/garbage:v1`],
        env: miaIn,
        code: 7,
      },
      { name: 'a signed URL', args: readFaulty('signed'), code: 0 },
      { name: 'a signed URL that leads nowhere', args: readFaulty('expired'), code: 4 },
      { name: 'a signed URL to a host that is down', args: readFaulty('gone'), code: 7 },
      { name: 'the state of an upload', args: writeFaulty('stated'), code: 0 },
      { name: 'the state of a refused upload', args: writeFaulty('refused'), code: 3 },
      { name: 'the state of a list', args: ['tags', `${faulty.host}/paged`], code: 4 },
      {
        name: 'a login',
        args: ['login', registry.host, '--username', 'mia', '--password-stdin'],
        input: mia.password,
        code: 0,
      },
      {
        name: 'a refused login',
        args: ['login', registry.host, '--username', 'mia', '--password-stdin'],
        input: wrong,
        code: 3,
      },
      { name: 'a login to a URL', args: ['login', `https://mia:${userinfo}@${registry.host}`], code: 2 },
      { name: 'a login to a host with a user', args: ['login', `mia:${userinfo}@${registry.host}`], code: 2 },
      {
        name: 'a password on the command line',
        args: [...digest, '--username', 'mia', '--password', wrong],
        code: 2,
      },
      {
        name: 'a password on the command line with =',
        args: [...digest, '--username', 'mia', `--password=${wrong}`],
        code: 2,
      },
      { name: 'a password without a user name', args: digest, env: { REGFERRY_PASSWORD: wrong }, code: 2 },
    ];
  }

  it('in what is printed, logged or thrown, whatever succeeds or fails', async () => {
    const leaks: string[] = [];
    const codes: [string, number][] = [];
    const all = scenarios();
    for (const { name, args, env, input } of all) {
      for (const format of ['pretty', 'json']) {
        const seen: string[] = [];
        const logging = ['--log-level', 'debug', '--log-format', format];
        const json = format === 'json' && args[0] !== 'login' ? ['--json'] : [];
        const { code, stdout, stderr } = await commandLine([...args, ...logging, ...json], {
          env: { HOME: home, ...env },
          ...(input === undefined ? {} : { input }),
          load: () => watchedApi(seen),
        });
        codes.push([name, code]);
        const shown = { stdout, stderr, 'what was thrown or told': seen.join('\n') };
        for (const [where, text] of Object.entries(shown)) {
          for (const [which, value] of secrets) {
            const form = forms(value).find((candidate) => text.includes(candidate));
            if (form !== undefined)
              leaks.push(`${name} (${format}): ${where} has the ${which}: ${around(text, form)}`);
          }
        }
        expect(stderr.length + stdout.length, name).toBeGreaterThan(0);
      }
    }
    expect(leaks).toEqual([]);
    expect(codes).toEqual(
      all.flatMap(({ name, code }) => [
        [name, code],
        [name, code],
      ]),
    );
  });
});

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - 80), at + form.length + 20);
}

/** The library, with all that it gives, tells and throws put down as `util.inspect` shows it. */
async function watchedApi(seen: string[]): Promise<Api> {
  const api = await loadApi();
  const note = (value: unknown): void => {
    seen.push(inspect(value, { depth: 30, showHidden: true, getters: true, maxStringLength: null }));
    if (value instanceof Error) seen.push(String(value), JSON.stringify(value));
  };
  const watched =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await work(...args);
      } catch (error) {
        note(error);
        throw error;
      }
    };
  return {
    ...api,
    copy: watched(api.copy),
    digest: watched(api.digest),
    login: watched(api.login),
    tags: async function* (...args) {
      try {
        yield* api.tags(...args);
      } catch (error) {
        note(error);
        throw error;
      }
    },
    fromEnvironment: (options) => {
      const environment = api.fromEnvironment(options);
      note(environment);
      return environment;
    },
  };
}
