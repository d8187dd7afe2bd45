import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copyTags } from '../../src/api/copy-tags.js';
import { CopyError } from '../../src/api/copy.js';
import type { CopyReport } from '../../src/copy/report.js';
import { WINDOW_BYTES } from '../../src/copy/follower.js';
import { openLayout } from '../../src/content/layout-store.js';
import { digestOf } from '../../src/spec/digest.js';
import { copyAtOnce, type RunOptions } from '../support/copy-run.js';
import { bodyOver, rule, type Fault, type Rule } from '../support/faults.js';
import { answer } from '../support/faults/answers.js';
import { corruptResponse } from '../support/faults/bodies.js';
import { cutRequest, cutResponse, stallRequest } from '../support/faults/cuts.js';
import { throttleRequest } from '../support/faults/pace.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { makeMemoryFolder, removeTempFolders } from '../support/temp.js';

const MiB = 1024 * 1024;
const layer = blob(16 * MiB, 2);
const layerDigest = digestOf(layer);
const image = imageManifest({ layers: [layer, blob(70_000, 3)] });
const other = imageManifest({ layers: [blob(80_000, 4), blob(70_000, 3)] });
const index = indexOf([{ image }, { image: other }]);
const putLayer = { method: 'PUT', path: new RegExp(`digest=${layerDigest}`) };

let source: TestRegistry;
let good: TestRegistry;
let bad: TestRegistry;
const rules = { source: [] as Rule[], good: [] as Rule[], bad: [] as Rule[] };

beforeEach(async () => {
  for (const list of Object.values(rules)) list.length = 0;
  [source, good, bad] = await Promise.all([
    startRegistry({ rules: rules.source }),
    startRegistry({ rules: rules.good }),
    startRegistry({ rules: rules.bad }),
  ]);
});
afterEach(async () => {
  await Promise.all([source, good, bad].map((registry) => registry.close()));
  removeTempFolders();
});

/** Copies to both targets; what fails is in the report. */
async function run(root: FixtureImage, options: RunOptions = {}): Promise<CopyReport> {
  await seed(source.store('app'), root, 'v1');
  try {
    return await copyAtOnce(`${source.host}/app:v1`, [`${good.host}/app`, `${bad.host}/app`], options);
  } catch (error) {
    if (error instanceof CopyError) return error.report;
    throw error;
  }
}

/** Blobs that were read at the source, in the order of their digests. */
function blobReads(): string[] {
  return source.log
    .filter(({ method, url }) => method === 'GET' && url.includes('/blobs/'))
    .map(({ url }) => url.slice(url.lastIndexOf('/') + 1))
    .sort();
}

const readsOfLayer = (): number => blobReads().filter((digest) => digest === layerDigest).length;
const uploadsOfLayer = ({ log }: TestRegistry): number =>
  log.filter(({ method, url }) => method === 'PUT' && url.includes(layerDigest)).length;

describe('a copy to several registries', () => {
  it('reads each manifest and blob once', async () => {
    const report = await run(index);
    expect(report.ok).toBe(true);
    for (const registry of [good, bad]) await expectSame(registry.store('app'), index, 'v1');
    expect(blobReads()).toEqual([...index.blobs.keys()].sort());
    expect(report.requests.source).toBe(index.manifests.length + index.blobs.size);
    // POST and PUT a blob, HEAD of the large one, HEAD and PUT a child, and three for the root, at each
    const each = 2 * index.blobs.size + 1 + 2 * (index.manifests.length - 1) + 3;
    expect([good.log.length, bad.log.length]).toEqual([each, each]);
  });

  it('reads once what each of them lacks, where one has a child of the index already', async () => {
    await seed(bad.store('app'), image);
    const report = await run(index);
    expect(report.ok).toBe(true);
    await expectSame(bad.store('app'), index, 'v1');
    expect(blobReads()).toEqual([...index.blobs.keys()].sort());
  });

  it('reads once what the tags of a repository share, too', async () => {
    const shared = [blob(300_000, 10), blob(400_000, 11)];
    const images = Array.from({ length: 12 }, (_, at) => {
      return imageManifest({ config: blob(200, 100 + at), layers: [...shared, blob(9_000, 200 + at)] });
    });
    for (const [at, one] of images.entries()) await seed(source.store('app'), one, `v${at}`);
    const report = await copyTags(`${source.host}/app`, [`${good.host}/app`, `${bad.host}/app`]);
    expect(report.ok).toBe(true);
    for (const [at, one] of images.entries()) {
      for (const registry of [good, bad]) await expectSame(registry.store('app'), one, `v${at}`);
    }
    expect(blobReads()).toEqual([...new Set(images.flatMap(({ blobs }) => [...blobs.keys()]))].sort());
  });

  it('and to a layout reads each blob once', async () => {
    const folder = join(makeMemoryFolder('fan-out'), 'layout');
    await seed(source.store('app'), index, 'v1');
    await copyAtOnce(`${source.host}/app:v1`, [`${good.host}/app`, `oci:${folder}:v1`]);
    expect(blobReads()).toEqual([...index.blobs.keys()].sort());
    await expectSame(good.store('app'), index, 'v1');
    await expectSame(await openLayout(folder, { access: 'read' }), index, 'v1');
  });

  it('from a layout reads it for all of them', async () => {
    const folder = join(makeMemoryFolder('fan-out'), 'layout');
    const layout = await openLayout(folder, { access: 'write', create: true });
    await seed(layout, index, 'v1');
    await layout.close();
    await copyAtOnce(`oci:${folder}:v1`, [`${good.host}/app`, `${bad.host}/app`]);
    for (const registry of [good, bad]) await expectSame(registry.store('app'), index, 'v1');
  });
});

describe('a target of several', () => {
  it.each<[string, Fault]>([
    ['that answers 500 to its upload', answer(500)],
    ['that takes no blob of that size', answer(413)],
    ['that resets in the middle of the blob', cutRequest({ after: 3 * MiB, by: 'rst' })],
    ['that takes nothing after a while', stallRequest({ after: 3 * MiB })],
  ])('%s does not cost the other a second read', async (_what, fault) => {
    rules.bad.push(rule({ path: /uploads/, when: bodyOver(MiB) }, fault));
    const report = await run(image, { retries: 1, idleTimeoutMs: 1_000 });
    expect(report.targets.map(({ error, verified }) => [error?.side, verified])).toEqual([
      [undefined, 'bytes'],
      ['target', undefined],
    ]);
    await expectSame(good.store('app'), image, 'v1');
    expect(uploadsOfLayer(good)).toBe(1);
    // the other blobs are once at each; of this one the first read is shared, and each further try reads alone
    const tries = bad.log.filter(({ method }) => method === 'POST').length - (image.blobs.size - 1);
    expect(tries).toBeGreaterThan(1);
    expect(readsOfLayer()).toBe(tries);
    expect(blobReads()).toHaveLength(image.blobs.size - 1 + tries);
  });

  it('that resets once reads the blob once more, alone', async () => {
    rules.bad.push(rule({ ...putLayer, nth: 1 }, cutRequest({ after: 3 * MiB, by: 'rst' })));
    const report = await run(image);
    expect(report.ok).toBe(true);
    for (const registry of [good, bad]) await expectSame(registry.store('app'), image, 'v1');
    expect([readsOfLayer(), uploadsOfLayer(good), uploadsOfLayer(bad)]).toEqual([2, 1, 2]);
  });

  it('that is slow sets the pace of all', async () => {
    rules.bad.push(rule(putLayer, throttleRequest({ bytes: 256 * 1024, everyMs: 5 })));
    const sent = new Map<string, number>();
    let ahead = 0;
    const report = await run(image, {
      onEvent: (event) => {
        if (event.type !== 'progress' || event.digest !== layerDigest) return;
        sent.set(event.target, event.bytes);
        const [fast = 0, slow = 0] = [good, bad].map(({ host }) => sent.get(`${host}/app`));
        ahead = Math.max(ahead, fast - slow);
      },
    });
    expect(report.ok).toBe(true);
    expect(readsOfLayer()).toBe(1);
    // a window, and what is on its way between the pieces of the line
    expect(ahead).toBeGreaterThan(0);
    expect(ahead).toBeLessThan(WINDOW_BYTES + 512 * 1024);
  });

  it('that stalls is left behind, and costs no read that it does not use', async () => {
    rules.bad.push(rule(putLayer, stallRequest({ after: 0 })));
    const report = await run(image, { retries: 0, idleTimeoutMs: 1_500 });
    expect(report.targets.map(({ error }) => error?.code)).toEqual([undefined, 'E_TIMEOUT']);
    await expectSame(good.store('app'), image, 'v1');
    expect(blobReads()).toEqual([...image.blobs.keys()].sort());
  });
});

describe('the source of several targets', () => {
  it('that is cut in the middle is taken up again once for all', async () => {
    const path = new RegExp(`/blobs/${layerDigest}`);
    rules.source.push(rule({ method: 'GET', path, nth: 1 }, cutResponse({ after: 5 * MiB, by: 'fin' })));
    const report = await run(image);
    expect(report.ok).toBe(true);
    for (const registry of [good, bad]) await expectSame(registry.store('app'), image, 'v1');
    const ranges = source.log.filter(({ url }) => path.test(url)).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, `bytes=${5 * MiB}-`]);
    expect([uploadsOfLayer(good), uploadsOfLayer(bad)]).toEqual([1, 1]);
  });

  it('that is corrupt completes nowhere', async () => {
    rules.source.push(rule({ path: new RegExp(layerDigest) }, corruptResponse({ at: 9 * MiB })));
    const report = await run(image);
    for (const { error } of report.targets)
      expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH', side: 'source' });
    for (const registry of [good, bad]) {
      const store = registry.store('app');
      expect([store.blob(layerDigest), store.tagged('v1')]).toEqual([undefined, undefined]);
    }
  });

  it('that was corrupt once is read again by each', async () => {
    rules.source.push(rule({ path: new RegExp(layerDigest), nth: 1 }, corruptResponse({ at: 9 * MiB })));
    const report = await run(image);
    expect(report.ok).toBe(true);
    for (const registry of [good, bad]) await expectSame(registry.store('app'), image, 'v1');
    expect(readsOfLayer()).toBe(3);
  });

  it('is let go when the copy is abandoned in the middle', async () => {
    const stop = new AbortController();
    rules.bad.push(rule(putLayer, throttleRequest({ bytes: 256 * 1024, everyMs: 5 })));
    const report = await run(image, {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'progress' && event.bytes > 4 * MiB) stop.abort();
      },
    });
    expect(report.targets.map(({ error }) => error?.code)).toEqual(['E_ABORTED', 'E_ABORTED']);
    const read = source.log.find(({ url }) => url.includes(layerDigest));
    expect(read?.bytesOut).toBeLessThan(layer.length);
    for (const registry of [good, bad]) expect(registry.store('app').tagged('v1')).toBeUndefined();
  });
});
