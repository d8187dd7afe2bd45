import { describe, expect, it } from 'vitest';

import { RememberedManifests } from '../../../src/copy/remembered-manifests.js';
import { RegferryError } from '../../../src/errors.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { Names, recordedStore, started, type Overrides, type RecordedStore } from './recorded-store.js';

const image = imageManifest({ layers: [blob(10, 1)] });
const images = [image, ...[2, 3].map((at) => imageManifest({ layers: [blob(10, at)] }))];

async function sourceOf(overrides?: Overrides): Promise<RecordedStore> {
  const names = new Names();
  for (const [at, image] of images.entries()) names.image(image, `${at} `);
  const source = recordedStore(names, {}, overrides);
  for (const [at, image] of images.entries()) await seed(source.memory, image, `t${at}`);
  await seed(source.memory, image, 'again');
  return source;
}

/** A source whose first answer to a GET is a failure. */
function busyOnce(): Promise<RecordedStore> {
  let failures = 1;
  return sourceOf((memory) => ({
    fetch: (key, op) => {
      failures -= 1;
      const error = new RegferryError('E_UNAVAILABLE', 'busy');
      return failures >= 0 ? Promise.reject(error) : memory.fetch(key, op);
    },
  }));
}

describe('a source that remembers manifests', () => {
  it('reads a tag by the digest that was asked for, and each digest once', async () => {
    const source = await sourceOf();
    const remembered = new RememberedManifests(source);
    const [first, again] = await Promise.all(
      ['t0', 'again'].map(async (tag) => {
        await remembered.resolve({ tag });
        return remembered.fetch({ tag });
      }),
    );
    expect(first).toBe(again);
    expect(first?.bytes).toEqual(image.root.bytes);
    expect(started(source)).toEqual(['resolve :t0', 'resolve :again', 'fetch 0 root']);
  });

  it('asks again for a tag that was read since', async () => {
    const source = await sourceOf();
    const remembered = new RememberedManifests(source);
    await remembered.resolve({ tag: 't0' });
    await remembered.fetch({ tag: 't0' });
    await remembered.fetch({ tag: 't0' });
    expect(started(source).at(-1)).toBe('fetch :t0');
  });

  it('keeps the latest, up to a limit', async () => {
    const source = await sourceOf();
    const digests = images.map(({ root }) => root.descriptor.digest);
    const limit = images.slice(0, 2).reduce((sum, { root }) => sum + root.bytes.length, 0);
    const remembered = new RememberedManifests(source, limit);
    for (const at of [0, 1, 0, 2, 0, 1])
      await remembered.fetch({ digest: digests[at] ?? image.root.descriptor.digest });
    expect(started(source)).toEqual(['fetch 0 root', 'fetch 1 root', 'fetch 2 root', 'fetch 1 root']);
  });

  it('does not remember a failure, or the answer to another question', async () => {
    const source = await busyOnce();
    const remembered = new RememberedManifests(source);
    const { digest, size } = image.root.descriptor;
    await expect(remembered.fetch({ digest, size })).rejects.toThrow('busy');
    await remembered.fetch({ digest, size });
    await expect(remembered.fetch({ digest, size: size + 1 })).rejects.toMatchObject({
      code: 'E_SIZE_MISMATCH',
    });
  });

  it('lets those who waited for a reading that failed fail with it, and the next one read', async () => {
    const source = await busyOnce();
    const remembered = new RememberedManifests(source);
    const { digest } = image.root.descriptor;
    const waiting = Array.from({ length: 5 }, () => remembered.fetch({ digest }));
    for (const { status } of await Promise.allSettled(waiting)) expect(status).toBe('rejected');
    expect(started(source)).toEqual(['fetch 0 root']);
    await remembered.fetch({ digest });
  });

  it('is otherwise the source', async () => {
    const source = await sourceOf(() => ({ metered: true }));
    const remembered = new RememberedManifests(source);
    expect([remembered.place, remembered.metered, String(remembered)]).toEqual([
      ...[source.place, true, String(source)],
    ]);
    const tags: string[] = [];
    for await (const tag of remembered.tags()) tags.push(tag);
    expect(tags).toEqual(['t0', 't1', 't2', 'again']);
    remembered.prepare(1);
    const [[digest, bytes] = []] = image.blobs;
    if (digest === undefined || bytes === undefined) throw new Error('an image has blobs');
    const mediaType = 'application/octet-stream';
    const stream = await remembered.open({ mediaType, digest, size: bytes.length });
    expect(Buffer.concat((await stream.toArray()) as Buffer[])).toEqual(bytes);
  });
});
