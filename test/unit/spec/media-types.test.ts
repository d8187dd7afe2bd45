import { describe, expect, test } from 'vitest';

import {
  cleanMediaType,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  isForeignLayerType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  MANIFEST_ACCEPT,
  OCI_ARTIFACT,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  ORAS_ARTIFACT,
  SCHEMA1,
  SCHEMA1_SIGNED,
} from '../../../src/spec/media-types.js';

const MANIFESTS = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  ORAS_ARTIFACT,
  SCHEMA1,
  SCHEMA1_SIGNED,
];

describe('media types', () => {
  test('one Accept value asks for everything in order of preference, without q values', () => {
    expect(MANIFEST_ACCEPT).toBe(
      'application/vnd.oci.image.index.v1+json, ' +
        'application/vnd.docker.distribution.manifest.list.v2+json, ' +
        'application/vnd.oci.image.manifest.v1+json, ' +
        'application/vnd.docker.distribution.manifest.v2+json, ' +
        'application/vnd.oci.artifact.manifest.v1+json, ' +
        'application/vnd.docker.distribution.manifest.v1+prettyjws, ' +
        'application/vnd.docker.distribution.manifest.v1+json',
    );
  });

  test('tell indexes, schema 1 and manifests apart', () => {
    expect(MANIFESTS.filter(isIndexType)).toEqual([OCI_INDEX, DOCKER_LIST]);
    expect(MANIFESTS.filter(isSchema1Type)).toEqual([SCHEMA1, SCHEMA1_SIGNED]);
    expect(MANIFESTS.filter(isManifestType)).toEqual(MANIFESTS);
    expect(isManifestType(OCI_CONFIG)).toBe(false);
  });

  test.each([
    ['application/vnd.docker.image.rootfs.foreign.diff.tar', true],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted', true],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', false],
    ['application/vnd.oci.image.layer.nondistributable.v1.tarball', false],
  ])('%s: foreign is %s', (mediaType, foreign) => {
    expect(isForeignLayerType(mediaType)).toBe(foreign);
  });

  test.each([
    [undefined, undefined],
    ['', undefined],
    ['application/json', undefined],
    ['application/json; charset=utf-8', undefined],
    ['text/plain', undefined],
    ['Application/Octet-Stream', undefined],
    ['no type', undefined],
    ['application/vnd.\u00e9', undefined],
    [`application/${'x'.repeat(1000)}`, undefined],
    [`${OCI_INDEX}; charset=utf-8`, OCI_INDEX],
    [` ${OCI_INDEX.toUpperCase()} `, OCI_INDEX],
    ['text/html;charset=utf-8', 'text/html'],
  ])('the Content-Type %j says %j', (header, type) => {
    expect(cleanMediaType(header)).toBe(type);
  });
});
