import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connectionSettings } from '../../../src/api/connection.js';
import { fromEnvironment } from '../../../src/api/environment.js';
import { testCertificates } from '../../support/certificates.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

let folder: string;
beforeAll(() => (folder = makeTempFolder('sources')));
afterAll(() => removeTempFolder(folder));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** What a login for r.example is, and what is told on the way. */
async function lookUp(authfile: string | undefined, env: Record<string, string> = {}): Promise<unknown[]> {
  const warnings: string[] = [];
  const { credentials } = fromEnvironment({
    env,
    home: folder,
    authfile,
    onWarning: (text) => warnings.push(text),
  });
  const target = { registry: 'r.example', repository: 'app' };
  const found = await credentials.credential(target);
  await credentials.credential(target);
  return [found?.kind, ...warnings];
}

describe('a login source that was named and has nothing', () => {
  it('says so, and for which registries it has logins', async () => {
    const path = file('others.json', JSON.stringify({ auths: { 'r.exmaple': { auth: 'YTpi' } } }));
    expect(await lookUp(path)).toEqual([
      undefined,
      '~/others.json has no login for r.example: only for r.exmaple; going on without one',
    ]);
  });

  it('says so where it names a helper that has none, once', async () => {
    const path = file('store.json', JSON.stringify({ auths: { 'r.example': {} } }));
    expect(await lookUp(path)).toEqual([
      undefined,
      '~/store.json lists r.example ("auths"), but has no login for it; going on without one',
    ]);
  });

  it('says so where it is DOCKER_AUTH_CONFIG, or the folder that DOCKER_CONFIG names', async () => {
    const others = JSON.stringify({ auths: { 'other.example': { auth: 'YTpi' } } });
    expect(await lookUp(undefined, { DOCKER_AUTH_CONFIG: others })).toEqual([
      undefined,
      'DOCKER_AUTH_CONFIG has no login for r.example: only for other.example; going on without one',
    ]);
    mkdirSync(join(folder, 'set'));
    file('set/config.json', others);
    expect(await lookUp(undefined, { DOCKER_CONFIG: join(folder, 'set') })).toEqual([
      undefined,
      '~/set/config.json has no login for r.example: only for other.example; going on without one',
    ]);
  });

  it('says nothing where another source has one', async () => {
    mkdirSync(join(folder, 'good'));
    file('good/config.json', JSON.stringify({ auths: { 'r.example': { auth: 'YTpi' } } }));
    const env = { DOCKER_AUTH_CONFIG: '{}', DOCKER_CONFIG: join(folder, 'good') };
    expect(await lookUp(undefined, env)).toEqual(['basic']);
  });

  it('says so where it has no logins at all', async () => {
    const path = file('empty.json', '{"auth":{}}');
    expect(await lookUp(undefined, { REGISTRY_AUTH_FILE: path })).toEqual([
      undefined,
      '~/empty.json has no login for r.example: it has no logins at all ("auths"); going on without one',
    ]);
  });

  it('says so where DOCKER_CONFIG is a file, or a folder without one', async () => {
    const path = file('config.json', '{}');
    expect(await lookUp(undefined, { DOCKER_CONFIG: path })).toEqual([
      undefined,
      expect.stringMatching(
        /^DOCKER_CONFIG names .*, which is a file: name the folder that config.json is in/,
      ),
    ]);
    mkdirSync(join(folder, 'none'));
    expect(await lookUp(undefined, { DOCKER_CONFIG: join(folder, 'none') })).toEqual([
      undefined,
      expect.stringContaining('where there is no config.json'),
    ]);
  });

  it('is read in the old form of .dockercfg', async () => {
    const path = file('.dockercfg', JSON.stringify({ 'https://r.example': { auth: 'YTpi', email: '' } }));
    expect(await lookUp(path)).toEqual(['basic']);
  });

  it('is refused where a certificate file holds a key, or the other way round', async () => {
    const { ca, client } = await testCertificates();
    const settings = (options: object) => () => connectionSettings(options, undefined, () => true);
    expect(settings({ caFile: client.key })).toThrow(
      /holds no certificate, but private key: is it another file/,
    );
    expect(settings({ certFile: client.certificate, keyFile: ca })).toThrow(
      /holds no private key, but certificate/,
    );
    expect(settings({ caFile: ca, certFile: client.certificate, keyFile: client.key })).not.toThrow();
  });
});
