import { expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import type { CopyOptions } from '../../src/api/options.js';
import { startDockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, seedHttp } from '../support/fixtures.js';
import { startNginx } from '../support/nginx.js';
import { requirePrograms } from '../support/programs.js';
import { startTokenServer, type TokenBehaviour } from '../support/token-server.js';

const puller = { user: 'puller', password: 'pull: the ropes' };
const pusher = { user: 'pusher', password: 'push/the+boat' };
const asPuller = { username: puller.user, password: puller.password };
const asPusher = { username: pusher.user, password: pusher.password };

requirePrograms(
  'docker-registry',
  'nginx',
  'openssl',
)('a copy between two registries with different logins', () => {
  // Too large to go side by side; each takes 3.3 s, so that the second is asked for when the source's first token is over.
  const large = imageManifest({ layers: [blob(4_400_000, 1), blob(4_400_001, 2)] });

  it.concurrent.each<[string, Partial<TokenBehaviour>]>([
    ['of 3 s', { lifetimeSeconds: 3 }],
    ['of 2 s that say an hour', { lifetimeSeconds: 2, expiresIn: 3600 }],
  ])('outlives its tokens %s', async (_, behaviour) => {
    const started: { stop(): Promise<void> }[] = [];
    const start = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
      const server = await starting;
      started.push(server);
      return server;
    };
    try {
      const sourceTokens = await start(startTokenServer({ users: [puller], ...behaviour }));
      const targetTokens = await start(startTokenServer({ users: [pusher], ...behaviour }));
      const source = await start(startDockerRegistry({ auth: sourceTokens.auth }));
      const target = await start(startDockerRegistry({ auth: targetTokens.auth }));
      const slow = await start(startNginx({ upstream: source.url, limitRate: '1300k' }));
      await seedHttp(source.url, 'app', large, 'v1', {
        authorization: sourceTokens.header('repository:app:pull,push'),
      });
      await Promise.all([source.clearRequests(), target.clearRequests()]);
      const options: CopyOptions = {
        source: asPuller,
        target: asPusher,
        concurrency: 1,
        chunkSize: 1_000_000,
      };
      const report = await copy(`${slow.host}/app:v1`, `${target.host}/app`, options);
      expect(report.durationMs).toBeGreaterThan(6000);
      expect(report.targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3 } });
      for (const tokens of [sourceTokens, targetTokens]) {
        expect(tokens.requests.length).toBeGreaterThan(1);
        expect(tokens.requests.every(({ status }) => status === 200)).toBe(true);
      }
      for (const server of [source, target]) {
        const refused = (await server.settledRequests()).filter(({ status }) => status === 401).length;
        // Renewed before they end where they say when that is; else when they are refused.
        if (behaviour.expiresIn === undefined) expect(refused).toBe(1);
        else expect(refused).toBeGreaterThan(1);
      }
    } finally {
      await Promise.all(started.map((server) => server.stop()));
    }
  });
});
