import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { DESCRIPTORS } from '../../../src/spec/limits.js';
import { blobsOf, childrenOf, detectMediaType, viewManifest } from '../../../src/spec/manifest.js';
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
      json({ ...index, manifests: Array<object>(count).fill(layer) });
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

describe('detectMediaType', () => {
  test.each([
    ['the Content-Type', OCI_MANIFEST, without(image, 'mediaType'), OCI_MANIFEST],
    ['a Content-Type with parameters', `${OCI_INDEX}; charset=utf-8`, index, OCI_INDEX],
    ['a Content-Type in capitals', OCI_INDEX.toUpperCase(), index, OCI_INDEX],
    ['the field, without a Content-Type', undefined, list, DOCKER_LIST],
    ['the field, against text/plain', 'text/plain', docker, DOCKER_MANIFEST],
    ['the field, against application/json', 'application/json; charset=utf-8', image, OCI_MANIFEST],
    ['the field of an artifact', 'application/octet-stream', { mediaType: ORAS_ARTIFACT }, ORAS_ARTIFACT],
    ['the shape of an index', undefined, without(list, 'mediaType'), OCI_INDEX],
    ['the shape of an image', undefined, without(image, 'mediaType'), OCI_MANIFEST],
    ['the shape of a Docker image', undefined, without(docker, 'mediaType'), DOCKER_MANIFEST],
    ['the shape of schema 1', undefined, { schemaVersion: 1, fsLayers: [] }, SCHEMA1],
    ['the shape of signed schema 1', undefined, { schemaVersion: 1, signatures: [{}] }, SCHEMA1_SIGNED],
    ['a field nobody knows, then the shape', undefined, { ...image, mediaType: 'a/b' }, OCI_MANIFEST],
    [
      'the Content-Type beside a field nobody knows',
      OCI_MANIFEST,
      { ...image, mediaType: 'a/b' },
      OCI_MANIFEST,
    ],
  ])('goes by %s', (_, contentType, document, type) => {
    expect(detectMediaType(json(document), contentType)).toBe(type);
  });

  test('returns a type that it does not know without looking at the bytes', () => {
    const type = 'application/vnd.example.thing.v1+json';
    expect(detectMediaType(Buffer.from('\u0000'), `${type}; v=1`)).toBe(type);
  });

  test.each([
    [OCI_MANIFEST, index],
    [OCI_INDEX, image],
    [DOCKER_MANIFEST, image],
    [OCI_MANIFEST, docker],
    [SCHEMA1, image],
  ])('refuses a Content-Type of %s that the field contradicts', (contentType, document) => {
    const error = refusal(() => detectMediaType(json(document), contentType));
    expect(error.code).toBe('E_MANIFEST');
    expect(error.message).toContain(contentType);
    expect(error.message).toContain(document.mediaType);
  });

  test.each([
    {},
    { schemaVersion: 2 },
    { schemaVersion: 2, manifests: {} },
    { schemaVersion: 3 },
    { errors: [] },
    [],
    null,
    1,
  ])('refuses %j when nothing else says what it is', (document) => {
    expect(outcome(() => detectMediaType(json(document), 'application/json'))).toBe('E_MANIFEST');
  });

  test('refuses a member that Go would read as mediaType', () => {
    const document = { ...without(image, 'mediaType'), mediatype: OCI_INDEX };
    expect(outcome(() => detectMediaType(json(document), OCI_MANIFEST))).toBe('E_MANIFEST');
  });

  test('refuses what is no JSON when nothing says what it is', () => {
    expect(outcome(() => detectMediaType(Buffer.from('ok'), 'text/plain'))).toBe('E_MANIFEST');
    expect(outcome(() => detectMediaType(Buffer.from(''), undefined))).toBe('E_MANIFEST');
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
        expect(expected).toContain(outcome(() => detectMediaType(document, undefined)));
      }),
      { numRuns: 500 },
    );
  });

  test('a detected type is one that the view agrees with, or refuses', () => {
    fc.assert(
      fc.property(bytes, types, (document, type) => {
        const detected =
          outcome(() => detectMediaType(document, type)) === 'ok'
            ? detectMediaType(document, type)
            : undefined;
        fc.pre(detected !== undefined);
        if (outcome(() => viewManifest(document, detected)) !== 'ok') return;
        const { kind } = viewManifest(document, detected);
        expect(kind === 'index').toBe(detected === OCI_INDEX || detected === DOCKER_LIST);
      }),
    );
  });
});
