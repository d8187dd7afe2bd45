import { describe, expect, test } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { callsItself, detectMediaType, typeOf, whyNoManifest } from '../../../src/spec/manifest-type.js';
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  ORAS_ARTIFACT,
  SCHEMA1,
  SCHEMA1_SIGNED,
} from '../../../src/spec/media-types.js';
import { outcome } from './outcome.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const entry = (mediaType: string) => ({ mediaType, digest: digestOf(Buffer.from(mediaType)), size: 3 });
const without = (value: object, ...names: string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([key]) => !names.includes(key)));

const image = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: entry(OCI_CONFIG),
  layers: [entry(OCI_LAYER_GZIP)],
};
const docker = {
  schemaVersion: 2,
  mediaType: DOCKER_MANIFEST,
  config: entry(DOCKER_CONFIG),
  layers: [entry(DOCKER_LAYER_GZIP)],
};
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry(OCI_MANIFEST)] };
const list = { ...index, mediaType: DOCKER_LIST };

describe('what a manifest is', () => {
  test.each([
    ['its field', undefined, list, DOCKER_LIST],
    ['its field, against text/plain', 'text/plain', docker, DOCKER_MANIFEST],
    ['its field, against text/html', 'text/html', docker, DOCKER_MANIFEST],
    ['its field, against application/xml', 'application/xml', image, OCI_MANIFEST],
    ['its field, against application/x-json', 'application/x-json', index, OCI_INDEX],
    ['its field, against a type nobody knows', 'application/vnd.example+json', image, OCI_MANIFEST],
    ['its field, against what is no type', 'nonsense', image, OCI_MANIFEST],
    ['its field, against another of its kind', OCI_MANIFEST, docker, DOCKER_MANIFEST],
    ['its field, against another kind', OCI_MANIFEST, index, OCI_INDEX],
    ['its field, against schema 1', SCHEMA1, image, OCI_MANIFEST],
    ['the field of an artifact', 'application/octet-stream', { mediaType: ORAS_ARTIFACT }, ORAS_ARTIFACT],
    ['the form of an index', undefined, without(list, 'mediaType'), OCI_INDEX],
    ['the form of an image', undefined, without(image, 'mediaType'), OCI_MANIFEST],
    ['the form of a Docker image', undefined, without(docker, 'mediaType'), DOCKER_MANIFEST],
    ['the form of an image, against another kind', OCI_INDEX, without(image, 'mediaType'), OCI_MANIFEST],
    ['the form of an index, against another kind', OCI_MANIFEST, without(index, 'mediaType'), OCI_INDEX],
    ['the form of schema 1', undefined, { schemaVersion: 1, fsLayers: [] }, SCHEMA1],
    ['the form of signed schema 1', undefined, { schemaVersion: 1, signatures: [{}] }, SCHEMA1_SIGNED],
    ['the form of an artifact', undefined, { blobs: [entry('text/plain')] }, OCI_ARTIFACT],
    ['its form without a version', undefined, without(image, 'mediaType', 'schemaVersion'), OCI_MANIFEST],
    ['its form beside a field nobody knows', undefined, { ...image, mediaType: 'a/b' }, OCI_MANIFEST],
    [
      'a label of its kind where it has no field',
      DOCKER_MANIFEST,
      without(image, 'mediaType'),
      DOCKER_MANIFEST,
    ],
    [
      'such a label with parameters',
      `${DOCKER_LIST}; charset=utf-8`,
      without(index, 'mediaType'),
      DOCKER_LIST,
    ],
    ['such a label in capitals', DOCKER_LIST.toUpperCase(), without(index, 'mediaType'), DOCKER_LIST],
  ])('is told by %s', (_, label, document, type) => {
    expect(detectMediaType(json(document), label)).toBe(type);
  });

  test.each([
    [{}, 'neither the mediaType nor the form'],
    [{ schemaVersion: 2 }, 'neither'],
    [{ schemaVersion: 2, manifests: {} }, 'neither'],
    [{ schemaVersion: 1 }, 'neither'],
    [{ schemaVersion: 3, manifests: [] }, 'neither'],
    [{ manifests: [{ name: 'x' }] }, 'neither'],
    [{ config: { Env: [] }, layers: [] }, 'neither'],
    [{ layers: [entry(OCI_LAYER_GZIP)], records: [] }, 'neither'],
    [{ errors: [] }, 'neither'],
    [[], 'no object'],
    [null, 'no object'],
    [1, 'no object'],
  ])('is nothing for %j, whatever it is called', (document, why) => {
    expect(detectMediaType(json(document), OCI_MANIFEST)).toBeUndefined();
    expect(whyNoManifest(json(document))).toContain(why);
  });

  test.each([
    ['', 'empty'],
    ['<html><title>Log in</title></html>', 'no JSON'],
    ['\ufeff{}', 'byte order mark'],
    [`{"a":${'['.repeat(100_000)}`, 'nests deeper'],
  ])('is nothing for the text %j', (text, why) => {
    expect(detectMediaType(Buffer.from(text), OCI_MANIFEST)).toBeUndefined();
    expect(whyNoManifest(Buffer.from(text))).toContain(why);
  });

  test('is nothing for bytes that are no text', () => {
    expect(whyNoManifest(Buffer.from([0x1f, 0x8b, 0xff, 0]))).toBe('it is not text');
  });

  test.each([
    ['mediatype', { ...without(image, 'mediaType'), mediatype: OCI_INDEX }],
    ['Manifests', { ...image, Manifests: [] }],
    ['SchemaVersion alone', { SchemaVersion: 2, Manifests: [entry(OCI_MANIFEST)] }],
    ['layerſ', { ...image, 'layer\u017f': [] }],
  ])('is refused where some programs read another one, by %s', (_, document) => {
    expect(outcome(() => detectMediaType(json(document), 'application/octet-stream'))).toBe('E_MANIFEST');
  });
});

describe('what an index lists under a type that nobody knows', () => {
  test('keeps that type where it is no manifest, and is one where it is', () => {
    const type = 'application/vnd.example.thing';
    expect(typeOf(Buffer.from('anything'), type)).toBe(type);
    expect(typeOf(json(image), type)).toBe(OCI_MANIFEST);
    expect(typeOf(Buffer.from('anything'), OCI_MANIFEST)).toBeUndefined();
    expect(typeOf(Buffer.from('anything'), undefined, type)).toBeUndefined();
  });

  test('may call itself by it', () => {
    const type = 'application/vnd.example.thing+json';
    expect(callsItself(json({ mediaType: type }), type)).toBe(true);
    expect(callsItself(json({ mediaType: 'a/b' }), type)).toBe(false);
    expect(callsItself(Buffer.from('anything'), type)).toBe(false);
  });
});
