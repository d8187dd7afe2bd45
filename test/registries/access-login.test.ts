import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { testCertificates } from '../support/certificates.js';
import { runProgram } from '../support/child.js';
import { commandLine, type CommandLineResult } from '../support/command-line.js';
import { makeCredentialHelper } from '../support/credential-helper.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { startNginx } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { regferry } from '../support/regferry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';

const bin = fileURLToPath(new URL('../../bin/regferry.js', import.meta.url));
const mia = { user: 'mia', password: 'open: sesame"' };
const pair = Buffer.from(`${mia.user}:${mia.password}`).toString('base64');
const image = imageManifest({ layers: [blob(3_000, 1)] });

requirePrograms(
  'docker-registry',
  'htpasswd',
  'nginx',
  'openssl',
  'skopeo',
)('a login', () => {
  let registry: DockerRegistry;
  let tokens: TokenServer;
  let withTokens: DockerRegistry;
  let home: string;
  let config: string;

  beforeAll(async () => {
    tokens = await startTokenServer({ users: [mia] });
    [registry, withTokens] = await Promise.all([
      startDockerRegistry({ auth: { htpasswd: mia } }),
      startDockerRegistry({ auth: tokens.auth }),
    ]);
    for (const repository of ['app', 'team/app']) {
      await seedHttp(registry.url, repository, image, 'v1', { authorization: `Basic ${pair}` });
    }
  });
  afterAll(() => Promise.all([registry.stop(), withTokens.stop(), tokens.stop()]));
  beforeEach(() => {
    home = makeTempFolder('home');
    config = join(home, '.docker', 'config.json');
    tokens.requests.length = 0;
    return () => removeTempFolder(home);
  });

  function run(
    args: readonly string[],
    options: { input?: string; env?: object } = {},
  ): Promise<CommandLineResult> {
    const { input, env } = options;
    return commandLine(args, { env: { HOME: home, ...env }, ...(input === undefined ? {} : { input }) });
  }

  function logIn(
    host: string,
    args: readonly string[] = [],
    password = mia.password,
  ): Promise<CommandLineResult> {
    return run(['login', host, '--username', mia.user, '--password-stdin', ...args], {
      input: `${password}\n`,
    });
  }

  function digest(args: readonly string[] = [], env: object = {}): Promise<CommandLineResult> {
    return run(['digest', `${registry.host}/app:v1`, ...args], { env });
  }

  /** Runs skopeo with this test's home folder, XDG_RUNTIME_DIR in it, and what is given on standard input. */
  async function skopeo(args: readonly string[], input?: string): Promise<string> {
    const env = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), REGISTRY_AUTH_FILE: '' };
    const { stdout } = await runProgram('skopeo', args, { env, ...(input === undefined ? {} : { input }) });
    return stdout.toString();
  }

  function skopeoLogIn(name: string, ...args: readonly string[]): Promise<string> {
    const login = ['login', '--tls-verify=false', '--username', mia.user, '--password-stdin'];
    return skopeo([...login, ...args, name], mia.password);
  }

  function skopeoInspect(...args: readonly string[]): Promise<string> {
    const format = ['--no-tags', '--format', '{{.Digest}}'];
    const image = `docker://${registry.host}/app:v1`;
    return skopeo(['inspect', '--tls-verify=false', ...format, ...args, image]);
  }

  it('of regferry is one for skopeo, in a file of its own and in the usual one', async () => {
    const authfile = join(home, 'auth.json');
    expect((await logIn(registry.host, ['--authfile', authfile])).code).toBe(0);
    expect((await skopeoInspect('--authfile', authfile)).trim()).toBe(image.root.descriptor.digest);
    await expect(skopeoInspect()).rejects.toThrow(/authentication required/);
    expect((await logIn(registry.host)).code).toBe(0);
    expect((await skopeoInspect()).trim()).toBe(image.root.descriptor.digest);
  });

  it('of skopeo is one for regferry, in a file of its own and in the usual one', async () => {
    const authfile = join(home, 'auth.json');
    await skopeoLogIn(registry.host, '--authfile', authfile);
    const copied = ['copy', '--authfile', authfile, `${registry.host}/app:v1`, `${registry.host}/copied`];
    expect((await run(copied)).code).toBe(0);
    const env = { XDG_RUNTIME_DIR: join(home, 'run') };
    expect((await digest([], env)).code).toBe(3);
    mkdirSync(join(home, 'run'));
    await skopeoLogIn(registry.host);
    expect((await digest([], env)).code).toBe(0);
  });

  it('of skopeo for a namespace is found before one for the whole registry', async () => {
    const authfile = join(home, 'auth.json');
    await skopeoLogIn(`${registry.host}/team`, '--authfile', authfile);
    const kept = JSON.parse(readFileSync(authfile, 'utf8')) as { auths: object };
    const stale = Buffer.from('mia:of last year').toString('base64');
    writeFileSync(authfile, JSON.stringify({ auths: { [registry.host]: { auth: stale }, ...kept.auths } }));
    const { code } = await run(['digest', '--authfile', authfile, `${registry.host}/team/app:v1`]);
    expect([code, (await digest(['--authfile', authfile])).code]).toEqual([0, 3]);
  });

  it('is kept in docker’s file for its owner alone, and that is told', async () => {
    const { code, stdout, stderr } = await logIn(registry.host);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/warning: .*unencrypted in ~\/\.docker\/config\.json/);
    expect(stderr).not.toContain(mia.password);
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ auths: { [registry.host]: { auth: pair } } });
    expect((await digest()).code).toBe(0);
  });

  it('leaves everything else in the file as it was, and so does the logout', async () => {
    const before = {
      psFormat: 'table {{.ID}}',
      auths: { 'other.example': { auth: 'b3RoZXI6c2VjcmV0', email: 'x' }, 'https://index.docker.io/v1/': {} },
      HttpHeaders: { 'X-Meta': 'kept' },
      credHelpers: { 'gcr.io': 'gcloud' },
      proxies: { default: { httpProxy: 'http://p' } },
    };
    mkdirSync(join(home, '.docker'));
    writeFileSync(config, JSON.stringify(before), { mode: 0o644 });
    expect((await logIn(registry.host)).code).toBe(0);
    const after = readFileSync(config, 'utf8');
    const auths = { ...before.auths, [registry.host]: { auth: pair } };
    expect(JSON.parse(after)).toEqual({ ...before, auths });
    expect(Object.keys(JSON.parse(after) as object)).toEqual(Object.keys(before));
    expect(statSync(config).mode & 0o777).toBe(0o600);

    expect(await run(['logout', registry.host])).toMatchObject({ code: 0 });
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual(before);
    expect((await digest()).code).toBe(3);
    const again = await run(['logout', registry.host]);
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('there was no login')]);
  });

  it.each<[string, () => DockerRegistry]>([
    ['a password', () => registry],
    ['a token service', () => withTokens],
  ])('with a wrong password is stored nowhere: a registry with %s', async (_, at) => {
    const refused = await logIn(at().host, [], 'S3cret-wr0ng');
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining('nothing was stored')]);
    expect(refused.stderr).toContain(at().host);
    expect(refused.stderr).not.toContain('S3cret-wr0ng');
    expect(existsSync(join(home, '.docker'))).toBe(false);
    expect((await logIn(at().host)).code).toBe(0);
    expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ auths: { [at().host]: { auth: pair } } });
  });

  it('at a token service asks for no more than a token', async () => {
    await logIn(withTokens.host);
    expect(tokens.requests).toMatchObject([
      { user: 'mia', scopes: [], service: 'registry.test', status: 200 },
    ]);
  });

  it('is kept by the helper that docker is set up with, for regferry and skopeo', async () => {
    const helper = makeCredentialHelper();
    mkdirSync(join(home, '.docker'));
    writeFileSync(config, JSON.stringify({ credsStore: helper.name }));
    const env = { HOME: home, PATH: helper.path };
    try {
      const login = ['login', registry.host, '--username', mia.user, '--password-stdin'];
      const { code, stderr } = await regferry(login, { env, input: mia.password });
      expect([code, stderr]).toEqual([0, expect.stringContaining(`docker-credential-${helper.name}`)]);
      expect(stderr).not.toContain('unencrypted');
      expect(helper.logins()).toEqual({ [registry.host]: { Username: mia.user, Secret: mia.password } });
      const kept = { credsStore: helper.name, auths: { [registry.host]: {} } };
      expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual(kept);
      expect((await digest([], env)).code).toBe(0);

      expect((await run(['logout', registry.host], { env })).code).toBe(0);
      expect(helper.logins()).toEqual({});
      expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({ credsStore: helper.name, auths: {} });
    } finally {
      helper.remove();
    }
  });

  it('stores nothing when the helper fails, in the file neither', async () => {
    const helper = makeCredentialHelper({ failure: 'the keychain is locked' });
    mkdirSync(join(home, '.docker'));
    const before = JSON.stringify({ credHelpers: { [registry.host]: helper.name } });
    writeFileSync(config, before);
    try {
      const login = ['login', registry.host, '--username', mia.user, '--password-stdin'];
      const { code } = await run(login, { input: mia.password, env: { PATH: helper.path } });
      expect(code).toBe(3);
      expect(readFileSync(config, 'utf8')).toBe(before);
    } finally {
      helper.remove();
    }
  });

  it('at a registry that wants none is stored, with a warning that it was not checked', async () => {
    const open = await startDockerRegistry();
    const { code, stderr } = await logIn(open.host);
    await open.stop();
    expect([code, stderr]).toEqual([0, expect.stringContaining('could not be checked')]);
    expect(existsSync(config)).toBe(true);
  });

  it('goes over TLS with a private authority when that is named', async () => {
    const { ca, server } = await testCertificates();
    const nginx = await startNginx({ upstream: registry.url, tls: server });
    try {
      const refused = await logIn(nginx.host);
      expect([refused.code, refused.stderr]).toEqual([7, expect.stringContaining('--ca-file')]);
      expect(existsSync(config)).toBe(false);
      expect((await logIn(nginx.host, ['--ca-file', ca])).code).toBe(0);
    } finally {
      await nginx.stop();
    }
  });

  // util-linux' script is a terminal for those who have none.
  it.skipIf(process.platform !== 'linux')(
    'is asked for on a terminal, which does not show the password',
    async () => {
      const shown = await onTerminal(
        `'${process.execPath}' '${bin}' login ${registry.host}`,
        { HOME: home },
        [
          ['User name: ', `${mia.user}\r`],
          ['Password: ', `${mia.password}\r`],
        ],
      );
      expect(shown).toContain(`logged in to ${registry.host}`);
      expect(shown).not.toContain('sesame');
      expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({
        auths: { [registry.host]: { auth: pair } },
      });
    },
  );
});

/** Runs a command on a terminal and types each answer when its question is shown. Gives all that the terminal shows. */
async function onTerminal(
  command: string,
  env: Readonly<Record<string, string>>,
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<string> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', SHELL: '/bin/sh', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const left = [...answers];
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [next] = left;
    if (next === undefined || !shown.includes(next[0])) return;
    left.shift();
    child.stdin.write(next[1]);
  });
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  return shown;
}
