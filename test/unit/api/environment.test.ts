import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { fromEnvironment, type EnvironmentOptions } from '../../../src/api/environment.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

let home = '';
let warnings: string[] = [];

beforeEach(() => {
  home = makeTempFolder('environment');
  warnings = [];
});

afterEach(() => removeTempFolder(home));

function write(path: string, content: unknown): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

function auths(...logins: (readonly [string, string])[]): unknown {
  const entries = logins.map(
    ([key, login]) => [key, { auth: Buffer.from(login).toString('base64') }] as const,
  );
  return { auths: Object.fromEntries(entries) };
}

function environment(env: EnvironmentOptions['env'] = {}, more: EnvironmentOptions = {}) {
  const isolated = { XDG_RUNTIME_DIR: join(home, 'run'), ...env };
  return fromEnvironment({ env: isolated, home, onWarning: (message) => warnings.push(message), ...more });
}

async function find(
  target: string,
  env: EnvironmentOptions['env'] = {},
  more: EnvironmentOptions = {},
): Promise<string | undefined> {
  const [registry = '', ...path] = target.split('/');
  const found = await environment(env, more).credentials.credential({ registry, repository: path.join('/') });
  if (found === undefined) return undefined;
  return found.kind === 'basic' ? `${found.username.reveal()} from ${found.source}` : found.kind;
}

describe('credentials from the environment', () => {
  it('come from ~/.docker/config.json, or $DOCKER_CONFIG instead', async () => {
    write('.docker/config.json', auths(['r', 'home:1']));
    write('other/config.json', auths(['r', 'other:1']));
    expect(await find('r/app')).toBe('home from ~/.docker/config.json (auths)');
    expect(await find('r/app', { DOCKER_CONFIG: join(home, 'other') })).toBe(
      'other from ~/other/config.json (auths)',
    );
    expect(await find('r/app', { DOCKER_CONFIG: join(home, 'none') })).toBeUndefined();
    expect(await find('r/app', { DOCKER_CONFIG: '' })).toBe('home from ~/.docker/config.json (auths)');
  });

  it('come from DOCKER_AUTH_CONFIG first, falling through for hosts that it lacks', async () => {
    write('.docker/config.json', auths(['r', 'file:1'], ['q', 'file:1']));
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify(auths(['r', 'variable:1'])) };
    expect(await find('r/app', env)).toBe('variable from DOCKER_AUTH_CONFIG (auths)');
    expect(await find('q/app', env)).toBe('file from ~/.docker/config.json (auths)');
    expect(warnings).toEqual([]);
  });

  it('pass over a broken DOCKER_AUTH_CONFIG with a warning that does not quote it', async () => {
    write('.docker/config.json', auths(['r', 'file:1']));
    expect(await find('r/app', { DOCKER_AUTH_CONFIG: '{"auths": canary' })).toBe(
      'file from ~/.docker/config.json (auths)',
    );
    expect(warnings).toEqual(['DOCKER_AUTH_CONFIG is not valid JSON; going on without it']);
  });

  it("come from podman's files last, the session's before the kept ones", async () => {
    write('.config/containers/auth.json', auths(['r', 'kept:1'], ['q', 'kept:1']));
    expect(await find('r/app')).toBe('kept from ~/.config/containers/auth.json (auths)');
    write('run/containers/auth.json', auths(['r', 'session:1'], ['r/team', 'team:1']));
    expect(await find('r/app')).toBe('session from ~/run/containers/auth.json (auths)');
    expect(await find('r/team/app')).toBe('team from ~/run/containers/auth.json (auths)');
    expect(await find('q/app')).toBe('kept from ~/.config/containers/auth.json (auths)');
    write('xdg/containers/auth.json', auths(['q', 'xdg:1']));
    expect(await find('q/app', { XDG_CONFIG_HOME: join(home, 'xdg') })).toBe(
      'xdg from ~/xdg/containers/auth.json (auths)',
    );
    write('.docker/config.json', auths(['r', 'docker:1']));
    expect(await find('r/team/app')).toBe('docker from ~/.docker/config.json (auths)');
  });

  it('come from the named file alone when one is named, the option before the variable', async () => {
    write('.docker/config.json', auths(['r', 'docker:1'], ['q', 'docker:1']));
    const file = write('auth.json', auths(['r', 'named:1']));
    const env = { REGISTRY_AUTH_FILE: file, DOCKER_AUTH_CONFIG: JSON.stringify(auths(['q', 'variable:1'])) };
    expect(await find('r/app', env)).toBe('named from ~/auth.json (auths)');
    expect(await find('q/app', env)).toBeUndefined();
    const option = write('option.json', auths(['r', 'option:1']));
    expect(await find('r/app', env, { authfile: option })).toBe('option from ~/option.json (auths)');
    expect(await find('q/app', { REGISTRY_AUTH_FILE: '' })).toBe('docker from ~/.docker/config.json (auths)');
  });

  it('fail at once when the named file is missing or broken', () => {
    const missing = join(home, 'missing.json');
    expect(() => environment({ REGISTRY_AUTH_FILE: missing })).toThrow(
      'the credentials file ~/missing.json does not exist',
    );
    expect(() => environment({}, { authfile: write('broken.json', '{canary') })).toThrow(
      '~/broken.json is not valid JSON',
    );
    expect(environment({}, { authfile: missing, createAuthfile: true }).loginFile.path).toBe(missing);
  });

  it('fail for a broken config.json, and are none without any file', async () => {
    expect(await find('r/app')).toBeUndefined();
    write('.docker/config.json', '{"auths": canary');
    await expect(find('r/app')).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: '~/.docker/config.json is not valid JSON',
    });
  });

  it('find helpers on the PATH that they were given', async () => {
    const program = write(
      'bin/docker-credential-here',
      `#!/bin/sh\nprintf '{"Username":"helped","Secret":"x"}'\n`,
    );
    chmodSync(program, 0o755);
    write('.docker/config.json', { credHelpers: { r: 'here' } });
    expect(await find('r/app', { PATH: dirname(program) })).toBe(
      'helped from ~/.docker/config.json (credHelpers: here)',
    );
  });

  it('are stored where docker stores them, or in the named file', () => {
    expect(environment().loginFile).toMatchObject({ label: '~/.docker/config.json' });
    expect(environment({ DOCKER_CONFIG: '/d' }).loginFile).toMatchObject({
      path: '/d/config.json',
      label: '/d/config.json',
    });
  });
});

describe('proxies from the environment', () => {
  it('are taken from either case, lower case first, empty ones left out', () => {
    const proxy = (env: EnvironmentOptions['env'], origin = 'https://r.example'): string | undefined =>
      environment(env).proxy(origin)?.url;
    expect(proxy({ HTTPS_PROXY: 'http://upper:1', https_proxy: 'http://lower:1' })).toBe('http://lower:1');
    expect(proxy({ HTTPS_PROXY: 'http://upper:1', https_proxy: '' })).toBe('http://upper:1');
    expect(proxy({ HTTP_PROXY: 'http://upper:1', http_proxy: 'http://lower:1' }, 'http://r.example')).toBe(
      'http://lower:1',
    );
    expect(
      proxy({ HTTPS_PROXY: 'http://upper:1', NO_PROXY: 'other', no_proxy: 'r.example' }),
    ).toBeUndefined();
    expect(proxy({})).toBeUndefined();
  });
});
