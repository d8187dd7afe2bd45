import { Readable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { DryTarget } from '../../../src/copy/dry-target.js';
import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, indexOf, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  gate,
  Names,
  recordedStore,
  run,
  settled,
  started,
  target,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const names = new Names();
const layer = blob(200_000, 1);
const image = imageManifest({ layers: [layer, blob(3_000, 2)] });
const other = imageManifest({ layers: [blob(3_000, 3)] });
const index = indexOf([{ image }, { image: other }]);
names.image(index);
const digest = digestOf(layer);

async function sourceOf(root: FixtureImage, overrides?: Overrides): Promise<RecordedStore> {
  const source = recordedStore(names, { host: 'source', repository: 'app' }, overrides);
  await seed(source.memory, root, '1');
  return source;
}

function targetAt(overrides?: Overrides, host = 'target'): RecordedStore {
  return recordedStore(names, { host, repository: 'app' }, overrides);
}

const error = (code: ErrorCode, more = {}): RegferryError => new RegferryError(code, `failed: ${code}`, more);
const missing = error('E_REFUSED', { status: 400, registryCodes: ['MANIFEST_BLOB_UNKNOWN'] });
const invalid = error('E_REFUSED', { status: 400, registryCodes: ['MANIFEST_INVALID'] });

/** Asserts that a store is left alone from now on. */
async function expectQuiet(...stores: readonly RecordedStore[]): Promise<void> {
  const before = stores.map(({ calls }) => calls.length);
  await settled();
  expect(stores.map(({ calls }) => calls.length)).toEqual(before);
  for (const store of stores) {
    const begun = started(store).length;
    expect(store.calls.length - begun, 'all that began has ended').toBe(begun);
  }
}

describe('a source that fails', () => {
  it('at its root leaves every target alone', async () => {
    const source = await sourceOf(image, () => ({ fetch: () => Promise.reject(error('E_NOT_FOUND')) }));
    const to = targetAt();
    const outcome = await run({ source, targets: [target(to, '2')] });
    expect(outcome.error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(outcome.root).toBeUndefined();
    expect(outcome.targets).toMatchObject([{ reference: 'target/app:2', changed: false }]);
    expect(started(to)).toEqual(['resolve :2']);
    await expectQuiet(source, to);
  });

  it('at its root is reported only when nothing runs any more', async () => {
    const hold = gate();
    const source = await sourceOf(image, () => ({ fetch: () => Promise.reject(error('E_NOT_FOUND')) }));
    const to = targetAt(() => ({ resolve: () => hold.opened.then(() => undefined) }));
    let over = false;
    const running = run({ source, targets: [target(to, '2')] }).finally(() => (over = true));
    await settled();
    expect(over).toBe(false);
    hold.open();
    await running;
    await expectQuiet(source, to);
  });

  it('at its root gives up what is still asked elsewhere', async () => {
    const source = await sourceOf(image, () => ({ fetch: () => Promise.reject(error('E_NOT_FOUND')) }));
    const to = targetAt(() => ({
      resolve: (_key, { signal } = {}) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    }));
    const outcome = await run({ source, targets: [target(to, '2')] });
    expect(outcome.error?.code).toBe('E_NOT_FOUND');
    await expectQuiet(source, to);
  });

  it("at a child fails every target alike, with the source's name on it, and no tag is written", async () => {
    const hole = other.root.descriptor.digest;
    const source = await sourceOf(index, (memory) => ({
      fetch: (key, op) =>
        'digest' in key && key.digest === hole ? Promise.reject(error('E_NOT_FOUND')) : memory.fetch(key, op),
    }));
    const [a, b] = [targetAt(undefined, 'a'), targetAt(undefined, 'b')];
    const { targets } = await run({ source, targets: [target(a, '2'), target(b, '2')] });
    for (const report of targets) {
      expect(report).toMatchObject({ changed: false, error: { code: 'E_NOT_FOUND', side: 'source' } });
    }
    expect([a.memory.tagged('2'), b.memory.tagged('2')]).toEqual([undefined, undefined]);
    await expectQuiet(source, a, b);
  });

  it("in a blob ends the other transfers, and is the source's failure", async () => {
    const source = await sourceOf(image, (memory) => ({
      open: (descriptor, options) =>
        descriptor.digest === digest
          ? Promise.reject(error('E_NOT_FOUND'))
          : memory.open(descriptor, options),
    }));
    const to = targetAt();
    const { targets, events } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]?.error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'blob', digest, state: 'failed' }));
    expect(started(to)).not.toContain('tag 2');
    await expectQuiet(source, to);
  });

  it('in the middle of a blob is taken up again there', async () => {
    let opened = 0;
    const source = await sourceOf(image, (memory) => ({
      open: async (descriptor, options) => {
        const stream = await memory.open(descriptor, options);
        if (descriptor.digest !== digest || (opened += 1) > 1) return stream;
        return Readable.from(breaking(stream, 70_000), { objectMode: false });
      },
    }));
    const to = targetAt();
    const { targets, backoffs } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3 } });
    expect([opened, backoffs]).toEqual([2, [1]]);
  });

  it('with a wrong byte, once, is read again from the start', async () => {
    let opened = 0;
    const source = await sourceOf(image, (memory) => ({
      open: (descriptor, options) => {
        if (descriptor.digest !== digest || (opened += 1) > 1) return memory.open(descriptor, options);
        return Promise.resolve(Readable.from([Buffer.alloc(layer.length)], { objectMode: false }));
      },
    }));
    const to = targetAt();
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3 } });
    expect(opened).toBe(2);
  });

  it('with wrong bytes for ever writes no tag, and is blamed for them', async () => {
    const source = await sourceOf(image, (memory) => ({
      open: (descriptor, options) =>
        descriptor.digest === digest
          ? Promise.resolve(Readable.from([Buffer.alloc(layer.length)], { objectMode: false }))
          : memory.open(descriptor, options),
    }));
    const to = targetAt();
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]?.error).toMatchObject({ code: 'E_DIGEST_MISMATCH', side: 'source', digest });
    expect([to.memory.tagged('2'), to.memory.blob(digest)]).toEqual([undefined, undefined]);
  });

  it('with a tag that moves meanwhile gives what the tag was when it was read', async () => {
    const source = await sourceOf(index, (memory) => ({
      fetch: async (key, op) => {
        const manifest = await memory.fetch(key, op);
        await memory.tag(other.root, '1');
        return manifest;
      },
    }));
    const to = targetAt();
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]?.error).toBeUndefined();
    expect(to.memory.tagged('2')).toBe(index.root.descriptor.digest);
  });
});

describe('a target that fails', () => {
  it('at a blob ends its other transfers before the run is over', async () => {
    const hold = gate();
    const source = await sourceOf(image);
    const to = targetAt(() => ({
      put: (descriptor, _open, { signal } = {}) =>
        descriptor.digest === digest
          ? Promise.reject(error('E_DENIED'))
          : new Promise((_resolve, reject) => {
              signal?.addEventListener('abort', () => {
                void hold.opened.then(() => reject(signal.reason as Error));
              });
            }),
    }));
    let over = false;
    const running = run({ source, targets: [target(to, '2')] }).finally(() => (over = true));
    await settled();
    expect(over).toBe(false);
    hold.open();
    const { targets } = await running;
    expect(targets[0]?.error).toMatchObject({ code: 'E_DENIED', side: 'target' });
    await expectQuiet(source, to);
  });

  it('at its tag leaves it as it was', async () => {
    const source = await sourceOf(image);
    const to = targetAt(() => ({ tag: () => Promise.reject(error('E_UNAVAILABLE')) }));
    await to.memory.tag(other.root, '2');
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({
      changed: false,
      previous: other.root.descriptor.digest,
      error: { code: 'E_UNAVAILABLE', side: 'target' },
    });
    expect(to.memory.tagged('2')).toBe(other.root.descriptor.digest);
  });

  it('to read back what it took is reported with the tag written', async () => {
    const source = await sourceOf(image);
    const to = targetAt(() => ({ fetch: () => Promise.reject(error('E_NOT_FOUND')) }));
    const { targets, sleeps } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ changed: true, error: { code: 'E_READ_BACK', side: 'target' } });
    expect(targets[0]).not.toHaveProperty('verified');
    expect(sleeps).toHaveLength(5);
  });
});

describe('a registry that lacks what it said to have', () => {
  it('gets what it skipped again, and not what was uploaded a moment ago', async () => {
    const source = await sourceOf(image);
    let refused = 0;
    const to = targetAt((memory) => ({
      // it says that it has everything but the layer
      has: (descriptor) => (descriptor.digest === digest ? memory.has(descriptor) : Promise.resolve(true)),
      tag: (manifest, tag) => ((refused += 1) === 1 ? Promise.reject(missing) : memory.tag(manifest, tag)),
    }));
    const { targets, events } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3, skipped: 0 } });
    expect(started(to).filter((call) => call === `put ${names.of(digest)}`)).toHaveLength(1);
    expect(started(to).filter((call) => call.startsWith('put '))).toHaveLength(3);
    expect(events).toContainEqual(expect.objectContaining({ type: 'note' }));
  });

  it('gets everything again where all was uploaded just now', async () => {
    const source = await sourceOf(image);
    let refused = 0;
    const to = targetAt((memory) => ({
      tag: (manifest, tag) => ((refused += 1) === 1 ? Promise.reject(missing) : memory.tag(manifest, tag)),
    }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes' });
    expect(started(to).filter((call) => call.startsWith('put '))).toHaveLength(6);
  });

  it('gets no mount a second time', async () => {
    const source = recordedStore(names, { host: 'one', repository: 'from' });
    await seed(source.memory, image, '1');
    let refused = 0;
    const to = recordedStore(names, { host: 'one', repository: 'to' }, (memory) => ({
      put: (descriptor, open, options = {}) =>
        options.mountFrom === undefined ? memory.put(descriptor, open, options) : Promise.resolve('mounted'),
      tag: (manifest, tag) => ((refused += 1) === 1 ? Promise.reject(missing) : memory.tag(manifest, tag)),
    }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', blobs: { copied: 3, mounted: 0 } });
    expect([...image.blobs.keys()].every((one) => to.memory.blob(one) !== undefined)).toBe(true);
  });

  it('below an index gets the child and what it names', async () => {
    const source = await sourceOf(index);
    const child = image.root.descriptor.digest;
    const to = targetAt((memory) => ({
      // it lists a child whose layer it lost
      resolve: async (key, op) =>
        'digest' in key && key.digest === child ? image.root.descriptor : memory.resolve(key, op),
      tag: async (manifest, tag) => {
        if (memory.manifest(child) === undefined) throw missing;
        await memory.tag(manifest, tag);
      },
      putManifest: async (manifest) => {
        if (manifest.descriptor.digest === child && memory.blob(digest) === undefined) throw missing;
        await memory.putManifest(manifest);
      },
    }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes', manifests: { copied: 3, skipped: 0 } });
    expect(to.memory.blob(digest)?.equals(layer)).toBe(true);
  });

  it('for ever is given up after one more try', async () => {
    const source = await sourceOf(image);
    const to = targetAt(() => ({ tag: () => Promise.reject(missing) }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]?.error).toMatchObject({ code: 'E_REFUSED', registryCodes: ['MANIFEST_BLOB_UNKNOWN'] });
    expect(started(to).filter((call) => call === 'tag 2')).toHaveLength(2);
  });

  it('perhaps (MANIFEST_INVALID) is asked, and gets only what is not there', async () => {
    const source = await sourceOf(image);
    let refused = 0;
    const to = targetAt((memory) => ({
      tag: async (manifest, tag) => {
        if ((refused += 1) > 1) return memory.tag(manifest, tag);
        memory.deleteBlob(digest);
        throw invalid;
      },
    }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]).toMatchObject({ verified: 'bytes' });
    expect(started(to).filter((call) => call === `put ${names.of(digest)}`)).toHaveLength(2);
    expect(started(to).filter((call) => call.startsWith('put '))).toHaveLength(4);
  });

  it('not at all (MANIFEST_INVALID for another reason) is not sent anything twice', async () => {
    const source = await sourceOf(image);
    const to = targetAt(() => ({ tag: () => Promise.reject(invalid) }));
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets[0]?.error).toMatchObject({ registryCodes: ['MANIFEST_INVALID'] });
    expect(started(to).filter((call) => call === 'tag 2')).toHaveLength(1);
    expect(started(to).filter((call) => call.startsWith('put '))).toHaveLength(3);
  });
});

describe('an abandoned run', () => {
  const stop = error('E_ABORTED');

  it('before it began writes nothing', async () => {
    const [source, to] = [await sourceOf(image), targetAt()];
    const outcome = await run({ source, targets: [target(to, '2')], signal: AbortSignal.abort(stop) });
    expect(outcome.error?.code).toBe('E_ABORTED');
    expect(to.memory.tagged('2')).toBeUndefined();
    await expectQuiet(source, to);
  });

  it('in the middle of its blobs writes no tag, and ends only when all has ended', async () => {
    const control = new AbortController();
    const source = await sourceOf(index);
    const to = targetAt((memory) => ({
      put: (descriptor, open, options) => {
        control.abort(stop);
        return memory.put(descriptor, open, options);
      },
    }));
    const { targets } = await run({ source, targets: [target(to, '2')], signal: control.signal });
    expect(targets[0]).toMatchObject({ changed: false, error: { code: 'E_ABORTED' } });
    expect(to.memory.tagged('2')).toBeUndefined();
    await expectQuiet(source, to);
  });

  it('just before its tag leaves it as it was', async () => {
    const control = new AbortController();
    const source = await sourceOf(image);
    const to = targetAt((memory) => ({
      put: async (descriptor, open, options) => {
        const outcome = await memory.put(descriptor, open, options);
        if (memory.blob(digest) !== undefined) setImmediate(() => control.abort(stop));
        return outcome;
      },
      tag: async (manifest, tag, op) => {
        await settled();
        op?.signal?.throwIfAborted();
        await memory.tag(manifest, tag);
      },
    }));
    const { targets } = await run({ source, targets: [target(to, '2')], signal: control.signal });
    expect(targets[0]?.error?.code).toBe('E_ABORTED');
    expect(to.memory.tagged('2')).toBeUndefined();
  });
});

describe('children that are read ahead', () => {
  it('are not read on after the run is over', async () => {
    const hold = gate();
    const child = image.root.descriptor.digest;
    const source = await sourceOf(index, (memory) => ({
      fetch: async (key, op) => {
        if (!('digest' in key) || key.digest !== child) return memory.fetch(key, op);
        await new Promise<void>((resolve) => op?.signal?.addEventListener('abort', () => resolve()));
        await hold.opened;
        throw error('E_ABORTED');
      },
    }));
    const to = targetAt();
    await seed(to.memory, image);
    let over = false;
    const running = run({ source, targets: [target(to, '2')] }).finally(() => (over = true));
    await expect.poll(() => to.memory.tagged('2')).toBe(index.root.descriptor.digest);
    await settled();
    expect(over).toBe(false);
    hold.open();
    expect((await running).targets[0]).toMatchObject({ verified: 'bytes' });
    await expectQuiet(source, to);
  });
});

describe('a dry run', () => {
  it('asks everything, writes nothing, and counts what would be done', async () => {
    const source = await sourceOf(index);
    const to = targetAt();
    await seed(to.memory, other, '2');
    const { targets } = await run({ source, targets: [target(new DryTarget(to), '2')], dryRun: true });
    expect(targets[0]).toMatchObject({
      changed: true,
      previous: other.root.descriptor.digest,
      blobs: { copied: 3, mounted: 0, skipped: 0 },
      manifests: { copied: 2, skipped: 1 },
    });
    expect(started(to).filter((call) => /^(?:put|tag|fetch)/.test(call))).toEqual([]);
    expect(started(source).filter((call) => call.startsWith('open'))).toEqual([]);
    expect(to.memory.tagged('2')).toBe(other.root.descriptor.digest);
  });
});

async function* breaking(stream: AsyncIterable<Buffer>, after: number): AsyncGenerator<Buffer> {
  let left = after;
  for await (const piece of stream) {
    if (piece.length > left) {
      yield piece.subarray(0, left);
      throw error('E_CUT', { retryable: true });
    }
    left -= piece.length;
    yield piece;
  }
}
