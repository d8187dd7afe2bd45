import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import type { CopyReport } from '../../src/copy/report.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, indexOf, seedHttp, type FixtureImage } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';

/** Requests by method and kind of path, as in `HEAD blob 3`. */
type Counts = Record<string, number>;

async function counts(registry: DockerRegistry): Promise<Counts> {
  const found: Counts = {};
  for (const { method, path } of await registry.settledRequests()) {
    const kind = path.includes('/uploads/') ? 'upload' : path.includes('/blobs/') ? 'blob' : 'manifest';
    const key = `${method} ${kind}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

const MiB = 1024 * 1024;
const shared = blob(3_000, 1);
const config = blob(200, 2);
const image = imageManifest({ config, layers: [shared, blob(40_000, 3), blob(500, 4)] });
const oneLayerChanged = imageManifest({
  config: blob(200, 9),
  layers: [shared, blob(40_000, 3), blob(500, 5)],
});
const index = indexOf(
  [1, 2, 3].map((at): { image: FixtureImage } => ({
    image: imageManifest({ config: blob(100, 20 + at), layers: [shared, blob(1_000, 30 + at)] }),
  })),
);

requirePrograms('docker-registry')('the number of requests, as the registries count them, of', () => {
  let source: DockerRegistry;
  let target: DockerRegistry;

  beforeAll(async () => {
    [source, target] = await Promise.all([startDockerRegistry(), startDockerRegistry()]);
  });
  afterAll(() => Promise.all([source.stop(), target.stop()]));
  beforeEach(() => Promise.all([source.clearRequests(), target.clearRequests()]));

  /** Seeds, copies, and says what the copy alone asked. */
  async function measured(
    repository: string,
    seeded: FixtureImage,
    to: string | string[],
    from = `${source.host}/${repository}:v1`,
  ): Promise<{ report: CopyReport; atSource: Counts; atTarget: Counts }> {
    await seedHttp(source.url, repository, seeded, 'v1');
    await Promise.all([source.clearRequests(), target.clearRequests()]);
    const report = await copy(from, to);
    return { report, atSource: await counts(source), atTarget: await counts(target) };
  }

  it('a fresh copy is n + 1 at the source and 2n + 3 at the target', async () => {
    const { report, atSource, atTarget } = await measured('fresh', image, `${target.host}/fresh`);
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 4 });
    expect(atTarget).toEqual({
      'HEAD manifest': 1,
      'POST upload': 4,
      'PUT upload': 4,
      'PUT manifest': 1,
      'GET manifest': 1,
    });
    expect(report.requests).toEqual({ source: 5, target: 11 });
  });

  it('a fresh copy with blobs over 4 MiB is one HEAD more for each of these', async () => {
    const large = imageManifest({ config, layers: [blob(4 * MiB + 1, 50), blob(4 * MiB, 51)] });
    const { atSource, atTarget } = await measured('large', large, `${target.host}/large`);
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 3 });
    expect(atTarget).toMatchObject({ 'HEAD blob': 1, 'POST upload': 3, 'PUT upload': 3 });
  });

  it('a new tag over what is there reads nothing over 64 KiB and uploads nothing', async () => {
    const known = imageManifest({ config, layers: [blob(70_000, 60), blob(80_000, 61), blob(90_000, 62)] });
    await measured('known', known, `${target.host}/known:old`);
    const { report, atSource, atTarget } = await measured('known', known, `${target.host}/known:new`);
    expect(atSource['GET blob'] ?? 0).toBeLessThanOrEqual(1);
    // That they could be mounted from where they are is not believed without having asked.
    expect(atTarget).toEqual({
      'HEAD manifest': 1,
      'POST upload': 4,
      'HEAD blob': 4,
      'PUT manifest': 1,
      'GET manifest': 1,
    });
    expect(report.targets[0]).toMatchObject({ blobs: { copied: 0, skipped: 4 }, bytes: { copied: 0 } });
  });

  it('the same copy again is one at each side', async () => {
    await copyFirst('again');
    const { report, atSource, atTarget } = await measured('again', image, `${target.host}/again`);
    expect(atSource).toEqual({ 'GET manifest': 1 });
    expect(atTarget).toEqual({ 'HEAD manifest': 1 });
    expect(report.targets[0]).toMatchObject({ changed: false, verified: 'header' });
  });

  it('another tag in the same repository asks for no blob', async () => {
    const { atSource } = await measured('retag', index, `${source.host}/retag:prod`);
    expect(atSource).toEqual({ 'GET manifest': 2, 'HEAD manifest': 1, 'PUT manifest': 1 });
  });

  it('another repository of the same registry is one POST a blob, and moves no blob byte', async () => {
    const { report, atSource } = await measured('mount', image, `${source.host}/mounted/here`);
    expect(atSource).toEqual({
      'GET manifest': 2,
      'HEAD manifest': 1,
      'POST upload': 4,
      'PUT manifest': 1,
    });
    expect(report.targets[0]).toMatchObject({ blobs: { mounted: 4, copied: 0 }, bytes: { copied: 0 } });
  });

  it('one changed layer is one upload and the config', async () => {
    await copyFirst('changed');
    const { report, atSource, atTarget } = await measured(
      'changed',
      oneLayerChanged,
      `${target.host}/changed`,
    );
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 2 });
    expect(atTarget).toMatchObject({ 'HEAD blob': 4, 'POST upload': 2, 'PUT upload': 2 });
    expect(report.targets[0]).toMatchObject({ changed: true, blobs: { copied: 2, skipped: 2 } });
  });

  it('an index of m manifests and n blobs is 1 + m + n at the source and 2n + 2m + 3 at the target', async () => {
    const { atSource, atTarget } = await measured('index', index, `${target.host}/index`);
    expect(atSource).toEqual({ 'GET manifest': 4, 'GET blob': 7 });
    expect(atTarget).toEqual({
      'HEAD manifest': 4,
      'POST upload': 7,
      'PUT upload': 7,
      'PUT manifest': 4,
      'GET manifest': 1,
    });
  });

  it('several tags of one repository are one upload, and one PUT and one read-back a tag', async () => {
    const tags = ['one', 'two', 'three'].map((tag) => `${target.host}/tags:${tag}`);
    const { atSource, atTarget } = await measured('tags', image, tags);
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 4 });
    expect(atTarget).toEqual({
      'HEAD manifest': 3,
      'POST upload': 4,
      'PUT upload': 4,
      'PUT manifest': 3,
      'GET manifest': 3,
    });
  });

  it('two repositories of one target registry are one upload and one mount a blob', async () => {
    const to = [`${target.host}/first/app`, `${target.host}/second/app`];
    const { report, atSource, atTarget } = await measured('two', image, to);
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 4 });
    expect(atTarget).toMatchObject({ 'POST upload': 8, 'PUT upload': 4 });
    // Which of the two takes a blob first is open; each moves once.
    const moved = report.targets.map(({ blobs }) => blobs);
    expect(moved.map(({ copied, mounted }) => copied + mounted)).toEqual([4, 4]);
    expect(moved.reduce((sum, { copied }) => sum + copied, 0)).toBe(4);
  });

  async function copyFirst(repository: string): Promise<void> {
    await seedHttp(source.url, repository, image, 'v1');
    await copy(`${source.host}/${repository}:v1`, `${target.host}/${repository}`);
  }
});

requirePrograms('docker-registry')('the number of requests of a copy to three registries', () => {
  let source: DockerRegistry;
  let targets: DockerRegistry[];

  beforeAll(async () => {
    const started = await Promise.all([0, 1, 2, 3].map(() => startDockerRegistry()));
    [source, ...targets] = started as [DockerRegistry, ...DockerRegistry[]];
  });
  afterAll(() => Promise.all([source, ...targets].map((registry) => registry.stop())));

  /** Copies to all of them, and says what each registry was asked by that. */
  async function copied(repository: string, seeded: FixtureImage): Promise<Counts[]> {
    await seedHttp(source.url, repository, seeded, 'v1');
    await Promise.all([source, ...targets].map((registry) => registry.clearRequests()));
    const to = targets.map(({ host }) => `${host}/${repository}`);
    const report = await copy(`${source.host}/${repository}:v1`, to);
    expect(report.targets.map(({ verified }) => verified)).toEqual(to.map(() => 'bytes'));
    return Promise.all([source, ...targets].map(counts));
  }

  it('is that of one copy at the source, and at each target', async () => {
    const fresh = {
      'HEAD manifest': 4,
      'POST upload': 7,
      'PUT upload': 7,
      'PUT manifest': 4,
      'GET manifest': 1,
    };
    expect(await copied('all', index)).toEqual([{ 'GET manifest': 4, 'GET blob': 7 }, fresh, fresh, fresh]);
  });

  it('is that of what any of them lacks at the source, where they hold different parts', async () => {
    const [first, second] = targets as [DockerRegistry, DockerRegistry];
    await seedHttp(first.url, 'parts', oneLayerChanged, 'old');
    await seedHttp(second.url, 'parts', image, 'old');
    const [atSource, ...atTargets] = await copied('parts', image);
    expect(atSource).toEqual({ 'GET manifest': 1, 'GET blob': 4 });
    expect(atTargets.map((asked) => asked['PUT upload'])).toEqual([2, undefined, 4]);
  });
});
