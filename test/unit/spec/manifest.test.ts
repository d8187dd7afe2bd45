import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { DESCRIPTORS } from '../../../src/spec/limits.js';
import { blobsOf, childrenOf, viewManifest } from '../../../src/spec/manifest.js';
import { detectMediaType } from '../../../src/spec/manifest-type.js';
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  ORAS_ARTIFACT,
  SCHEMA1,
  SCHEMA1_SIGNED,
} from '../../../src/spec/media-types.js';
import { anyText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const entry = (mediaType: string, text = mediaType) => ({
  mediaType,
  digest: digestOf(Buffer.from(text)),
  size: Buffer.byteLength(text),
});

const config = entry(OCI_CONFIG);
const layer = entry(OCI_LAYER_GZIP);
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer, layer] };
const docker = {
  schemaVersion: 2,
  mediaType: DOCKER_MANIFEST,
  config: entry(DOCKER_CONFIG),
  layers: [entry(DOCKER_LAYER_GZIP)],
};
const index = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [
    { ...entry(OCI_MANIFEST), platform: { os: 'linux', architecture: 'amd64' } },
    entry('text/plain'),
  ],
};
const list = { ...index, mediaType: DOCKER_LIST };
const cache = {
  ...index,
  manifests: [
    entry(OCI_LAYER_GZIP, '1'),
    entry(OCI_MANIFEST, '2'),
    entry('application/vnd.buildkit.cacheconfig.v0', '3'),
    entry('application/vnd.example.thing', '4'),
  ],
};
const without = (value: object, name: string): object =>
  Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));

describe('viewManifest', () => {
  test.each([
    [OCI_MANIFEST, image],
    [OCI_MANIFEST, without(image, 'mediaType')],
    [`${OCI_MANIFEST}; charset=utf-8`, image],
    [DOCKER_MANIFEST, docker],
  ])('sees config and layers in order, repeats included: %s', (mediaType, document) => {
    const view = viewManifest(json(document), mediaType);
    expect(view.kind).toBe('image');
    const { config: first, layers } = document as typeof image;
    expect(blobsOf(view)).toEqual([first, ...layers]);
    expect(childrenOf(view)).toEqual([]);
  });

  test.each([
    [OCI_INDEX, index],
    [OCI_INDEX, without(index, 'mediaType')],
    [DOCKER_LIST, list],
  ])('sees the entries of an index, unknown types too: %s', (mediaType, document) => {
    const view = viewManifest(json(document), mediaType);
    expect(view.kind).toBe('index');
    expect(childrenOf(view)).toEqual(index.manifests);
    expect(blobsOf(view)).toEqual([]);
  });

  test('sees the layers and configurations that an index lists as its blobs', () => {
    const view = viewManifest(json(cache), OCI_INDEX);
    const [layerOf, manifest, cacheConfig, unknown] = cache.manifests;
    expect(blobsOf(view)).toEqual([layerOf, cacheConfig]);
    expect(childrenOf(view)).toEqual([manifest, unknown]);
  });

  test.each([
    ['a layer with Digest beside digest', { ...layer, Digest: config.digest }, 'layers[0]'],
    ['a layer with Size', { ...without(layer, 'size'), Size: 3 }, 'layers[0]'],
    ['a layer with MEDIATYPE', { ...layer, MEDIATYPE: OCI_CONFIG }, 'layers[0]'],
    ['a layer with URLs', { ...layer, URLs: ['https://example.com'] }, 'layers[0]'],
    ['a layer with Data', { ...layer, Data: 'e30=' }, 'layers[0]'],
    ['a layer with a Platform', { ...layer, Platform: { os: 'linux' } }, 'layers[0]'],
    ['a platform with OS', { ...layer, platform: { os: 'linux', OS: 'x' } }, 'layers[0].platform'],
    ['a platform with OS.version', { ...layer, platform: { 'OS.version': '1' } }, 'layers[0].platform'],
  ])('refuses %s, and says where', (_, wrong, where) => {
    const error = refusal(() => viewManifest(json({ ...image, layers: [wrong] }), OCI_MANIFEST));
    expect(error.code).toBe('E_MANIFEST');
    expect(error.message).toContain(`${where} has "`);
  });

  test('refuses other letter case in config, subject, blobs and the entries of an index', () => {
    const wrong = { ...layer, DIGEST: config.digest };
    const outcomes = [
      outcome(() => viewManifest(json({ ...image, config: wrong }), OCI_MANIFEST)),
      outcome(() => viewManifest(json({ ...image, subject: wrong }), OCI_MANIFEST)),
      outcome(() => viewManifest(json({ mediaType: OCI_ARTIFACT, blobs: [wrong] }), OCI_ARTIFACT)),
      outcome(() => viewManifest(json({ ...index, manifests: [wrong] }), OCI_INDEX)),
      outcome(() => viewManifest(json({ ...image, Subject: layer }), OCI_MANIFEST)),
    ];
    expect(outcomes).toEqual(Array<string>(5).fill('E_MANIFEST'));
  });

  test('lets the keys of annotations be written as their makers like', () => {
    const annotations = { Digest: 'a', digest: 'b', Layers: 'c', layers: 'd' };
    const document = { ...image, annotations, layers: [{ ...layer, annotations }] };
    expect(viewManifest(json(document), OCI_MANIFEST).kind).toBe('image');
  });

  test.each([OCI_ARTIFACT, ORAS_ARTIFACT])('sees the blobs and the subject of %s', (mediaType) => {
    const subject = entry(OCI_MANIFEST);
    const document = { mediaType, artifactType: 'application/sbom', blobs: [layer], subject };
    expect(viewManifest(json(document), mediaType)).toEqual({
      kind: 'artifact',
      blobs: [layer],
      subject,
      artifactType: 'application/sbom',
    });
    expect(blobsOf(viewManifest(json({ mediaType }), mediaType))).toEqual([]);
  });

  test('keeps subject and artifactType of images and indexes', () => {
    const more = { subject: entry(OCI_MANIFEST), artifactType: 'application/x' };
    expect(viewManifest(json({ ...image, ...more }), OCI_MANIFEST)).toMatchObject(more);
    expect(viewManifest(json({ ...index, ...more }), OCI_INDEX)).toMatchObject(more);
  });

  test('takes the empty configuration for a blob like any other', () => {
    const empty = { mediaType: OCI_EMPTY, digest: digestOf(Buffer.from('{}')), size: 2, data: 'e30=' };
    const view = viewManifest(json({ ...image, config: empty, layers: [empty] }), OCI_MANIFEST);
    expect(blobsOf(view)).toEqual([without(empty, 'data'), without(empty, 'data')]);
  });

  test.each([[[]], [null], [undefined]])('takes layers of %j for none', (layers) => {
    expect(blobsOf(viewManifest(json({ ...image, layers }), OCI_MANIFEST))).toEqual([config]);
  });

  test('takes an empty index', () => {
    expect(childrenOf(viewManifest(json({ ...index, manifests: [] }), OCI_INDEX))).toEqual([]);
  });

  test.each(['text/plain', 'application/json', 'application/vnd.example.thing+json', 'nonsense', ''])(
    'does not look into bytes of type %j',
    (mediaType) => {
      const view = viewManifest(Buffer.from('\ufeff{not json'), mediaType);
      expect(view).toEqual({ kind: 'opaque' });
      expect([...childrenOf(view), ...blobsOf(view)]).toEqual([]);
    },
  );

  test.each([SCHEMA1, SCHEMA1_SIGNED])('refuses %s and says why', (mediaType) => {
    const error = refusal(() => viewManifest(Buffer.from('{}'), mediaType));
    expect(error.code).toBe('E_SCHEMA1');
    expect(error.message).toContain('rebuild');
  });

  test.each([
    ['an index with layers', OCI_INDEX, { ...index, layers: [layer] }],
    ['an index with config', OCI_INDEX, { ...index, config }],
    ['an index with fsLayers', DOCKER_LIST, { ...list, fsLayers: [] }],
    ['an image with manifests', OCI_MANIFEST, { ...image, manifests: index.manifests }],
    ['an image with an empty list of manifests', OCI_MANIFEST, { ...image, manifests: [] }],
    ['an image with fsLayers', DOCKER_MANIFEST, { ...docker, fsLayers: [{ blobSum: config.digest }] }],
    ['an artifact with layers', OCI_ARTIFACT, { mediaType: OCI_ARTIFACT, blobs: [], layers: [layer] }],
    ['an image with Manifests', OCI_MANIFEST, { ...image, Manifests: index.manifests }],
    ['an image with MANIFESTS', OCI_MANIFEST, { ...image, MANIFESTS: index.manifests }],
    ['an image with manifeſts', OCI_MANIFEST, { ...image, 'manife\u017fts': index.manifests }],
    ['an image with Layers beside layers', OCI_MANIFEST, { ...image, Layers: [] }],
    ['an index with fslayers', OCI_INDEX, { ...index, fslayers: [] }],
    ['an index with Config', OCI_INDEX, { ...index, Config: config }],
    ['an image with MediaType', OCI_MANIFEST, { ...without(image, 'mediaType'), MediaType: OCI_INDEX }],
    ['an image that calls itself an index', OCI_MANIFEST, { ...image, mediaType: OCI_INDEX }],
    ['an index that calls itself an image', OCI_INDEX, { ...index, mediaType: DOCKER_MANIFEST }],
    ['an image that calls itself schema 1', OCI_MANIFEST, { ...image, mediaType: SCHEMA1 }],
    ['an index announced as an image', OCI_MANIFEST, without(index, 'mediaType')],
    ['an image announced as an index', OCI_INDEX, without(image, 'mediaType')],
    ['an index of nothing', OCI_INDEX, {}],
    ['an image of nothing', OCI_MANIFEST, {}],
    ['an image without config', OCI_MANIFEST, without(image, 'config')],
    ['a config that is a list', OCI_MANIFEST, { ...image, config: [config] }],
    ['layers that are an object', OCI_MANIFEST, { ...image, layers: { 0: layer } }],
    ['a layer that is null', OCI_MANIFEST, { ...image, layers: [null] }],
    ['a mediaType that is a number', OCI_MANIFEST, { ...image, mediaType: 1 }],
    ['a subject that is text', OCI_MANIFEST, { ...image, subject: 'x' }],
    ['a list', OCI_MANIFEST, [image]],
    ['null', OCI_MANIFEST, null],
  ])('refuses %s', (_, mediaType, document) => {
    expect(outcome(() => viewManifest(json(document), mediaType))).toBe('E_MANIFEST');
  });

  test('does not mind unknown members, empty values of foreign ones, or a mediaType nobody knows', () => {
    const odd = {
      ...image,
      mediaType: 'application/vnd.example+json',
      future: { layers: [1] },
      manifests: null,
    };
    expect(viewManifest(json(odd), OCI_MANIFEST).kind).toBe('image');
  });

  test('names the descriptor that is wrong', () => {
    const bad = { ...image, layers: [layer, { ...layer, size: -1 }] };
    expect(refusal(() => viewManifest(json(bad), OCI_MANIFEST)).message).toContain('layers[1]');
    const unknown = { ...layer, digest: `blake3:${'a'.repeat(64)}` };
    expect(outcome(() => viewManifest(json({ ...image, layers: [unknown] }), OCI_MANIFEST))).toBe(
      'E_ALGORITHM',
    );
  });

  test('takes as many descriptors as the limit allows and not one more', () => {
    const layers = (count: number): Buffer => json({ ...image, layers: Array<object>(count).fill(layer) });
    const manifests = (count: number): Buffer =>
      json({ ...index, manifests: Array<object>(count).fill(entry(OCI_MANIFEST)) });
    expect(blobsOf(viewManifest(layers(DESCRIPTORS - 1), OCI_MANIFEST))).toHaveLength(DESCRIPTORS);
    expect(outcome(() => viewManifest(layers(DESCRIPTORS), OCI_MANIFEST))).toBe('E_LIMIT');
    expect(childrenOf(viewManifest(manifests(DESCRIPTORS), OCI_INDEX))).toHaveLength(DESCRIPTORS);
    expect(outcome(() => viewManifest(manifests(DESCRIPTORS + 1), OCI_INDEX))).toBe('E_LIMIT');
  });

  test('refuses a byte order mark, broken JSON and towers of brackets', () => {
    for (const text of [`\ufeff${JSON.stringify(image)}`, '{', `{"a":${'['.repeat(100_000)}`]) {
      expect(outcome(() => viewManifest(Buffer.from(text), OCI_MANIFEST))).toBe('E_MANIFEST');
    }
  });
});

describe('whatever the bytes are', () => {
  const types = fc.constantFrom(
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_ARTIFACT,
    ORAS_ARTIFACT,
    SCHEMA1,
    SCHEMA1_SIGNED,
    'text/plain',
  );
  const member = fc.oneof(
    fc.jsonValue(),
    types,
    fc.constantFrom<unknown>(1, 2, config, [layer], index.manifests, [
      { ...layer, digest: `md5:${'a'.repeat(32)}` },
    ]),
  );
  const nearly = fc.dictionary(
    fc.constantFrom(
      'schemaVersion',
      'mediaType',
      'manifests',
      'config',
      'layers',
      'fsLayers',
      'blobs',
      'subject',
      'Config',
    ),
    member,
  );
  const bytes = fc.oneof(
    nearly.map(json),
    fc.jsonValue().map(json),
    fc.uint8Array(),
    anyText.map((text) => Buffer.from(text)),
  );
  const expected = ['ok', 'E_MANIFEST', 'E_ALGORITHM', 'E_LIMIT', 'E_SCHEMA1'];

  test('no untyped error comes out', () => {
    fc.assert(
      fc.property(bytes, fc.oneof(types, anyText), (document, type) => {
        expect(expected).toContain(outcome(() => viewManifest(document, type)));
        expect(expected).toContain(outcome(() => detectMediaType(document, type)));
        expect(expected).toContain(outcome(() => detectMediaType(document)));
      }),
      { numRuns: 500 },
    );
  });

  test('a detected type is one that the view agrees with, or refuses', () => {
    fc.assert(
      fc.property(bytes, types, (document, type) => {
        const isSound = outcome(() => detectMediaType(document, type)) === 'ok';
        const detected = isSound ? detectMediaType(document, type) : undefined;
        fc.pre(detected !== undefined);
        if (outcome(() => viewManifest(document, detected)) !== 'ok') return;
        const { kind } = viewManifest(document, detected);
        expect(kind === 'index').toBe(detected === OCI_INDEX || detected === DOCKER_LIST);
      }),
    );
  });
});
