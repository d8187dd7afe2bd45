import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { fromEnvironment } from '../../src/api/environment.js';
import { digest } from '../../src/api/image.js';
import { basicCredential, type CredentialProvider } from '../../src/auth/credentials.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp, type FixtureImage } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { startTokenServer, type TokenBehaviour, type TokenServer } from '../support/token-server.js';

const puller = { user: 'puller', password: 'pull: the ropes', identityToken: 'identity-of-puller' };
const pusher = { user: 'pusher', password: 'push/the+boat', identityToken: 'identity-of-pusher' };
const asPuller = { username: puller.user, password: puller.password };
const asPusher = { username: pusher.user, password: pusher.password };

const image = imageManifest({ layers: [blob(3_000, 1), blob(4_000, 2)] });
const fifty = imageManifest({ layers: Array.from({ length: 49 }, (_, at) => blob(500 + at, 100 + at)) });

requirePrograms('docker-registry', 'openssl')('registries with token authentication', () => {
  let sourceTokens: TokenServer;
  let targetTokens: TokenServer;
  let source: DockerRegistry;
  let target: DockerRegistry;
  let folder: string;
  let usual: readonly [TokenBehaviour, TokenBehaviour];

  beforeAll(async () => {
    folder = makeTempFolder('access-token');
    [sourceTokens, targetTokens] = await Promise.all([
      startTokenServer({ users: [puller] }),
      startTokenServer({ users: [pusher], names: 'kid' }),
    ]);
    usual = [{ ...sourceTokens.behaviour }, { ...targetTokens.behaviour }];
    [source, target] = await Promise.all([
      startDockerRegistry({ auth: sourceTokens.auth }),
      startDockerRegistry({ auth: targetTokens.auth }),
    ]);
    await Promise.all([seed('app', image), seed('fifty', fifty)]);
  });
  afterAll(async () => {
    await Promise.all([source.stop(), target.stop(), sourceTokens.stop(), targetTokens.stop()]);
    removeTempFolder(folder);
  });
  afterEach(() => {
    for (const [at, server] of [sourceTokens, targetTokens].entries()) {
      server.requests.length = 0;
      delete server.behaviour.expiresIn;
      delete server.behaviour.postStatus;
      delete server.behaviour.redirectTo;
      Object.assign(server.behaviour, usual[at]);
    }
  });

  async function seed(repository: string, seeded: FixtureImage): Promise<void> {
    const authorization = sourceTokens.header(`repository:${repository}:pull,push`);
    await seedHttp(source.url, repository, seeded, 'v1', { authorization });
  }

  const sides = { source: asPuller, target: asPusher };

  it('copies an image of 50 blobs with one token from each, named by what is done with it', async () => {
    const report = await copy(`${source.host}/fifty:v1`, `${target.host}/fifty`, sides);
    expect(report.targets[0]?.blobs.copied).toBe(50);
    expect(sourceTokens.requests).toMatchObject([
      { method: 'GET', user: 'puller', scopes: ['repository:fifty:pull'], status: 200 },
    ]);
    expect(targetTokens.requests).toMatchObject([
      { method: 'GET', user: 'pusher', scopes: ['repository:fifty:pull,push'], status: 200 },
    ]);
  });

  it('mounts 50 blobs from another repository with a token of each side', async () => {
    const options = { source: asPuller, target: asPuller };
    const report = await copy(`${source.host}/fifty:v1`, `${source.host}/mounted`, options);
    expect(report.targets[0]?.blobs).toMatchObject({ mounted: 50, copied: 0 });
    const asked = sourceTokens.requests.map(({ scopes }) => scopes);
    expect(asked).toHaveLength(2);
    // The target's is for both from the beginning, with what is written first.
    expect(asked).toContainEqual(['repository:fifty:pull']);
    expect(asked).toContainEqual(['repository:mounted:pull,push', 'repository:fifty:pull']);
  });

  it('asks for the narrow token once where the token server refuses the wide one, and uploads', async () => {
    const writer = { user: 'writer', password: 'w', may: (name: string) => name.startsWith('narrow') };
    sourceTokens.behaviour.users = [writer];
    sourceTokens.behaviour.refuseForeign = true;
    sourceTokens.behaviour.anonymous = (name, action) => name === 'fifty' && action === 'pull';
    const login = basicCredential(writer.user, writer.password, 'a test');
    const credentials: CredentialProvider = {
      credential: ({ repository }) => Promise.resolve(repository.startsWith('narrow') ? login : undefined),
    };
    const options = { source: { credentials }, target: { credentials } };
    const report = await copy(`${source.host}/fifty:v1`, `${source.host}/narrow/same`, options);
    expect(report.targets[0]?.blobs).toMatchObject({ mounted: 0, copied: 50 });
    const wide = ['repository:narrow/same:pull,push', 'repository:fifty:pull'];
    const asked = sourceTokens.requests.map(({ scopes, status }) => [scopes, status]);
    expect(asked).toHaveLength(3);
    expect(asked).toContainEqual([['repository:fifty:pull'], 200]);
    expect(asked.filter(([scopes]) => String(scopes).includes('narrow'))).toEqual([
      [wide, 400],
      [wide.slice(0, 1), 200],
    ]);
  });

  it('uploads what it may not mount, and asks the refusing token server for the wide scope once', async () => {
    const writer = { user: 'writer', password: 'w', may: (name: string) => name.startsWith('narrow') };
    sourceTokens.behaviour.users = [puller, writer];
    sourceTokens.behaviour.refuseForeign = true;
    const options = { source: asPuller, target: { username: 'writer', password: 'w' } };
    const report = await copy(`${source.host}/fifty:v1`, `${source.host}/narrow/refused`, options);
    expect(report.targets[0]?.blobs).toMatchObject({ mounted: 0, copied: 50 });
    const wide = ['repository:narrow/refused:pull,push', 'repository:fifty:pull'];
    const asked = sourceTokens.requests.filter(({ user }) => user !== 'puller');
    expect(asked.map(({ scopes, status }) => [scopes, status])).toEqual([
      [wide.slice(0, 1), 200],
      [wide, 400],
      [wide.slice(0, 1), 200],
    ]);
  });

  it('uploads what it may not mount where the token server leaves the foreign scope out in silence', async () => {
    const writer = { user: 'writer', password: 'w', may: (name: string) => name.startsWith('narrow') };
    sourceTokens.behaviour.users = [puller, writer];
    const options = { source: asPuller, target: { username: 'writer', password: 'w' } };
    const report = await copy(`${source.host}/fifty:v1`, `${source.host}/narrow/silent`, options);
    expect(report.targets[0]?.blobs).toMatchObject({ mounted: 0, copied: 50 });
    // For 50 blobs: one for the repository, and two for both before that is given up.
    const asked = sourceTokens.requests
      .filter(({ user }) => user === 'writer')
      .map(({ scopes }) => scopes.length);
    expect(asked.filter((scopes) => scopes === 1).length).toBe(1);
    expect(asked.filter((scopes) => scopes === 2).length).toBeLessThanOrEqual(3);
  });

  it.each<[string, Partial<TokenBehaviour>]>([
    ['in token alone', { fields: ['token'] }],
    ['in access_token alone', { fields: ['access_token'] }],
    ['without a lifetime', { expiresIn: null }],
  ])('takes a token that comes %s', async (_, behaviour) => {
    Object.assign(sourceTokens.behaviour, behaviour);
    const found = await digest(`${source.host}/app:v1`, { source: asPuller });
    expect(found.digest).toBe(image.root.descriptor.digest);
    expect(sourceTokens.requests).toHaveLength(1);
  });

  it('gets a token without a login for what everybody may pull', async () => {
    sourceTokens.behaviour.anonymous = (name, action) => name === 'app' && action === 'pull';
    await digest(`${source.host}/app:v1`);
    expect(sourceTokens.requests).toMatchObject([{ user: undefined, authorization: undefined, status: 200 }]);
    await expect(digest(`${source.host}/fifty:v1`)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      status: 401,
      message: expect.stringContaining('gives no anonymous access for repository:fifty:pull') as string,
      hint: { code: 'log-in', registry: source.host },
    });
  });

  it('says which login was refused, where and for what, and not what it is', async () => {
    const wrong = { username: 'puller', password: 'not-the-password' };
    const failed = await digest(`${source.host}/app:v1`, { source: wrong }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'E_UNAUTHORIZED', side: 'source', status: 401 });
    const { message } = failed as Error;
    for (const part of [sourceTokens.host, source.host, 'repository:app:pull', 'login options']) {
      expect(message).toContain(part);
    }
    expect(message).not.toContain('not-the-password');
    expect(sourceTokens.requests).toHaveLength(1);
  });

  it('is denied when its tokens never go far enough, after few of them', async () => {
    sourceTokens.behaviour.users = [{ ...puller, may: (_, action) => action === 'pull' }];
    const options = { source: asPuller, target: asPuller };
    const failed = await copy(`${source.host}/app:v1`, `${source.host}/denied`, options).catch(
      (error: unknown) => error,
    );
    expect(failed).toMatchObject({ code: 'E_UNAUTHORIZED', side: 'target' });
    expect((failed as Error).message).toContain('repository:denied:pull,push');
    const asked = sourceTokens.requests.filter(({ scopes }) => scopes[0] === 'repository:denied:pull,push');
    expect(asked.length).toBeLessThanOrEqual(6);
  });

  it('sends an identity token by POST', async () => {
    const file = configWith({ auths: { [source.host]: { identitytoken: puller.identityToken } } });
    await digest(`${source.host}/app:v1`, { environment: fromEnvironment({ env: {}, authfile: file }) });
    expect(sourceTokens.requests).toMatchObject([
      {
        method: 'POST',
        user: 'puller',
        scopes: ['repository:app:pull'],
        form: { grant_type: 'refresh_token', client_id: 'regferry', service: 'registry.test' },
      },
    ]);
  });

  it.each([400, 401, 404, 405])(
    'sends it as a password by GET where POST is answered with %i',
    async (status) => {
      sourceTokens.behaviour.postStatus = status;
      sourceTokens.behaviour.users = [
        { user: '00000000-0000-0000-0000-000000000000', password: 'refresh-token' },
      ];
      const auth = Buffer.from('00000000-0000-0000-0000-000000000000:').toString('base64');
      const file = configWith({ auths: { [source.host]: { auth, identitytoken: 'refresh-token' } } });
      await digest(`${source.host}/app:v1`, { environment: fromEnvironment({ env: {}, authfile: file }) });
      expect(sourceTokens.requests.map((request) => [request.method, request.status])).toEqual([
        ['POST', status],
        ['GET', 200],
      ]);
    },
  );

  it('sends a registry token as it is', async () => {
    const registrytoken = sourceTokens.header('repository:app:pull').replace('Bearer ', '');
    const file = configWith({ auths: { [source.host]: { registrytoken } } });
    await digest(`${source.host}/app:v1`, { environment: fromEnvironment({ env: {}, authfile: file }) });
    expect(sourceTokens.requests).toEqual([]);
  });

  function configWith(config: object): string {
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(config));
    return file;
  }
});
