import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import type { Digest } from '../../../src/spec/digest.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';
import type { TestRegistry } from '../../support/registry.js';
import { errorCodes } from './answer.js';

let registry: TestRegistry;
beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(() => registry.close());

const absent = digestOf(Buffer.from('absent'));

describe('the base of the API', () => {
  it('answers GET /v2/ with 200', async () => {
    const answer = await fetch(`${registry.url}/v2/`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  });

  it.each([
    ['GET', '/', 404, 'UNSUPPORTED'],
    ['GET', '/v1/', 404, 'UNSUPPORTED'],
    ['GET', '/v2/app', 404, 'UNSUPPORTED'],
    ['POST', '/v2/', 405, 'UNSUPPORTED'],
    ['PUT', `/v2/app/blobs/${absent}`, 405, 'UNSUPPORTED'],
    ['GET', '/v2/App/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v2/a..b/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v2/a%00/manifests/x', 400, 'NAME_INVALID'],
    ['GET', '/v2/a%zz/manifests/x', 400, 'NAME_INVALID'],
    ['GET', `/v2/${'a'.repeat(256)}/manifests/x`, 400, 'NAME_INVALID'],
    ['GET', '/v2/app/manifests/x', 404, 'NAME_UNKNOWN'],
    ['GET', `/v2/app/blobs/${absent}`, 404, 'NAME_UNKNOWN'],
    ['GET', '/v2/app/tags/list', 404, 'NAME_UNKNOWN'],
  ])('answers %s %s with %i %s', async (method, path, status, code) => {
    const answer = await fetch(`${registry.url}${path}`, { method });
    expect(answer.status).toBe(status);
    expect(await errorCodes(answer)).toEqual([code]);
  });
});

describe('a manifest', () => {
  const image = imageManifest({ style: 'tabs' });
  const { bytes, descriptor } = image.root;
  beforeEach(() => seed(registry.store('team/app'), image, 'v1'));
  const at = (reference: string): string => `${registry.url}/v2/team/app/manifests/${reference}`;

  it.each(['v1', descriptor.digest, descriptor.digest.replace(':', '%3A')])(
    'comes back by %s with its bytes and its type',
    async (reference) => {
      const answer = await fetch(at(reference));
      expect(answer.status).toBe(200);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
      expect(answer.headers.get('content-type')).toBe(descriptor.mediaType);
      expect(answer.headers.get('docker-content-digest')).toBe(descriptor.digest);
      expect(answer.headers.get('content-length')).toBe(String(bytes.length));
    },
  );

  it('tells the same by HEAD, without its bytes', async () => {
    const answer = await fetch(at('v1'), { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(descriptor.mediaType);
    expect(answer.headers.get('docker-content-digest')).toBe(descriptor.digest);
    expect(answer.headers.get('content-length')).toBe(String(bytes.length));
    expect(registry.log.at(-1)?.bytesOut).toBe(0);
  });

  it('is not converted to what Accept names', async () => {
    const answer = await fetch(at('v1'), { headers: { accept: 'application/json' } });
    expect(answer.headers.get('content-type')).toBe(descriptor.mediaType);
  });

  it('is not sent again to a client that has it', async () => {
    const answer = await fetch(at('v1'), { headers: { 'if-none-match': `"${descriptor.digest}"` } });
    expect(answer.status).toBe(304);
  });

  it.each(['v2', absent, '.INVALID', 'sha256:abc'])('is not there as %s', async (reference) => {
    const answer = await fetch(at(reference));
    expect(answer.status).toBe(404);
    expect(await errorCodes(answer)).toEqual(['MANIFEST_UNKNOWN']);
  });
});

describe('a blob', () => {
  const bytes = blob(2_048, 1);
  let digest: Digest;
  beforeEach(() => {
    digest = registry.store('app').putBytes(bytes);
  });
  const get = (headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${registry.url}/v2/app/blobs/${digest}`, { headers });

  it('comes whole', async () => {
    const answer = await get();
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    expect(answer.headers.get('docker-content-digest')).toBe(digest);
    expect(answer.headers.get('content-length')).toBe('2048');
    expect(answer.headers.get('accept-ranges')).toBe('bytes');
  });

  it('tells its size by HEAD, whatever range is asked for', async () => {
    const answer = await fetch(`${registry.url}/v2/app/blobs/${digest}`, {
      method: 'HEAD',
      headers: { range: 'bytes=1-2' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe('2048');
    expect(registry.log.at(-1)?.bytesOut).toBe(0);
  });

  it.each([
    ['bytes=500-1499', 500, 1_500],
    ['bytes=500-', 500, 2_048],
    ['bytes=-500', 1_548, 2_048],
    ['bytes=-5000', 0, 2_048],
    ['bytes=2000-5000', 2_000, 2_048],
    ['bytes=2047-', 2_047, 2_048],
    ['bytes=0-0', 0, 1],
  ])('comes in part for %s', async (range, start, end) => {
    const answer = await get({ range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/2048`);
    expect(answer.headers.get('content-length')).toBe(String(end - start));
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes.subarray(start, end));
  });

  it.each(['bytes=2048-', 'bytes=5000-10000', 'bytes=500-0', 'bytes=-0'])(
    'has nothing for %s',
    async (range) => {
      const answer = await get({ range });
      expect(answer.status).toBe(416);
      expect(answer.headers.get('content-range')).toBe('bytes */2048');
      expect(await errorCodes(answer)).toEqual(['RANGE_INVALID']);
    },
  );

  it.each(['bytes=0-1,4-5', 'chunks=0-1', 'bytes=a-b', 'bytes=-', 'bytes'])(
    'comes whole for %s',
    async (range) => {
      const answer = await get({ range });
      expect(answer.status).toBe(200);
      expect((await answer.arrayBuffer()).byteLength).toBe(2_048);
    },
  );

  it('can have no bytes', async () => {
    digest = registry.store('app').putBytes(Buffer.alloc(0));
    const answer = await get();
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '0']);
    expect((await get({ range: 'bytes=0-' })).status).toBe(416);
  });

  it('can have a sha512 digest', async () => {
    digest = registry.store('app').putBytes(bytes, 'sha512');
    expect(Buffer.from(await (await get()).arrayBuffer())).toEqual(bytes);
  });

  it.each([
    [absent, 404, 'BLOB_UNKNOWN'],
    ['sha256:abc', 400, 'DIGEST_INVALID'],
    [absent.toUpperCase(), 400, 'DIGEST_INVALID'],
    [`blake3:${'0'.repeat(64)}`, 400, 'DIGEST_INVALID'],
  ])('is not there as %s', async (other, status, code) => {
    const answer = await fetch(`${registry.url}/v2/app/blobs/${other}`);
    expect(answer.status).toBe(status);
    expect(await errorCodes(answer)).toEqual([code]);
  });

  it('of several megabytes waits for a slow reader', async () => {
    const large = blob(8_000_000, 2);
    digest = registry.store('app').putBytes(large);
    const answer = await get();
    const chunks: Uint8Array[] = [];
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(digestOf(Buffer.concat(chunks))).toBe(digest);
  });
});
