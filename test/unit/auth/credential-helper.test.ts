import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { configCredentials } from '../../../src/auth/config-credentials.js';
import { credentialHelper, type HelperOptions } from '../../../src/auth/credential-helper.js';
import type { CredentialProvider } from '../../../src/auth/credentials.js';
import { parseDockerConfig } from '../../../src/auth/docker-config.js';
import { Secret } from '../../../src/auth/secret.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

let folder = '';

beforeAll(() => {
  folder = makeTempFolder('helpers');
  program(
    'ok',
    `echo "canary on stderr" >&2; read -r server; printf '{"ServerURL":"%s","Username":"me","Secret":"pw for %s"}' "$server" "$server"`,
  );
  program('token', `printf '{"Username":"<token>","Secret":"idt"}'`);
  program('none', `echo "credentials not found in native keychain"; exit 1`);
  program('empty', `printf '{"Username":"","Secret":""}'`);
  program('failing', `echo 'the keychain is locked: {"Secret":"canary/1"}'; exit 1`);
  program('noise', `echo "canary"`);
  program('grumbling', `echo "vault: sealed, token=canary-42 is stale" >&2; exit 3`);
  program('both', `echo "no luck"; echo "gcloud is not configured" >&2; exit 1`);
  program('babbling', `yes "it is broken" | head -c 3000000 >&2; exit 1`);
  program('blind', `echo '{"Username":"canary"'; echo "cannot decode the keyring" >&2`);
  program('left', `sleep 30 >/dev/null & echo $! > "$0.pid"; echo "the daemon is gone" >&2; exit 1`);
  program('nosecret', `echo '{"Username":"canary"}'`);
  program('hanging', `echo $$ > "$0.pid"; exec sleep 60`);
  program('locked', `echo x >> "$0.count"; exit 1`);
  program('endless', `exec yes canary`);
  program('deaf', `exec <&-; printf '{"Username":"me","Secret":"pw"}'`);
  program('leaving', `sleep 30 & echo $! > "$0.pid"; printf '{"Username":"me","Secret":"pw"}'`);
  program('keeping', `cat > "$0.$1"; exit 0`);
  program('counting', `echo x >> "$0.count"; printf '{"Username":"me","Secret":"pw"}'`);
});

afterAll(() => removeTempFolder(folder));

function program(suffix: string, script: string): void {
  const path = join(folder, `docker-credential-${suffix}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function options(more: HelperOptions = {}): HelperOptions {
  return { env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` }, ...more };
}

async function get(suffix: string, more?: HelperOptions): Promise<string | undefined> {
  const login = await credentialHelper(suffix, options(more)).get('r.example');
  return login && `${login.username.reveal()} ${login.secret.reveal()}`;
}

describe('a credential helper', () => {
  it('is not waited for once it has ended, whatever it has left behind that holds its output open', async () => {
    expect(await get('leaving', { timeoutMs: 20_000 })).toBe('me pw');
    const left = Number(readFileSync(join(folder, 'docker-credential-leaving.pid'), 'utf8'));
    expect(isRunning(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('is asked on its standard input, and its standard error is noise', async () => {
    expect(await get('ok')).toBe('me pw for r.example');
  });

  it('need not read its input', async () => {
    expect(await get('deaf')).toBe('me pw');
  });

  it.each(['none', 'empty'])('may know nothing: %s', async (suffix) => {
    expect(await get(suffix)).toBeUndefined();
  });

  it.each([
    ['missing', 'docker-credential-missing is not on the PATH'],
    [
      'failing',
      'docker-credential-failing get failed (exit status 1): the keychain is locked: {"Secret":"REDACTED"}',
    ],
    [
      'grumbling',
      'docker-credential-grumbling get failed (exit status 3): vault: sealed, token=REDACTED is stale',
    ],
    ['both', 'docker-credential-both get failed (exit status 1): no luck; gcloud is not configured'],
    [
      'blind',
      'docker-credential-blind get answered with something that is not JSON: cannot decode the keyring',
    ],
    ['noise', 'docker-credential-noise get answered with something that is not JSON'],
    ['nosecret', 'docker-credential-nosecret get answered without Username and Secret'],
    ['endless', 'docker-credential-endless get answered with too much'],
  ])('that is %s is an error that shows no secret of what it said', async (suffix, message) => {
    const error: unknown = await get(suffix).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'E_CREDENTIAL_HELPER', message });
    expect(inspect(error, { depth: 10 })).not.toContain('canary');
  });

  it('that says more than anybody reads is read to its end', async () => {
    await expect(get('babbling', { timeoutMs: 20_000 })).rejects.toThrow(
      /^docker-credential-babbling get failed \(exit status 1\): it is broken it is broken/,
    );
  });

  it('that has failed is not waited for, whatever holds its standard error open', async () => {
    await expect(get('left', { timeoutMs: 20_000 })).rejects.toThrow('the daemon is gone');
    process.kill(Number(readFileSync(join(folder, 'docker-credential-left.pid'), 'utf8')), 'SIGKILL');
  });

  it('that hangs is killed', async () => {
    await expect(get('hanging', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'E_CREDENTIAL_HELPER',
      message: 'docker-credential-hanging get took longer than 0.05 s',
    });
  });

  it('is killed when the work is given up', async () => {
    const controller = new AbortController();
    const asked = credentialHelper('hanging', options()).get('r', { signal: controller.signal });
    const pidFile = join(folder, 'docker-credential-hanging.pid');
    const pid = await vi.waitUntil(() => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')), {
      timeout: 10_000,
    });
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await vi.waitUntil(() => !isRunning(pid), { timeout: 10_000 });
  });

  it.each(['../evil', 'a/b', 'a\\b', '', '-x', '.hidden', 'a b', 'a;b'])(
    'is not run under a name like %j',
    (suffix) => {
      expect(() => credentialHelper(suffix)).toThrow(/plain word/);
    },
  );

  it('stores and erases as the protocol says', async () => {
    const helper = credentialHelper('keeping', options());
    await helper.store('r.example', { username: new Secret('me'), secret: new Secret('p"w') });
    expect(JSON.parse(readFileSync(join(folder, 'docker-credential-keeping.store'), 'utf8'))).toEqual({
      ServerURL: 'r.example',
      Username: 'me',
      Secret: 'p"w',
    });
    expect(await helper.erase('r.example')).toBe(true);
    expect(readFileSync(join(folder, 'docker-credential-keeping.erase'), 'utf8')).toBe('r.example');
    expect(await credentialHelper('none', options()).erase('r.example')).toBe(false);
    await expect(credentialHelper('failing', options()).erase('r.example')).rejects.toMatchObject({
      code: 'E_CREDENTIAL_HELPER',
    });
  });
});

describe('credentials of a configuration with helpers', () => {
  const warnings: string[] = [];

  function provider(config: unknown): CredentialProvider {
    warnings.length = 0;
    return configCredentials(parseDockerConfig(JSON.stringify(config), '~/.docker/config.json'), {
      helper: (suffix) => credentialHelper(suffix, options()),
      onWarning: (message) => warnings.push(message),
      onNone: (registry, message) => warnings.push(`${registry}: ${message}`),
    });
  }

  async function find(config: unknown, registry: string): Promise<string | undefined> {
    const found = await provider(config).credential({ registry, repository: 'app' });
    if (found === undefined) return undefined;
    const secret = found.kind === 'basic' ? found.password : found.token;
    return `${found.kind} ${secret.reveal()} from ${found.source}`;
  }

  const auth = Buffer.from('file:file-pw').toString('base64');

  it('come from credHelpers before credsStore before auths', async () => {
    const auths = { a: { auth }, b: { auth }, c: { auth } };
    expect(await find({ credHelpers: { a: 'ok' }, credsStore: 'token', auths }, 'a')).toBe(
      'basic pw for a from ~/.docker/config.json (credHelpers: ok)',
    );
    expect(await find({ credHelpers: { a: 'ok' }, credsStore: 'token', auths }, 'b')).toBe(
      'identity idt from ~/.docker/config.json (credsStore: token)',
    );
    expect(await find({ auths }, 'c')).toBe('basic file-pw from ~/.docker/config.json (auths)');
    expect(await find({ credsStore: 'none', auths }, 'c')).toBe(
      'basic file-pw from ~/.docker/config.json (auths)',
    );
  });

  it('are asked for under the key that docker uses', async () => {
    expect(await find({ credsStore: 'ok' }, 'docker.io')).toContain('pw for https://index.docker.io/v1/');
    expect(await find({ credsStore: 'ok' }, 'r.example:5000')).toContain('pw for r.example:5000');
  });

  it.each(['missing', 'failing'])(
    'of a host that credHelpers names fail with the helper: %s',
    async (suffix) => {
      await expect(find({ credHelpers: { r: suffix }, auths: { r: { auth } } }, 'r')).rejects.toMatchObject({
        code: 'E_CREDENTIAL_HELPER',
        message: expect.stringMatching(/~\/\.docker\/config\.json names it for r \(credHelpers\)/) as string,
      });
    },
  );

  it('of a host that auths lists fail with the store', async () => {
    await expect(find({ credsStore: 'failing', auths: { r: {} } }, 'r')).rejects.toMatchObject({
      code: 'E_CREDENTIAL_HELPER',
    });
  });

  it('of any other host are none when the store fails, with one warning', async () => {
    const found = provider({ credsStore: 'failing', auths: { other: {} } });
    for (const registry of ['a', 'b', 'a']) {
      expect(await found.credential({ registry, repository: '' })).toBeUndefined();
    }
    expect(warnings).toEqual([
      'docker-credential-failing get failed (exit status 1): the keychain is locked: {"Secret":"REDACTED"} (credsStore of ~/.docker/config.json); going on without its credentials',
    ]);
  });

  it('do not wait for a failing store again and again', async () => {
    const found = provider({ credsStore: 'locked' });
    for (const repository of ['a', 'b']) await found.credential({ registry: 'r', repository });
    expect(readFileSync(join(folder, 'docker-credential-locked.count'), 'utf8')).toBe('x\n');
  });

  it.each([
    [
      { credHelpers: { r: 'none' } },
      'names docker-credential-none for r (credHelpers), which has no login for it',
    ],
    [
      { credsStore: 'none', auths: { r: {} } },
      'lists r ("auths"), but has no login for it, nor has docker-credential-none (credsStore)',
    ],
    [{ auths: { r: {} } }, 'lists r ("auths"), but has no login for it'],
  ])('that were to be expected and are not there are told: %j', async (config, words) => {
    const found = provider(config);
    expect(await found.credential({ registry: 'r', repository: 'a' })).toBeUndefined();
    expect(warnings).toEqual([`r: ~/.docker/config.json ${words}`]);
  });

  it('that nobody expects are not missed', async () => {
    const found = provider({ credsStore: 'none', auths: { other: {} } });
    expect(await found.credential({ registry: 'r', repository: 'a' })).toBeUndefined();
    expect(warnings).toEqual([]);
  });

  it('are asked for by the name under which the file has them, too', async () => {
    program(
      'only',
      `read -r server; [ "$server" = "[::1]:5000" ] && printf '{"Username":"me","Secret":"pw"}' && exit 0; echo "credentials not found in native keychain"; exit 1`,
    );
    expect(
      await find({ credsStore: 'only', auths: { '[::1]:5000': {} } }, '[0:0:0:0:0:0:0:1]:5000'),
    ).toContain('basic pw');
  });

  it('are an error when the helper has an impossible name', async () => {
    await expect(find({ credsStore: '../../bin/sh' }, 'r')).rejects.toMatchObject({ code: 'E_CONFIG' });
  });

  it('are asked for once a registry, by however many', async () => {
    const found = provider({ credsStore: 'counting' });
    const ask = (repository: string): Promise<unknown> => found.credential({ registry: 'r', repository });
    await Promise.all([ask('a'), ask('b')]);
    await ask('c');
    expect(readFileSync(join(folder, 'docker-credential-counting.count'), 'utf8')).toBe('x\n');
  });

  it('run no helper for a host that needs none', async () => {
    expect(await find({ credHelpers: { other: 'keeping' } }, 'r')).toBeUndefined();
    expect(existsSync(join(folder, 'docker-credential-keeping.get'))).toBe(false);
  });
});
