import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { rule } from '../support/faults.js';
import { throttleRequest } from '../support/faults/pace.js';
import { regferry } from '../support/regferry.js';
import { startRegistry } from '../support/registry.js';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const piece = blob(MiB, 7);
const config = Buffer.from('{}');

/** A gigabyte that is never held: the same piece a thousand and twenty-four times. */
function gigabyteDigest(): string {
  const hash = createHash('sha256');
  for (let at = 0; at < GiB; at += piece.length) hash.update(piece);
  return `sha256:${hash.digest('hex')}`;
}

const servers: Server[] = [];
async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer({ requestTimeout: 0 }, handler);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return `127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A registry that gives one image with a layer of a gigabyte; `pause` comes after each 64 MiB. */
function gigabyteSource(manifest: Buffer, layer: string, pause: number) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url?.includes('/manifests/') === true) {
      response.writeHead(200, {
        'content-type': 'application/vnd.oci.image.manifest.v1+json',
        'content-length': manifest.length,
      });
      response.end(manifest);
    } else if (request.url?.endsWith(layer) === true) {
      response.writeHead(200, { 'content-length': GiB });
      void (async () => {
        for (let at = 0; at < GiB; at += piece.length) {
          if (at % (64 * MiB) === 0) await sleep(pause);
          if (!response.write(piece)) await once(response, 'drain');
        }
        response.end();
      })();
    } else {
      response.writeHead(200, { 'content-length': config.length });
      response.end(config);
    }
  };
}

const isRegistry = { 'docker-distribution-api-version': 'registry/2.0' };

/** A registry that forgets every blob it takes; `pause` comes after each 64 MiB that it has read. */
function forgetfulTarget(pause: number) {
  let stored: Buffer | undefined;
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '' } = request;
    void (async () => {
      let length = 0;
      const parts: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) {
        if (Math.floor(length / (64 * MiB)) !== Math.floor((length + chunk.length) / (64 * MiB)))
          await sleep(pause);
        length += chunk.length;
        if (url.includes('/manifests/')) parts.push(chunk);
      }
      if (method === 'PUT' && url.includes('/manifests/')) stored = Buffer.concat(parts);
      const type = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
      if (method === 'HEAD') response.writeHead(404, isRegistry).end();
      else if (method === 'GET') response.writeHead(200, type).end(stored);
      else response.writeHead(method === 'PUT' ? 201 : 202, { location: '/v2/app/blobs/uploads/1' }).end();
    })();
  };
}

/** Says the peak in KiB. What getrusage knows on Linux is also that of the process that started this one, before the exec. */
const peakAtExit = `
  import { existsSync, readFileSync } from 'node:fs';
  const own = () => /VmHWM:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  const peak = () => (existsSync('/proc/self/status') ? own() : process.resourceUsage().maxRSS);
  process.on('exit', () => process.stderr.write('peak=' + peak() + '\\n'));`;
const reportPeak = `data:text/javascript,${encodeURIComponent(peakAtExit)}`;

describe('memory', () => {
  const layer = gigabyteDigest();
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: `sha256:${createHash('sha256').update(config).digest('hex')}`,
        size: config.length,
      },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: GiB }],
    }),
  );

  it.each([
    ['the target is slower than the source', 0, 60],
    ['the target is faster than the source', 60, 0],
  ])('stays under 150 MB for a layer of 1 GiB when %s', async (_which, sourcePause, targetPause) => {
    const source = await serve(gigabyteSource(manifest, layer, sourcePause));
    const target = await serve(forgetfulTarget(targetPause));
    const result = await regferry(['copy', `${source}/app:v1`, `${target}/app`, '--quiet'], {
      nodeFlags: ['--import', reportPeak],
    });
    expect(result.stderr).toMatch(/^peak=\d+\n$/);
    expect(result.code).toBe(0);
    const peakMB = (Number(/peak=(\d+)/.exec(result.stderr)?.[1]) * 1024) / 1e6;
    expect(peakMB).toBeLessThan(150);
  });
});

describe('time', () => {
  it('is no limit for an upload that moves slowly: it outlasts every time-out and finishes', async () => {
    const slow = rule(
      { method: 'PUT', path: /\/uploads\// },
      throttleRequest({ bytes: 8 * 1024, everyMs: 10 }),
    );
    const [source, target] = [await startRegistry(), await startRegistry({ rules: [slow] })];
    const image = imageManifest({ layers: [blob(2 * MiB, 1)] });
    await seed(source.store('app'), image, 'v1');
    const started = performance.now();
    const report = await copy(`${source.host}/app:v1`, `${target.host}/app`, {
      idleTimeoutMs: 1_000,
      retries: 0,
    });
    expect(performance.now() - started).toBeGreaterThan(2_000);
    expect(report.targets[0]?.verified).toBe('bytes');
    await Promise.all([source.close(), target.close()]);
  });
});
