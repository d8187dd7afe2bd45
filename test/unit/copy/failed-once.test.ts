import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  Names,
  recordedStore,
  runTags,
  started,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

/** Tags that are under way at a time with one transfer at a time. */
const UNDER_WAY = 8;
const TAGS = 60;
const base = blob(2_000, 1);
const images = Array.from({ length: TAGS }, (_, at) =>
  imageManifest({ config: blob(50, 900 + at), layers: [base, blob(500, 10 + at)] }),
);
const lost = new RegferryError('E_NETWORK', 'lost');

async function sourceOf(all: readonly FixtureImage[], overrides?: Overrides): Promise<RecordedStore> {
  const names = new Names();
  names.give(digestOf(base), 'base');
  const source = recordedStore(names, { host: 'source' }, overrides);
  for (const [at, image] of all.entries()) await seed(source.memory, image, `t${at}`);
  return source;
}

describe('a failure that many tags could share', () => {
  it('of a blob is that of the tags that waited for it, not of those that began later', async () => {
    let failures = 1;
    const source = await sourceOf(images, (memory) => ({
      open: (descriptor, options) => {
        if (descriptor.digest !== digestOf(base) || failures === 0) return memory.open(descriptor, options);
        failures -= 1;
        return Promise.reject(lost);
      },
    }));
    const to = recordedStore(new Names(), { host: 'target' });
    const { targets } = await runTags({ source, targets: [{ store: to, name: 'to' }], concurrency: 1 });
    const failed = targets.filter(({ error }) => error !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThanOrEqual(UNDER_WAY);
    expect(targets.filter(({ verified }) => verified === 'bytes')).toHaveLength(TAGS - failed.length);
    expect(started(source).filter((call) => call === 'open base')).toHaveLength(2);
  });

  it('of a child manifest is that of the tags that waited for it as well', async () => {
    const shared = imageManifest({ layers: [blob(700, 5)] });
    const indexes = images.map((image) => indexOf([{ image: shared }, { image }]));
    const { digest } = shared.root.descriptor;
    let failures = 1;
    const source = await sourceOf(indexes);
    const to = recordedStore(new Names(), { host: 'target' }, (memory) => ({
      putManifest: (manifest, options) => {
        if (manifest.descriptor.digest !== digest || failures === 0)
          return memory.putManifest(manifest, options);
        failures -= 1;
        return Promise.reject(lost);
      },
    }));
    const { targets, events } = await runTags({
      source,
      targets: [{ store: to, name: 'to' }],
      concurrency: 1,
    });
    const failed = targets.filter(({ error }) => error !== undefined);
    expect(failed.length).toBeGreaterThan(0);
    expect(failed.length).toBeLessThanOrEqual(UNDER_WAY);
    expect(events.findLast(({ type }) => type === 'walked')).toMatchObject({ complete: true });
  });

  it('that lasts is tried once for those that are under way together, not once a tag', async () => {
    const source = await sourceOf(images, (memory) => ({
      open: (descriptor, options) => {
        return descriptor.digest === digestOf(base)
          ? Promise.reject(new RegferryError('E_NOT_FOUND', 'gone'))
          : memory.open(descriptor, options);
      },
    }));
    const to = recordedStore(new Names(), { host: 'target' });
    const { targets } = await runTags({ source, targets: [{ store: to, name: 'to' }] });
    expect(targets.every(({ error }) => error?.code === 'E_NOT_FOUND')).toBe(true);
    expect(started(source).filter((call) => call === 'open base').length).toBeLessThan(TAGS / 4);
  });
});
