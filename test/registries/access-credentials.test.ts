import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { fromEnvironment } from '../../src/api/environment.js';
import { digest } from '../../src/api/image.js';
import { commandLine, type CommandLineOptions, type CommandLineResult } from '../support/command-line.js';
import { makeCredentialHelper, type TestCredentialHelper } from '../support/credential-helper.js';
import { startDockerRegistry, type DockerRegistry, type Login } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { regferry } from '../support/regferry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { startTokenServer, type TokenServer } from '../support/token-server.js';

const alice: Login = { user: 'alice', password: 'al:ice pass' };
const bob: Login = { user: 'bob', password: 'bob"s $pass' };
const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });

function encoded({ user, password }: Login): string {
  return Buffer.from(`${user}:${password}`).toString('base64');
}

requirePrograms('docker-registry', 'htpasswd')(
  'between two registries with different passwords, a copy',
  () => {
    let source: DockerRegistry;
    let target: DockerRegistry;
    let home: string;
    let runs = 0;

    beforeAll(async () => {
      [source, target] = await Promise.all([
        startDockerRegistry({ auth: { htpasswd: alice } }),
        startDockerRegistry({ auth: { htpasswd: bob } }),
      ]);
      await seedHttp(source.url, 'app', image, 'v1', { authorization: `Basic ${encoded(alice)}` });
    });
    afterAll(() => Promise.all([source.stop(), target.stop()]));
    beforeEach(() => {
      home = makeTempFolder('home');
      return () => removeTempFolder(home);
    });

    /** Writes a file into the home folder, and gives its path. */
    function file(path: string, content: object): string {
      const full = join(home, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, JSON.stringify(content));
      return full;
    }

    function auths(...logins: readonly (readonly [DockerRegistry, Login])[]): object {
      return {
        auths: Object.fromEntries(logins.map(([{ host }, login]) => [host, { auth: encoded(login) }])),
      };
    }

    const both = (): object => auths([source, alice], [target, bob]);

    /** Copies to a repository that nobody has written to. */
    function copyWith(
      args: readonly string[],
      env: Readonly<Record<string, string>> = {},
      input?: string,
      run: (args: readonly string[], options: CommandLineOptions) => Promise<CommandLineResult> = commandLine,
    ): Promise<CommandLineResult> {
      runs += 1;
      const references = [`${source.host}/app:v1`, `${target.host}/run-${runs}`];
      return run(['copy', ...references, ...args], {
        env: { HOME: home, ...env },
        ...(input === undefined ? {} : { input }),
      });
    }

    async function expectCopied(run: Promise<CommandLineResult>): Promise<void> {
      const { code, stdout, stderr } = await run;
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(image.root.descriptor.digest);
    }

    it('takes them from options, the environment and standard input', async () => {
      const names = ['--from-username', alice.user, '--to-username', bob.user];
      const env = { REGFERRY_FROM_PASSWORD: alice.password, REGFERRY_TO_PASSWORD: bob.password };
      await expectCopied(copyWith(names, env));
      const from = { REGFERRY_FROM_USERNAME: alice.user, REGFERRY_FROM_PASSWORD: alice.password };
      const typed = ['--to-username', bob.user, '--to-password-stdin'];
      await expectCopied(copyWith(typed, from, `${bob.password}\n`));
      // And once as a user starts it.
      const started = async (args: readonly string[], options: CommandLineOptions) => {
        const { code, stdout, stderr } = await regferry(args, options);
        return { code: code ?? -1, stdout: stdout.toString(), stderr };
      };
      await expectCopied(copyWith(typed, from, `${bob.password}\n`, started));
    });

    it('takes them from docker’s config.json, in the home folder or where DOCKER_CONFIG says', async () => {
      file('.docker/config.json', both());
      await expectCopied(copyWith([]));
      file('.docker/config.json', {});
      const elsewhere = dirname(file('elsewhere/config.json', both()));
      await expectCopied(copyWith([], { DOCKER_CONFIG: elsewhere }));
    });

    it('takes them from the helper that is named for a host, and from the store of all', async () => {
      const named = makeCredentialHelper({
        name: 'named',
        logins: { [source.host]: { Username: alice.user, Secret: alice.password } },
      });
      const store = makeCredentialHelper({
        name: 'store',
        logins: { [target.host]: { Username: bob.user, Secret: bob.password } },
      });
      const config = { credHelpers: { [source.host]: 'named' }, credsStore: 'store' };
      file('.docker/config.json', { ...config, auths: { [target.host]: {} } });
      try {
        await expectCopied(copyWith([], { PATH: `${named.path}:${store.path}` }));
        expect([named.calls(), store.calls()]).toEqual([[`get ${source.host}`], [`get ${target.host}`]]);
      } finally {
        named.remove();
        store.remove();
      }
    });

    it('takes them from DOCKER_AUTH_CONFIG, and those of other hosts from the files', async () => {
      file('.docker/config.json', auths([source, bob], [target, bob]));
      await expectCopied(copyWith([], { DOCKER_AUTH_CONFIG: JSON.stringify(auths([source, alice])) }));
    });

    it('takes them from --authfile or REGISTRY_AUTH_FILE alone', async () => {
      const complete = file('complete.json', both());
      await expectCopied(copyWith(['--authfile', complete]));
      await expectCopied(copyWith([], { REGISTRY_AUTH_FILE: complete }));
      file('.docker/config.json', both());
      const half = file('half.json', auths([source, alice]));
      const env = { REGISTRY_AUTH_FILE: half, DOCKER_AUTH_CONFIG: JSON.stringify(both()) };
      const lacking = await copyWith([], env);
      expect(lacking.code).toBe(3);
      expect(lacking.stderr).toMatch(new RegExp(`${target.host} gives no anonymous access .*--to-username`));
    });

    it('ends with 2 when the file that alone decides is missing', async () => {
      const missing = await copyWith(['--authfile', join(home, 'missing.json')]);
      expect([missing.code, missing.stderr]).toEqual([
        2,
        expect.stringContaining('~/missing.json does not exist'),
      ]);
    });

    it.each([
      ['XDG_RUNTIME_DIR', 'run'],
      ['XDG_CONFIG_HOME', 'config'],
    ])('takes them from podman’s auth.json below %s', async (variable, folder) => {
      file(`${folder}/containers/auth.json`, both());
      await expectCopied(copyWith([], { [variable]: join(home, folder) }));
    });

    it('asks one place after the other', async () => {
      const wrong = { user: 'alice', password: 'wrong' };
      const places: readonly (readonly [string, (login: Login) => Record<string, string>])[] = [
        ['the login options', ({ user, password }) => ({ username: user, password })],
        ['DOCKER_AUTH_CONFIG', (login) => ({ DOCKER_AUTH_CONFIG: JSON.stringify(auths([source, login])) })],
        [
          'config.json',
          (login) => written('docker/config.json', login, { DOCKER_CONFIG: join(home, 'docker') }),
        ],
        [
          'run',
          (login) => written('run/containers/auth.json', login, { XDG_RUNTIME_DIR: join(home, 'run') }),
        ],
        [
          'config',
          (login) => written('config/containers/auth.json', login, { XDG_CONFIG_HOME: join(home, 'config') }),
        ],
      ];
      const written = (path: string, login: Login, env: Record<string, string>): Record<string, string> => {
        file(path, auths([source, login]));
        return env;
      };
      for (const [at, [name, put]] of places.entries()) {
        const below = places.slice(at + 1).map(([, putBelow]) => putBelow(wrong));
        const env: Record<string, string> = Object.assign({}, ...below, put(alice)) as Record<string, string>;
        const { username, password } = env;
        const environment = fromEnvironment({ env, home });
        const found = await digest(`${source.host}/app:v1`, { environment, source: { username, password } });
        expect(found.digest, name).toBe(image.root.descriptor.digest);
      }
    });

    it.each([
      ['the options', 'login options'],
      ['a file', '~/.docker/config.json (auths)'],
      ['a helper', '~/.docker/config.json (credHelpers: wrong)'],
      ['DOCKER_AUTH_CONFIG', 'DOCKER_AUTH_CONFIG (auths)'],
    ])(
      'ends with 3 for a wrong password from %s, and tells where it came from, not what it is',
      async (from, named) => {
        const wrong = { user: 'alice', password: 'S3cret-wr0ng' };
        let helper: TestCredentialHelper | undefined;
        let run: Promise<CommandLineResult>;
        if (from === 'the options') {
          run = copyWith(['--from-username', 'alice'], { REGFERRY_FROM_PASSWORD: wrong.password });
        } else if (from === 'a file') {
          file('.docker/config.json', auths([source, wrong]));
          run = copyWith([]);
        } else if (from === 'a helper') {
          helper = makeCredentialHelper({
            name: 'wrong',
            logins: { [source.host]: { Username: wrong.user, Secret: wrong.password } },
          });
          file('.docker/config.json', { credHelpers: { [source.host]: 'wrong' } });
          run = copyWith([], { PATH: helper.path });
        } else {
          run = copyWith([], { DOCKER_AUTH_CONFIG: JSON.stringify(auths([source, wrong])) });
        }
        const { code, stdout, stderr } = await run;
        helper?.remove();
        expect(code).toBe(3);
        for (const part of [source.host, 'repository:app:pull', named, '--from-anonymous']) {
          expect(stderr).toContain(part);
        }
        for (const secret of [wrong.password, encoded(wrong)]) expect(stdout + stderr).not.toContain(secret);
      },
    );

    it.each([
      ['that is missing', undefined],
      ['that fails', 'the keychain is locked: {"Secret":"hunter2"}'],
    ])('ends with 3 for a helper %s, where the registry is known to be kept there', async (_, failure) => {
      const helper = makeCredentialHelper({
        name: failure === undefined ? 'other' : 'broken',
        ...(failure && { failure }),
      });
      const path = { PATH: helper.path };
      try {
        file('.docker/config.json', { credHelpers: { [source.host]: 'broken' } });
        const named = await copyWith([], path);
        file('.docker/config.json', { credsStore: 'broken', auths: { [source.host]: {} } });
        const listed = await copyWith([], path);
        for (const { code, stderr } of [named, listed]) {
          expect(code).toBe(3);
          expect(stderr).toMatch(
            /docker-credential-broken (?:is not on the PATH|get failed.*: the keychain is locked)/,
          );
          expect(stderr).not.toContain('hunter2');
        }
        file('.docker/config.json', { credsStore: 'broken' });
        const unlisted = await copyWith(['--from-username', 'alice', '--to-username', 'bob'], {
          ...path,
          REGFERRY_FROM_PASSWORD: alice.password,
          REGFERRY_TO_PASSWORD: bob.password,
        });
        expect(unlisted.code).toBe(0);
      } finally {
        helper.remove();
      }
    });
  },
);

requirePrograms('docker-registry', 'openssl')(
  'at a registry that knows what each user may do, a copy',
  () => {
    let tokens: TokenServer;
    let registry: DockerRegistry;
    let home: string;

    beforeAll(async () => {
      home = makeTempFolder('home');
      tokens = await startTokenServer({
        users: [
          { ...alice, may: (repository) => repository.startsWith('team-a/') },
          { ...bob, may: (repository) => repository.startsWith('team-b/') },
        ],
        anonymous: (repository, action) => repository === 'public' && action === 'pull',
      });
      registry = await startDockerRegistry({ auth: tokens.auth });
      await Promise.all(
        ['public', 'team-a/app'].map((repository) =>
          seedHttp(registry.url, repository, image, 'v1', {
            authorization: tokens.header(`repository:${repository}:pull,push`),
          }),
        ),
      );
    });
    afterAll(async () => {
      await Promise.all([registry.stop(), tokens.stop()]);
      removeTempFolder(home);
    });
    beforeEach(() => {
      tokens.requests.length = 0;
    });

    function write(config: object): string {
      const path = join(home, 'auth.json');
      writeFileSync(path, JSON.stringify(config));
      return path;
    }

    it('uses podman’s two logins for one registry, each for its own repositories', async () => {
      const authfile = write({
        auths: {
          [registry.host]: { auth: encoded({ user: 'nobody', password: 'x' }) },
          [`${registry.host}/team-a`]: { auth: encoded(alice) },
          [`${registry.host}/team-b/app`]: { auth: encoded(bob) },
        },
      });
      const { code, stdout } = await commandLine([
        ...['copy', '--authfile', authfile, `${registry.host}/team-a/app:v1`, `${registry.host}/team-b/app`],
      ]);
      expect([code, stdout]).toEqual([0, expect.stringContaining(image.root.descriptor.digest)]);
      expect(new Set(tokens.requests.map(({ user }) => user))).toEqual(new Set(['alice', 'bob']));
    });

    it('of a public image fails with stale credentials, and works with --from-anonymous as the message says', async () => {
      const stale = { auths: { [registry.host]: { auth: encoded({ ...alice, password: 'of last year' }) } } };
      const args = [
        'copy',
        '--authfile',
        write(stale),
        `${registry.host}/public:v1`,
        `oci:${home}/layout:v1`,
      ];
      const failed = await commandLine(args);
      expect([failed.code, failed.stderr]).toEqual([3, expect.stringContaining('--from-anonymous')]);
      const { code } = await commandLine([...args, '--from-anonymous']);
      expect(code).toBe(0);
      expect(tokens.requests.at(-1)).toMatchObject({
        authorization: undefined,
        scopes: ['repository:public:pull'],
      });
    });

    it('goes on with one warning where a store fails that need not know the registry', async () => {
      const config = join(home, 'store');
      mkdirSync(config, { recursive: true });
      writeFileSync(join(config, 'config.json'), JSON.stringify({ credsStore: 'not-installed' }));
      const { code, stderr } = await commandLine(['digest', `${registry.host}/public:v1`], {
        env: { DOCKER_CONFIG: config, HOME: home },
      });
      expect(code).toBe(0);
      expect(stderr.match(/warning/g)).toHaveLength(1);
      expect(stderr).toContain('docker-credential-not-installed is not on the PATH');
    });

    it('names the option of a command with one registry when its login is refused', async () => {
      const authfile = write({
        auths: { [registry.host]: { auth: encoded({ ...alice, password: 'stale' }) } },
      });
      const { code, stderr } = await commandLine([
        'digest',
        '--authfile',
        authfile,
        `${registry.host}/public:v1`,
      ]);
      expect(code).toBe(3);
      expect(stderr).toMatch(/ --anonymous\b/);
    });

    it('leaves a provider of the library’s caller in charge', async () => {
      const asked: string[] = [];
      const credentials = {
        credential: ({ repository }: { repository: string }) => {
          asked.push(repository);
          return Promise.resolve(undefined);
        },
      };
      await copy(`${registry.host}/public:v1`, `oci:${home}/provided:v1`, { source: { credentials } });
      expect(asked).toEqual(['public']);
    });
  },
);
