import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import {
  blobPath,
  digestQuery,
  manifestPath,
  mountPath,
  tagsPath,
  uploadsPath,
} from '../../../src/registry/endpoints.js';
import type { Digest } from '../../../src/spec/digest.js';
import { outcome } from '../spec/outcome.js';

const digest = `sha256:${'0'.repeat(64)}`;
const long = `sha512:${'0'.repeat(128)}`;

/** As text that was never parsed gets here. */
const unparsed = (text: string): Digest => text as Digest;

const bad = [
  '',
  '..',
  '../x',
  '../../victim/manifests/latest',
  'x#y',
  'x?tag=latest',
  '..%2f',
  'x\ny',
  'x/../y',
  '/x',
];

describe('the paths of the API', () => {
  it('are those of the specification', () => {
    expect(manifestPath('team/app', { tag: 'v1' })).toBe('/v2/team/app/manifests/v1');
    expect(manifestPath('app', { digest: unparsed(digest) })).toBe(`/v2/app/manifests/${digest}`);
    expect(blobPath('app', digest)).toBe(`/v2/app/blobs/${digest}`);
    expect(uploadsPath('app', digest)).toBe('/v2/app/blobs/uploads/');
    expect(uploadsPath('app', long)).toBe('/v2/app/blobs/uploads/?digest-algorithm=sha512');
    expect(mountPath('app', digest, 'team/base')).toBe(
      `/v2/app/blobs/uploads/?mount=${digest}&from=team/base`,
    );
    expect(tagsPath('app', 100)).toBe('/v2/app/tags/list?n=100');
    expect(digestQuery(digest)).toBe(`digest=${digest}`);
  });

  it.each(bad)('are not made of %j', (text) => {
    const made = [
      () => manifestPath(text, { tag: 'v1' }),
      () => manifestPath('app', { tag: text }),
      () => manifestPath('app', { digest: unparsed(text) }),
      () => manifestPath('app', { digest: unparsed(`${digest}${text}/`) }),
      () => blobPath(text, digest),
      () => blobPath('app', text),
      () => uploadsPath(text, digest),
      () => uploadsPath('app', text),
      () => mountPath(text, digest, 'app'),
      () => mountPath('app', text, 'app'),
      () => mountPath('app', digest, text),
      () => tagsPath(text, 1),
      () => digestQuery(text),
    ];
    expect(made.map(outcome)).toEqual(made.map(() => 'E_REFERENCE'));
  });

  it('are spelled in one file alone', () => {
    const room = fileURLToPath(new URL('../../../src/registry', import.meta.url));
    const spelling = readdirSync(room).filter((file) => {
      return /\/v2\/\$|\/(?:manifests|blobs|tags)\//.test(readFileSync(join(room, file), 'utf8'));
    });
    expect(spelling).toEqual(['endpoints.ts']);
  });
});
