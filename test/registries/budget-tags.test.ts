import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';

import { copyTags } from '../../src/api/copy-tags.js';
import type { LoggedRequest } from '../support/access-log.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blob, imageManifest, indexOf, seedHttp, type FixtureImage } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';

const TAGS = 30;
const base = [1, 2, 3].map((at) => blob(2_000, at));

/** An image with a layer and a config of its own on a base that all share. */
function own(at: number): FixtureImage {
  return imageManifest({ config: blob(100, 500 + at), layers: [...base, blob(700, 1_000 + at)] });
}

/** Requests by method and kind of path, as in `HEAD blob`; what is asked of a manifest by tag or by digest is told apart. */
function counts(requests: readonly LoggedRequest[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { method, path } of requests) {
    const key = `${method} ${kindOf(path)}`;
    found[key] = (found[key] ?? 0) + 1;
  }
  return found;
}

function kindOf(path: string): string {
  if (path.includes('/tags/list')) return 'list';
  if (path.includes('/uploads/')) return 'upload';
  if (path.includes('/blobs/')) return 'blob';
  return path.includes('/manifests/sha256:') ? 'child' : 'tag';
}

requirePrograms('docker-registry')(
  'the number of requests, as the registries count them, of all tags',
  () => {
    let source: DockerRegistry;
    let target: DockerRegistry;

    beforeAll(async () => {
      [source, target] = await Promise.all([startDockerRegistry(), startDockerRegistry()]);
      for (let at = 0; at < TAGS; at++) await seedHttp(source.url, 'app', own(at), `v${at}`);
    });
    afterAll(() => Promise.all([source.stop(), target.stop()]));
    beforeEach(() => Promise.all([source.clearRequests(), target.clearRequests()]));

    /** Copies, and says what that alone asked. */
    async function measured(from: string, to: string) {
      await Promise.all([source.clearRequests(), target.clearRequests()]);
      const report = await copyTags(`${source.host}/${from}`, `${target.host}/${to}`);
      const atSource = counts(await source.settledRequests());
      const atTarget = counts(await target.settledRequests());
      return { report, atSource, atTarget };
    }

    it('to an empty repository is one GET a manifest and blob, and asks the target for no tag', async () => {
      const { report, atSource, atTarget } = await measured('app', 'fresh');
      expect(report.targets).toHaveLength(TAGS);
      const blobs = base.length + 2 * TAGS;
      expect(atSource).toEqual({ 'GET list': 1, 'GET tag': TAGS, 'GET blob': blobs });
      expect(atTarget).toEqual({
        'GET list': 1,
        'POST upload': blobs,
        'PUT upload': blobs,
        'PUT tag': TAGS,
        'GET tag': TAGS,
      });
    });

    it('again is one HEAD a side and tag', async () => {
      await copyTags(`${source.host}/app`, `${target.host}/again`);
      const { report, atSource, atTarget } = await measured('app', 'again');
      expect(atSource).toEqual({ 'GET list': 1, 'HEAD tag': TAGS });
      expect(atTarget).toEqual({ 'GET list': 1, 'HEAD tag': TAGS });
      expect(report.requests).toEqual({ source: TAGS + 1, target: TAGS + 1 });
      expect(report.targets.every(({ changed }) => !changed)).toBe(true);
    });

    it('where one has moved and one is new is a GET for either, and what they need', async () => {
      for (const at of [0, 1, 2]) await seedHttp(source.url, 'some', own(at), `v${at}`);
      await copyTags(`${source.host}/some`, `${target.host}/some`);
      await seedHttp(source.url, 'some', own(100), 'v1');
      await seedHttp(source.url, 'some', own(101), 'v3');
      const { report, atSource, atTarget } = await measured('some', 'some');
      // In the order in which the registry lists them, which need not be that of the alphabet.
      const changed = report.targets
        .filter((target) => target.changed)
        .map(({ reference }) => reference.slice(-2));
      expect(changed.sort()).toEqual(['v1', 'v3']);
      expect(atSource).toEqual({ 'GET list': 1, 'HEAD tag': 3, 'GET tag': 2, 'GET blob': 4 });
      expect(atTarget).toEqual({
        'GET list': 1,
        'HEAD tag': 3,
        'HEAD blob': base.length + 4,
        'POST upload': 4,
        'PUT upload': 4,
        'PUT tag': 2,
        'GET tag': 2,
      });
    });

    it('of one image is one upload, and one PUT and one read-back a tag', async () => {
      const index = indexOf([{ image: own(200) }, { image: own(201) }]);
      for (const tag of ['a', 'b', 'c', 'd']) await seedHttp(source.url, 'same', index, tag);
      const { atSource, atTarget } = await measured('same', 'same');
      const blobs = base.length + 4;
      expect(atSource).toEqual({ 'GET list': 1, 'GET tag': 4, 'GET child': 2, 'GET blob': blobs });
      expect(atTarget).toEqual({
        'GET list': 1,
        'HEAD child': 2,
        'POST upload': blobs,
        'PUT upload': blobs,
        'PUT child': 2,
        'PUT tag': 4,
        'GET tag': 4,
      });
    });

    it('to a second repository of the target moves no blob byte twice', async () => {
      const to = ['first', 'second'].map((repository) => `${target.host}/${repository}`);
      const report = await copyTags(`${source.host}/app`, to);
      const atSource = counts(await source.settledRequests());
      expect(atSource).toEqual({ 'GET list': 1, 'GET tag': TAGS, 'GET blob': base.length + 2 * TAGS });
      const moved = report.targets.reduce((sum, { blobs }) => sum + blobs.mounted, 0);
      expect(moved).toBe(base.length + 2 * TAGS);
    });
  },
);
