import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { afterAll, describe, expect, it } from 'vitest';

import { blob, imageManifest } from '../support/fixtures.js';
import { leftovers, startServeProgram } from '../support/serve-program.js';
import { makeMemoryFolder, removeTempFolders } from '../support/temp.js';

afterAll(removeTempFolders);

async function seedOne(host: string, bytes: Buffer): Promise<void> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const url = `http://${host}/v2/app/blobs/uploads/?digest=${digest}`;
  expect((await fetch(url, { method: 'POST', body: new Uint8Array(bytes) })).status).toBe(201);
}

describe.skipIf(process.platform !== 'linux')('a thousand images', () => {
  const count = 1_000;
  const layer = blob(1_000, 7);

  /** The most memory that a process has had, in bytes. */
  function peakOf(pid: number | undefined): number {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  it('can be pushed and listed, page by page, in little memory', async () => {
    const folder = makeMemoryFolder('thousand');
    const { host, command } = await startServeProgram([folder], ['--max-old-space-size=64']);
    const base = `http://${host}/v2/app`;
    await seedOne(host, layer);
    const waiting = Array.from({ length: count }, (_, at) => at);
    const push = async (): Promise<void> => {
      for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
        const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', at }));
        const { bytes, descriptor } = imageManifest({ config, layers: [layer] }).root;
        await seedOne(host, config);
        const init = {
          method: 'PUT',
          headers: { 'content-type': descriptor.mediaType },
          body: new Uint8Array(bytes),
        };
        expect((await fetch(`${base}/manifests/image-${at}`, init)).status).toBe(201);
      }
    };
    await Promise.all(Array.from({ length: 8 }, push));
    const tags: string[] = [];
    let pages = 0;
    for (let url: string | undefined = `${base}/tags/list?n=100`; url !== undefined; pages += 1) {
      const answer: Response = await fetch(url);
      tags.push(...((await answer.json()) as { tags: string[] }).tags);
      const next = /^<(.+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      url = next === undefined ? undefined : new URL(next, base).href;
    }
    expect([new Set(tags).size, tags.length, pages]).toEqual([count, count, 10]);
    expect(peakOf(command.process.pid)).toBeLessThan(220_000_000);
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
    expect(leftovers(folder)).toEqual([]);
  });
});
