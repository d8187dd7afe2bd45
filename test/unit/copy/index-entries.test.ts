import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { copy } from '../../../src/api/copy.js';
import { MemoryStore } from '../../../src/content/memory-store.js';
import { RegferryError } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { MANIFEST_BYTES } from '../../../src/spec/limits.js';
import { OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../../src/spec/media-types.js';
import {
  artifact,
  blob,
  describe as descriptorOf,
  imageManifest,
  indexOf,
} from '../../support/fixtures/build.js';
import { fixtureImages, seed, type FixtureImage } from '../../support/fixtures.js';
import { Names, recordedStore, run, started, target, type Overrides } from './recorded-store.js';

const image = imageManifest({ layers: [blob(700, 1)] });
const layers = [blob(500, 2), blob(600, 3)];
const records = Buffer.from('{"layers":[],"records":[]}');

/** As BuildKit keeps its cache: layers and what tells of them, listed as if they were manifests. */
const cache = artifact(
  {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      ...layers.map((layer) => descriptorOf(layer, OCI_LAYER_GZIP)),
      descriptorOf(records, 'application/vnd.buildkit.cacheconfig.v0'),
    ],
  },
  OCI_INDEX,
  [...layers, records],
);

/** An index that lists the image, and these bytes, under a type. */
function listing(mediaType: string, bytes?: Buffer): FixtureImage {
  const entry = {
    ...(bytes === undefined ? image.root.descriptor : descriptorOf(bytes, mediaType)),
    mediaType,
  };
  return indexOf(bytes === undefined ? [{ image, fields: { mediaType } }] : [], {
    fields: { manifests: [entry] },
  });
}

async function copied(
  from: FixtureImage,
  given: { blobs?: Buffer[]; overrides?: Overrides; toOverrides?: Overrides } = {},
) {
  const names = new Names();
  names.image(image);
  names.image(from, 'index-');
  const source = recordedStore(names, { host: 'source' }, given.overrides);
  await seed(source.memory, from, '1');
  for (const bytes of given.blobs ?? []) source.memory.putBytes(bytes);
  const to = recordedStore(names, { host: 'target' }, given.toOverrides);
  const outcome = await run({ source, targets: [target(to, '1')] });
  const notes = outcome.events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  const failure = outcome.error ?? outcome.targets[0]?.error;
  return { report: outcome.targets[0], failure, source, to, notes };
}

describe('an index whose entries are blobs', () => {
  it('is copied with them, and nothing is asked for as a manifest but the index', async () => {
    const { report, failure, source, to, notes } = await copied(cache);
    expect(failure).toBeUndefined();
    expect(report).toMatchObject({ verified: 'bytes', blobs: { copied: 3 }, manifests: { copied: 1 } });
    for (const digest of cache.blobs.keys()) expect(to.memory.blob(digest)).toBeDefined();
    expect(started(source).filter((call) => call.startsWith('fetch'))).toEqual(['fetch :1']);
    expect(notes).toEqual([]);
  });

  it('costs nothing but looks the second time', async () => {
    const { to, source } = await copied(cache);
    const again = await run({ source, targets: [target(to, '2')] });
    expect(again.targets[0]).toMatchObject({ blobs: { copied: 0, skipped: 3 } });
  });

  it('leaves foreign layers where they are', async () => {
    const type = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const { report } = await copied(listing(type, layers[0]));
    expect(report).toMatchObject({ verified: 'bytes', blobs: { copied: 0, foreign: 1 } });
  });
});

describe('an image that an index lists under another type', () => {
  it.each([
    'application/octet-stream',
    'text/plain',
    'application/vnd.example.thing+json',
    'nonsense',
    OCI_INDEX,
    OCI_LAYER_GZIP,
    'application/vnd.oci.image.config.v1+json',
    'application/vnd.docker.container.image.v1+json',
    'application/vnd.in-toto+json',
    'application/vnd.cncf.helm.config.v1+json',
  ])('%s is copied with all that it names, and that is noted once', async (type) => {
    const { report, failure, to, notes } = await copied(listing(type));
    expect(failure).toBeUndefined();
    expect(report).toMatchObject({ verified: 'bytes', blobs: { copied: 2 }, manifests: { copied: 2 } });
    expect(to.memory.manifest(image.root.descriptor.digest)?.descriptor.mediaType).toBe(OCI_MANIFEST);
    expect(notes).toEqual([expect.stringContaining(`is listed as ${type}, but it is ${OCI_MANIFEST}`)]);
  });

  it('is skipped where the target has it', async () => {
    const { source, to } = await copied(listing('application/octet-stream'));
    const again = await run({ source, targets: [target(to, '2')] });
    expect(again.targets[0]).toMatchObject({ blobs: { copied: 0 }, manifests: { copied: 1, skipped: 1 } });
  });

  it.each(['application/octet-stream', OCI_LAYER_GZIP])(
    'is pushed with the type that it has, though the source serves it as a blob too: %s',
    async (type) => {
      const { report, to } = await copied(listing(type), { blobs: [image.root.bytes] });
      expect(report).toMatchObject({ blobs: { copied: 2 }, manifests: { copied: 2 } });
      expect(to.memory.blob(image.root.descriptor.digest)).toBeUndefined();
    },
  );

  it('is found for its platform, though it is listed as a configuration', async () => {
    const platform = { os: 'linux', architecture: 'arm64' };
    const mediaType = 'application/vnd.oci.image.config.v1+json';
    const source = new MemoryStore();
    await seed(source, indexOf([{ image, fields: { mediaType, platform } }]), '1');
    const to = new MemoryStore();
    await copy({ store: source, tag: '1' }, { store: to }, { platform: 'linux/arm64' });
    expect(to.tagged('1')).toBe(image.root.descriptor.digest);
    for (const digest of image.blobs.keys()) expect(to.blob(digest)).toBeDefined();
  });
});

describe('a blob that an index lists as a manifest', () => {
  it.each([OCI_MANIFEST, OCI_INDEX])('%s is copied as what it is, and that is noted', async (type) => {
    const thing = Buffer.from('{"any":"bytes"}');
    const { report, failure, to, notes } = await copied(listing(type, thing), { blobs: [thing] });
    expect(failure).toBeUndefined();
    expect(report).toMatchObject({ verified: 'bytes', blobs: { copied: 1 }, manifests: { copied: 1 } });
    expect(to.memory.blob(digestOf(thing))).toEqual(thing);
    expect(notes).toEqual([expect.stringContaining('but it is no manifest, and copied as a blob')]);
  });
});

describe('an entry of a type that nobody knows', () => {
  const type = 'application/vnd.example.thing';
  const thing = Buffer.from('any bytes');

  it('that the source has as a blob is copied as one', async () => {
    const { report, to, notes } = await copied(listing(type, thing), { blobs: [thing] });
    expect(report).toMatchObject({ verified: 'bytes', blobs: { copied: 1 }, manifests: { copied: 1 } });
    expect(to.memory.blob(digestOf(thing))).toEqual(thing);
    expect(notes).toEqual([expect.stringContaining('copied as a blob')]);
  });

  it('is a blob without a look where it is too large for a manifest', async () => {
    const large = blob(MANIFEST_BYTES + 1, 4);
    const { report, source } = await copied(listing(type, large), { blobs: [large] });
    expect(report).toMatchObject({ blobs: { copied: 1 } });
    expect(started(source).filter((call) => call.startsWith('open'))).toHaveLength(1);
  });

  it.each([
    ['as bytes', thing],
    ['by its own name', Buffer.from(`{"mediaType":"${type}"}`)],
  ])('that the source has as a manifest alone, %s, is copied as that, under its type', async (_, bytes) => {
    const listed = listing(type, bytes);
    const child = { descriptor: descriptorOf(bytes, type), bytes };
    const whole = { ...listed, manifests: [child, ...listed.manifests] };
    const { report, failure, to, notes } = await copied(whole);
    expect(failure).toBeUndefined();
    expect(report).toMatchObject({ verified: 'bytes', manifests: { copied: 2 } });
    expect(to.memory.manifest(digestOf(bytes))?.descriptor.mediaType).toBe(type);
    expect(notes).toEqual([expect.stringContaining('copied as it is')]);
  });

  it('that the source does not have at all is missing, and named', async () => {
    const { failure, to } = await copied(listing(type, thing));
    expect(failure).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(failure?.message).toMatch(/^manifests\[0\] in the index sha256:/);
    expect(to.memory.tagged('1')).toBeUndefined();
  });

  it('is read again where it broke off', async () => {
    let opened = 0;
    const { failure } = await copied(listing(type, thing), {
      blobs: [thing],
      overrides: (memory) => ({
        open: (...args) => {
          opened += 1;
          if (opened > 1) return memory.open(...args);
          return Promise.resolve(Readable.from(cutShort(), { objectMode: false }));
        },
      }),
    });
    expect([failure, opened]).toEqual([undefined, 3]);
  });

  it('as the image itself is refused, since nobody knows what it names', async () => {
    const bytes = Buffer.from(`{"mediaType":"${type}","parts":[]}`);
    const { failure } = await copied(artifact({ mediaType: type, parts: [] }, type, []));
    expect(failure).toMatchObject({ code: 'E_MANIFEST', digest: digestOf(bytes) });
  });
});

describe('what goes wrong with a part of an index', () => {
  const platform = { os: 'linux', architecture: 'arm64' };
  const attestation = imageManifest({
    layers: [blob(80, 9)],
    platform: { os: 'unknown', architecture: 'unknown' },
  });
  const index = indexOf([
    { image, fields: { platform } },
    {
      image: attestation,
      fields: {
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: {
          'vnd.docker.reference.type': 'attestation-manifest',
          'vnd.docker.reference.digest': image.root.descriptor.digest,
        },
      },
    },
  ]);

  it.each([
    ['linux/arm64', image.root.descriptor.digest],
    ['attestation of linux/arm64', attestation.root.descriptor.digest],
    ['linux/arm64', [...image.blobs.keys()].at(-1)],
  ])('names it: %s', async (name, digest) => {
    const { failure } = await copied(index, {
      overrides: (memory) => {
        const absent = (asked: string): Promise<never> | undefined =>
          asked === digest ? Promise.reject(new RegferryError('E_NOT_FOUND', 'gone')) : undefined;
        return {
          fetch: (key, op) => ('digest' in key ? absent(key.digest) : undefined) ?? memory.fetch(key, op),
          open: (wanted, options) => absent(wanted.digest) ?? memory.open(wanted, options),
        };
      },
    });
    expect(failure).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(failure?.message).toBe(`${name} in the index ${index.root.descriptor.digest}: gone`);
  });

  it('names the innermost of nested indexes, once', async () => {
    const outer = indexOf([{ image: index }]);
    const { failure } = await copied(outer, {
      toOverrides: () => ({ putManifest: () => Promise.reject(new RegferryError('E_REFUSED', 'no')) }),
    });
    expect(failure?.message).toMatch(/^(?:attestation of )?linux\/arm64 in the index sha256:\S+: no$/);
    expect(failure?.message).toContain(index.root.descriptor.digest);
  });
});

it('the attestations of a platform stay behind when it is copied alone, and that is told', async () => {
  const whole = fixtureImages()['index with attestations'];
  if (whole === undefined) throw new Error('no such fixture');
  const notes: string[] = [];
  const source = new MemoryStore();
  await seed(source, whole, '1');
  await copy(
    { store: source, tag: '1' },
    { store: new MemoryStore() },
    { platform: 'linux/amd64', onEvent: (event) => event.type === 'note' && notes.push(event.message) },
  );
  expect(notes).toEqual([expect.stringContaining('1 attestation of linux/amd64 is not copied')]);
});

async function* cutShort(): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from('any');
  throw new RegferryError('E_CUT', 'cut', { retryable: true });
}
