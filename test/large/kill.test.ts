import { afterAll, beforeAll, expect, it } from 'vitest';

import { waitUntil } from '../support/child.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { rule, type Rule } from '../support/faults.js';
import { stallResponse } from '../support/faults/cuts.js';
import { blob, imageManifest, seed, seedHttp } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { regferry, startRegferry } from '../support/regferry.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const old = imageManifest({ layers: [blob(100, 1)] });
const large = blob(40_000_000, 2);
const image = imageManifest({ layers: [blob(300_000, 3), blob(400_000, 4), large] });

requirePrograms('docker-registry')('a copy that is killed', () => {
  let source: TestRegistry;
  let target: DockerRegistry;
  const rules: Rule[] = [];

  beforeAll(async () => {
    [source, target] = await Promise.all([startRegistry({ rules }), startDockerRegistry()]);
    await seed(source.store('app'), image, 'v2');
    await seedHttp(target.url, 'app', old, 'prod');
  });
  afterAll(() => Promise.all([source.close(), target.stop()]));

  async function tagNow(): Promise<string | null> {
    const accept = image.root.descriptor.mediaType;
    const response = await fetch(`${target.url}/v2/app/manifests/prod`, {
      method: 'HEAD',
      headers: { accept },
    });
    return response.headers.get('docker-content-digest');
  }

  it('with SIGKILL leaves the tag as it was, and the next run moves only what is missing', async () => {
    const stall = rule(
      { path: /\/blobs\//, when: ({ url = '' }) => url.includes(largeDigest()) },
      stallResponse({ after: 30_000_000 }),
    );
    rules.push(stall);
    await target.clearRequests();
    const first = startRegferry(['copy', `${source.host}/app:v2`, `${target.host}/app:prod`]);
    // Config and the two smaller layers have arrived; the large one hangs in the middle.
    await waitUntil('three blobs arrive', () => uploaded().length === 3 && stall.hits > 0);
    first.process.kill('SIGKILL');
    expect((await first.ended).code).toBeNull();
    expect(await tagNow()).toBe(old.root.descriptor.digest);

    rules.length = 0;
    await target.clearRequests();
    const second = await regferry(['copy', `${source.host}/app:v2`, `${target.host}/app:prod`, '--json']);
    expect(second.code).toBe(0);
    const report: unknown = JSON.parse(second.stdout.toString());
    expect(report).toMatchObject({
      ok: true,
      targets: [{ changed: true, previous: old.root.descriptor.digest, blobs: { copied: 1, skipped: 3 } }],
    });
    await target.settledRequests();
    expect(uploaded()).toHaveLength(1);
    expect(await tagNow()).toBe(image.root.descriptor.digest);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('with %s cancels its upload, leaves the tag and ends with %i', async (signal, code) => {
    const repository = `cancel-${code}`;
    await seedHttp(target.url, repository, old, 'prod');
    const stall = rule(
      { path: /\/blobs\//, when: ({ url = '' }) => url.includes(largeDigest()) },
      stallResponse({ after: 30_000_000 }),
    );
    rules.push(stall);
    source.log.length = 0;
    await target.clearRequests();
    const run = startRegferry([
      'copy',
      `${source.host}/app:v2`,
      `${target.host}/${repository}:prod`,
      '--json',
    ]);
    await waitUntil(
      'the large blob hangs in the middle',
      () => uploaded().length === 3 && sentOfLarge() > 20_000_000,
    );
    run.process.kill(signal);
    const { code: ended, stdout } = await run.ended;
    rules.length = 0;
    expect(ended).toBe(code);
    expect(JSON.parse(stdout.toString())).toMatchObject({ ok: false });
    const requests = await target.settledRequests();
    expect(requests.some(({ method, path }) => method === 'DELETE' && path.includes('/uploads/'))).toBe(true);
    expect(requests.some(({ method, path }) => method === 'PUT' && path.includes('/manifests/'))).toBe(false);
  });

  /** So much that the upload of it is under way, and not only its download. */
  function sentOfLarge(): number {
    return Math.max(
      0,
      ...source.log.filter(({ url }) => url.includes(largeDigest())).map(({ bytesOut }) => bytesOut),
    );
  }

  function uploaded(): unknown[] {
    return target.requests().filter(({ method, path, status }) => {
      return method === 'PUT' && path.includes('/uploads/') && status === 201;
    });
  }
});

function largeDigest(): string {
  for (const [digest, bytes] of image.blobs) if (bytes.length === large.length) return digest;
  throw new Error('the image has no large layer');
}
