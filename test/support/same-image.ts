import { expect } from 'vitest';

import type { ContentSource } from '../../src/content/store.js';
import { readAll } from '../../src/content/verify.js';
import type { FixtureImage } from './fixtures.js';

/** Checks that a store holds all of an image byte for byte, each manifest under its own media type. */
export async function expectSame(store: ContentSource, image: FixtureImage, tag?: string): Promise<void> {
  if (tag !== undefined) {
    const root = await store.fetch({ tag });
    expect(root.descriptor.digest).toBe(image.root.descriptor.digest);
    expect(root.descriptor.mediaType).toBe(image.root.descriptor.mediaType);
  }
  for (const { descriptor, bytes } of image.manifests) {
    const { digest, size } = descriptor;
    const found = await store.fetch({ digest, size });
    expect(found.bytes.equals(bytes), `bytes of ${digest}`).toBe(true);
    expect(found.descriptor.mediaType).toBe(descriptor.mediaType);
  }
  for (const [digest, bytes] of image.blobs) {
    const descriptor = { mediaType: 'application/octet-stream', digest, size: bytes.length };
    const found = await readAll(await store.open(descriptor), bytes.length);
    expect(found.equals(bytes), `bytes of ${digest}`).toBe(true);
  }
}
