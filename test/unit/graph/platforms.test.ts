import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { narrowToPlatform } from '../../../src/graph/platforms.js';
import { ManifestReader } from '../../../src/graph/manifest-reader.js';
import { RegferryError } from '../../../src/errors.js';
import { parsePlatform } from '../../../src/spec/platform.js';
import {
  blob,
  fixtureImages,
  imageManifest,
  indexOf,
  seed,
  type FixtureImage,
} from '../../support/fixtures.js';
import { failureOf } from '../registry/open-repository.js';
import { Names, recordedStore, run, started, target, type Overrides } from '../copy/recorded-store.js';

const amd64 = imageManifest({ platform: { os: 'linux', architecture: 'amd64' } });
const arm64 = imageManifest({
  platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
  layers: [blob(9, 1)],
});
const index = indexOf([
  { image: amd64, fields: { platform: { os: 'linux', architecture: 'amd64' } } },
  { image: arm64, fields: { platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } } },
]);

async function narrowed(image: FixtureImage, platform: string, overrides?: Overrides) {
  const source = recordedStore(new Names(), { host: 'source', repository: 'app' }, overrides);
  await seed(source.memory, image, '1');
  const resume = { retries: 2, backoff: () => Promise.resolve() };
  const reader = new ManifestReader(source, { resume });
  const root = await reader.root({ tag: '1' });
  const { node, attestations } = await narrowToPlatform(root, parsePlatform(platform), reader);
  return { digest: node.manifest.descriptor.digest, attestations, source };
}

describe('one platform', () => {
  it.each([
    ['linux/amd64', amd64],
    ['linux/arm64', arm64],
    ['linux/arm64/v8', arm64],
  ])('%s is taken out of an index', async (platform, image) => {
    const { digest, attestations, source } = await narrowed(index, platform);
    expect(digest).toBe(image.root.descriptor.digest);
    expect(attestations).toBe(0);
    expect(started(source)).toHaveLength(2);
  });

  it('that an index does not have is refused with what it has', async () => {
    const error = await failureOf(narrowed(index, 'windows/amd64'));
    expect(error.code).toBe('E_NO_SUCH_PLATFORM');
    expect(error.message).toContain('linux/arm64');
  });

  it('leaves attestations behind, and counts them', async () => {
    const image = fixtureImages()['index with attestations'];
    if (image === undefined) throw new Error('no such fixture');
    const { attestations } = await narrowed(image, 'linux/amd64');
    expect(attestations).toBe(1);
  });

  const windows = (version: string, seed: number) => ({
    image: imageManifest({ layers: [blob(20, seed)], platform: { os: 'windows', architecture: 'amd64' } }),
    fields: { platform: { os: 'windows', architecture: 'amd64', 'os.version': version } },
  });
  const versions = [windows('10.0.17763.5122', 1), windows('10.0.20348.169', 2)];

  it('of which there are several versions is refused with the list, and taken by its version', async () => {
    const image = indexOf(versions);
    const error = await failureOf(narrowed(image, 'windows/amd64'));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toContain('windows/amd64:10.0.20348.169 (sha256:');
    const { digest } = await narrowed(image, 'windows/amd64:10.0.20348.169');
    expect(digest).toBe(versions[1]?.image.root.descriptor.digest);
  });

  it.each(['application/vnd.oci.image.index.v1+json', 'application/octet-stream'])(
    'is taken out of an index in the index, listed as %s',
    async (mediaType) => {
      const outer = indexOf([{ image: indexOf(versions) }, { image: index, fields: { mediaType } }]);
      const { digest } = await narrowed(outer, 'linux/arm64');
      expect(digest).toBe(arm64.root.descriptor.digest);
    },
  );

  it('of the index that it is in counts where a nested index names none', async () => {
    const nested = indexOf([{ image: arm64 }]);
    const outer = indexOf([{ image: nested, fields: { platform: { os: 'linux', architecture: 'arm64' } } }]);
    expect((await narrowed(outer, 'linux/arm64')).digest).toBe(arm64.root.descriptor.digest);
  });

  it('that two nested indexes have differently is refused', async () => {
    const other = imageManifest({ layers: [blob(30, 3)] });
    const platform = { os: 'linux', architecture: 'amd64' };
    const outer = indexOf([{ image: index }, { image: indexOf([{ image: other, fields: { platform } }]) }]);
    expect((await failureOf(narrowed(outer, 'linux/amd64'))).code).toBe('E_USAGE');
  });

  it.each(['linux/arm64', 'linux/s390x'])('%s is required and chosen by the same rule', async (wanted) => {
    const source = recordedStore(new Names(), { host: 'source' });
    await seed(source.memory, indexOf([{ image: index }]), '1');
    const platforms = [parsePlatform(wanted)];
    const to = recordedStore(new Names(), { host: 'target' });
    const guarded = await run({ source, targets: [target(to, '1')], sourceGuard: { platforms } });
    const chosen = await run({ source, targets: [target(to, '2')], platform: platforms[0] });
    const found = wanted === 'linux/arm64';
    expect(guarded.error?.code).toBe(found ? undefined : 'E_GUARD');
    expect(chosen.error?.code).toBe(found ? undefined : 'E_NO_SUCH_PLATFORM');
  });

  it('of a lone image is checked by its config', async () => {
    const { digest } = await narrowed(arm64, 'linux/arm64');
    expect(digest).toBe(arm64.root.descriptor.digest);
    const error = await failureOf(narrowed(arm64, 'linux/amd64'));
    expect(error).toMatchObject({ code: 'E_NO_SUCH_PLATFORM', side: 'source' });
    expect(error.message).toContain('a single manifest, linux/arm64/v8');
  });

  it('of what names none is refused', async () => {
    const image = fixtureImages()['artifact with empty config'];
    if (image === undefined) throw new Error('no such fixture');
    const error = await failureOf(narrowed(image, 'linux/amd64'));
    expect(error.message).toContain('names no platform');
  });

  it('is read from the config though that broke off or came corrupt once', async () => {
    let opened = 0;
    const cut = new RegferryError('E_CUT', 'cut', { retryable: true });
    const { digest } = await narrowed(amd64, 'linux/amd64', (memory) => ({
      open: (descriptor, options) => {
        opened += 1;
        if (opened === 1) return Promise.resolve(Readable.from(breaking(cut), { objectMode: false }));
        if (opened > 2) return memory.open(descriptor, options);
        return Promise.resolve(Readable.from([Buffer.alloc(descriptor.size)], { objectMode: false }));
      },
    }));
    expect([digest, opened]).toEqual([amd64.root.descriptor.digest, 3]);
  });

  it('becomes the root of a copy, with the other platforms left behind', async () => {
    const source = recordedStore(new Names(), { host: 'source' });
    await seed(source.memory, index, '1');
    const to = recordedStore(new Names(), { host: 'target' });
    const { root, targets } = await run({
      source,
      targets: [target(to, '2')],
      platform: parsePlatform('linux/arm64'),
    });
    expect(root?.digest).toBe(arm64.root.descriptor.digest);
    expect(to.memory.tagged('2')).toBe(arm64.root.descriptor.digest);
    expect(targets[0]).toMatchObject({ verified: 'bytes', manifests: { copied: 1 } });
    expect([...to.memory.manifests()]).toHaveLength(1);
  });
});

async function* breaking(error: Error): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from('{');
  throw error;
}
