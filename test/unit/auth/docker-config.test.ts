import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  entryCredential,
  findEntry,
  findHelper,
  parseDockerConfig,
} from '../../../src/auth/docker-config.js';
import { isRegferryError } from '../../../src/errors.js';

function encode(login: string): string {
  return Buffer.from(login).toString('base64');
}

function login(
  config: unknown,
  registry: string,
  repository = 'app',
): readonly (string | undefined)[] | undefined {
  const found = findEntry(parseDockerConfig(JSON.stringify(config), 'config.json'), { registry, repository });
  const credential = found && entryCredential(found, 'config.json');
  if (credential === undefined) return undefined;
  if (credential.kind === 'bearer') return ['bearer', credential.token.reveal()];
  if (credential.kind === 'identity')
    return ['identity', credential.token.reveal(), credential.username?.reveal()];
  return [credential.username.reveal(), credential.password.reveal()];
}

describe('the auths of a docker configuration', () => {
  it('are split at the first colon, and NULs are taken off the password', () => {
    expect(login({ auths: { 'r.example': { auth: encode('me:a:b:c\0\0') } } }, 'r.example')).toEqual([
      'me',
      'a:b:c',
    ]);
  });

  it('may hold user name and password in the open', () => {
    expect(login({ auths: { 'r.example': { username: 'me', password: 'pw' } } }, 'r.example')).toEqual([
      'me',
      'pw',
    ]);
  });

  it('give a registry token before an identity token, and that before a password', () => {
    const basic = { auth: encode('me:pw') };
    const identity = { ...basic, identitytoken: 'idt' };
    expect(login({ auths: { r: { ...identity, registrytoken: 'rt' } } }, 'r')).toEqual(['bearer', 'rt']);
    expect(login({ auths: { r: identity } }, 'r')).toEqual(['identity', 'idt', 'me']);
  });

  it('count for exactly that host and port', () => {
    const auths = { 'r.example': { auth: encode('a:1') }, 'r.example:5000': { auth: encode('b:2') } };
    expect(login({ auths }, 'r.example:5000')).toEqual(['b', '2']);
    expect(login({ auths }, 'R.example')).toEqual(['a', '1']);
    for (const other of ['r.example:444', 'xr.example', 'r.example.org', 'example', 'r']) {
      expect(login({ auths }, other)).toBeUndefined();
    }
  });

  it.each([
    ['[::1]:5000', '[0:0:0:0:0:0:0:1]:5000'],
    ['[::1]:5000', '[::0001]:05000'],
    ['r.example', 'r.example:443'],
    ['r.example:443', 'R.Example:0443'],
    ['r.example', 'r.example:0443'],
    ['docker.io', 'registry-1.docker.io:443'],
  ])('count for %s spelled as %s, and the other way round', (one, other) => {
    for (const [key, registry] of [
      [one, other],
      [other, one],
    ] as const) {
      expect(login({ auths: { [key]: { auth: encode('me:pw') } } }, registry)).toEqual(['me', 'pw']);
      const credHelpers = { credHelpers: { [key]: 'test' } };
      expect(findHelper(parseDockerConfig(JSON.stringify(credHelpers), 'f'), registry)).toBe('test');
    }
  });

  it('of several spellings are those of the one that was asked for', () => {
    const auths = { 'r.example:443': { auth: encode('a:1') }, 'r.example': { auth: encode('b:2') } };
    expect(login({ auths }, 'r.example')).toEqual(['b', '2']);
    expect(login({ auths }, 'r.example:443')).toEqual(['a', '1']);
    const credHelpers = { 'r.example:443': 'x', 'r.example': 'y' };
    const config = parseDockerConfig(JSON.stringify({ credHelpers }), 'f');
    expect([findHelper(config, 'r.example'), findHelper(config, 'r.example:443')]).toEqual(['y', 'x']);
  });

  it('are found under a key with scheme and path', () => {
    for (const key of [
      'https://r.example/v1/',
      'http://r.example',
      'https://r.example/v2/',
      'r.example/v2/',
    ]) {
      expect(login({ auths: { [key]: { auth: encode('me:pw') } } }, 'r.example')).toEqual(['me', 'pw']);
    }
  });

  it.each([
    'https://index.docker.io/v1/',
    'index.docker.io',
    'docker.io',
    'registry-1.docker.io',
    'https://docker.io',
  ])('know Docker Hub as %s', (key) => {
    const config = { auths: { [key]: { auth: encode('me:pw') } } };
    for (const hub of ['docker.io', 'index.docker.io', 'registry-1.docker.io']) {
      expect(login(config, hub, 'library/alpine')).toEqual(['me', 'pw']);
    }
    expect(login(config, 'evil.docker.io')).toBeUndefined();
  });

  it('give the most specific of namespaced keys', () => {
    const auths = {
      'r.example': { auth: encode('host:0') },
      'r.example/team': { auth: encode('team:1') },
      'r.example/team/app': { auth: encode('app:2') },
      'docker.io/library': { auth: encode('hub:3') },
    };
    expect(login({ auths }, 'r.example', 'team/app')).toEqual(['app', '2']);
    expect(login({ auths }, 'r.example', 'team/app/sub')).toEqual(['app', '2']);
    expect(login({ auths }, 'r.example', 'team/other')).toEqual(['team', '1']);
    expect(login({ auths }, 'r.example', 'teamwork')).toEqual(['host', '0']);
    expect(login({ auths }, 'r.example', '')).toEqual(['host', '0']);
    expect(login({ auths }, 'docker.io', 'library/alpine')).toEqual(['hub', '3']);
  });

  it('give what docker would give when no key fits better', () => {
    const auths = { 'r.example/other': { auth: encode('ns:1') } };
    expect(login({ auths }, 'r.example', 'team/app')).toEqual(['ns', '1']);
    expect(
      login(
        { auths: { ...auths, 'https://r.example/x/': { auth: encode('host:0') } } },
        'r.example',
        'team/app',
      ),
    ).toEqual(['host', '0']);
  });

  it('pass over an empty entry, which only marks a login', () => {
    expect(login({ auths: { r: {} } }, 'r')).toBeUndefined();
    expect(login({ auths: { r: null } }, 'r')).toBeUndefined();
    expect(
      login(
        { auths: { 'docker.io': {}, 'https://index.docker.io/v1/': { auth: encode('me:pw') } } },
        'docker.io',
      ),
    ).toEqual(['me', 'pw']);
  });

  it('fail for the entry that is asked for when its auth has no colon, and for no other', () => {
    const auths = {
      broken: { auth: encode('canary') },
      noise: { auth: '%%%' },
      good: { auth: encode('me:pw') },
    };
    expect(login({ auths }, 'good')).toEqual(['me', 'pw']);
    expect(() => login({ auths }, 'broken')).toThrow(
      /config\.json: the auth of broken is not base64 of user:password/,
    );
    expect(() => login({ auths }, 'noise')).toThrow(/config\.json/);
  });
});

describe('findHelper', () => {
  it('goes by host alone, with the names of Docker Hub as one', () => {
    const config = parseDockerConfig(
      JSON.stringify({
        credHelpers: { 'gcr.io': 'gcloud', 'index.docker.io': 'hub', 'q.io/ns': 'no', off: '' },
      }),
      'f',
    );
    expect(findHelper(config, 'gcr.io')).toBe('gcloud');
    expect(findHelper(config, 'docker.io')).toBe('hub');
    expect(findHelper(config, 'eu.gcr.io')).toBeUndefined();
    expect(findHelper(config, 'q.io')).toBeUndefined();
    expect(findHelper(config, 'off')).toBeUndefined();
  });
});

describe('parseDockerConfig', () => {
  it.each(['', '  \n', '\ufeff{}', '{"auths":null,"credsStore":null,"HttpHeaders":{"x":1}}'])(
    'takes %j for empty',
    (text) => {
      expect(parseDockerConfig(text, 'f').auths.size).toBe(0);
    },
  );

  it.each([
    '{"auths":{"r":{"auth":"canary"',
    '"canary"',
    '["canary"]',
    '{"auths":"canary"}',
    '{"auths":{"r":"canary"}}',
    '{"auths":{"r":{"auth":["canary"]}}}',
    '{"credHelpers":{"r":["canary"]}}',
    '{"credsStore":{"canary":1}}',
  ])('refuses %s, naming the file and none of its contents', (text) => {
    let thrown: unknown;
    try {
      parseDockerConfig(text, '~/.docker/config.json');
    } catch (error) {
      thrown = error;
    }
    expect(isRegferryError(thrown) && thrown.code).toBe('E_CONFIG');
    expect(inspect(thrown)).toContain('~/.docker/config.json');
    expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain('canary');
  });

  it('throws E_CONFIG or nothing, whatever it is given', () => {
    const json = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ auths: fc.jsonValue(), credHelpers: fc.jsonValue(), credsStore: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(json, fc.webPath(), (text, repository) => {
        try {
          const config = parseDockerConfig(text, 'f');
          const found = findEntry(config, { registry: 'r', repository });
          if (found) entryCredential(found, 'f');
        } catch (error) {
          expect(isRegferryError(error) && error.code).toBe('E_CONFIG');
        }
      }),
    );
  });
});
