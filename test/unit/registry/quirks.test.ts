import { describe, expect, it } from 'vitest';

import { quirksOf } from '../../../src/registry/quirks.js';

const MiB = 1024 * 1024;

describe('the quirks of a registry', () => {
  it.each([
    ['docker.io', { metered: true }],
    ['ghcr.io', { singlePut: true, patchBytes: 4 * MiB }],
    ['GHCR.io', { singlePut: true, patchBytes: 4 * MiB }],
    ['gcr.io', { singlePut: true }],
    ['eu.gcr.io', { singlePut: true }],
    ['europe-west1-docker.pkg.dev', { singlePut: true }],
    ['europe-west1-docker.pkg.dev:443', { singlePut: true }],
  ])('of %s are known by its host', (host, quirks) => {
    expect(quirksOf(host)).toEqual(quirks);
  });

  it.each([
    '123456789012.dkr.ecr.eu-central-1.amazonaws.com',
    '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
    '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn',
    '123456789012.dkr-ecr.us-east-1.on.aws',
  ])('of ECR are known at %s', (host) => {
    expect(quirksOf(host)).toEqual({
      singlePut: true,
      chunkMinimum: 5 * MiB,
      lastChunkInPut: true,
      seldomMounts: true,
    });
  });

  it.each([
    'ghcr.io.example.com',
    'notghcr.io',
    'xgcr.io',
    'docker.io.example.com',
    'docker.pkg.dev',
    'registry.example.com',
    'ghcr.io:5000',
    '123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.com',
    'localhost:5000',
  ])('of %s are none', (host) => {
    expect(quirksOf(host)).toEqual({});
  });
});
