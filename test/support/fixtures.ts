import { Readable } from 'node:stream';

import type { ContentTarget } from '../../src/content/store.js';
import type { Digest } from '../../src/spec/digest.js';
import type { FixtureImage } from './fixtures/build.js';

export { blob, imageManifest, indexOf } from './fixtures/build.js';
export type { FixtureImage } from './fixtures/build.js';
export { fixtureImages, refusedByDistribution } from './fixtures/catalogue.js';

/** A repository for a fixture: its name, as far as repositories can have it. */
export function repositoryFor(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}

/** Puts an image into a store, children first; under a tag, or by digest alone. */
export async function seed(store: ContentTarget, image: FixtureImage, tag?: string): Promise<void> {
  for (const [digest, bytes] of image.blobs) {
    const descriptor = { mediaType: 'application/octet-stream', digest, size: bytes.length };
    await store.put(descriptor, () => Promise.resolve(Readable.from([bytes])));
  }
  for (const manifest of image.manifests) await store.putManifest(manifest);
  if (tag !== undefined) await store.tag(image.root, tag);
}

/**
 * Pushes an image to any registry with plain requests, the manifests byte for byte; under a tag, or by digest alone.
 * `baseUrl` is as in `http://127.0.0.1:5000`. Throws with status and body when something is refused.
 */
export async function seedHttp(
  baseUrl: string,
  repository: string,
  image: FixtureImage,
  tag?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const base = `${baseUrl}/v2/${repository}`;
  for (const [digest, bytes] of image.blobs) await pushBlob(base, digest, bytes, headers);
  for (const { descriptor, bytes } of image.manifests) {
    const reference = tag !== undefined && descriptor === image.root.descriptor ? tag : descriptor.digest;
    await send(`${base}/manifests/${reference}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': descriptor.mediaType },
      body: new Uint8Array(bytes),
    });
  }
}

async function pushBlob(
  base: string,
  digest: Digest,
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const opened = await send(`${base}/blobs/uploads/`, { method: 'POST', headers });
  const location = new URL(opened.headers.get('location') ?? '', base).href;
  await send(`${location}${location.includes('?') ? '&' : '?'}digest=${digest}`, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(bytes),
  });
}

async function send(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const body = await response.text();
  if (!response.ok) throw new Error(`${init.method ?? 'GET'} ${url}: ${response.status} ${body}`);
  return response;
}
