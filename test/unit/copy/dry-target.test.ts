import { describe, expect, it } from 'vitest';

import { DryTarget } from '../../../src/copy/dry-target.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { descriptorOf, read } from '../registry/open-repository.js';
import { Names, recordedStore, started } from './recorded-store.js';

const image = imageManifest({ layers: [blob(10, 1)] });
const there = descriptorOf(blob(10, 1));

async function dry() {
  const store = recordedStore(new Names(), { host: 'host', repository: 'app' });
  await seed(store.memory, image, '1');
  return { store, target: new DryTarget(store) };
}

describe('a target that is only asked', () => {
  it('answers as the real one does', async () => {
    const { store, target } = await dry();
    expect([target.place, target.metered, target.toString()]).toEqual([store.place, false, 'host/app']);
    expect(await target.resolve({ tag: '1' })).toEqual(image.root.descriptor);
    expect(await target.fetch({ tag: '1' })).toEqual(image.root);
    expect(await target.has(there)).toBe(true);
    expect(await read(await target.open(there))).toHaveLength(10);
    const tags: string[] = [];
    for await (const tag of target.tags()) tags.push(tag);
    expect(tags).toEqual(['1']);
  });

  it('takes every write and does none', async () => {
    const { store, target } = await dry();
    const open = (): Promise<never> => Promise.reject(new Error('opened'));
    expect(await target.put(there, open)).toBe('copied');
    expect(await target.put(there, open, { mountFrom: 'other' })).toBe('mounted');
    await target.putManifest();
    await target.tag();
    expect(started(store)).toEqual([]);
    expect([...store.memory.manifests()]).toHaveLength(1);
  });
});
