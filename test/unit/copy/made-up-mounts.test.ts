import { expect, describe, it } from 'vitest';

import type { ContentTarget } from '../../../src/content/store.js';
import { RegferryError } from '../../../src/errors.js';
import { blob, imageManifest, indexOf, seed } from '../../support/fixtures.js';
import { expectSame } from '../../support/same-image.js';
import { Names, recordedStore, run, started, target, type RecordedStore } from './recorded-store.js';

const names = new Names();
const image = imageManifest({ layers: [blob(20_000, 1), blob(3_000, 2), blob(400, 3)] });
const index = indexOf([{ image }, { image: imageManifest({ layers: [blob(500, 4)] }) }]);
names.image(index);

/** A host that mounts nothing, says that it does, and takes manifests unseen. */
class LyingHost {
  caught = false;
  /** Mounts that it has made up. */
  readonly madeUp: string[] = [];

  repository(repository: string, more: Partial<ContentTarget> = {}): RecordedStore {
    const isCaught = (): boolean => this.caught;
    const store = recordedStore(names, { host: 'one', repository }, (memory) => ({
      put: async (descriptor, open, options = {}) => {
        if (options.mountFrom === undefined || this.caught) return memory.put(descriptor, open, options);
        this.madeUp.push(names.of(descriptor.digest));
        return 'mounted';
      },
      ...more,
    }));
    const doubtMounts = (): void => void (this.caught = true);
    return Object.defineProperty({ ...store, doubtMounts }, 'doubtsMounts', { get: isCaught });
  }
}

describe('a host that makes mounts up', () => {
  it('is asked for all that it said to have mounted before it was caught', async () => {
    const host = new LyingHost();
    const source = host.repository('from');
    await seed(source.memory, index, '1');
    const to = host.repository('to');
    const putManifest = to.putManifest.bind(to);
    to.putManifest = async (...args) => {
      await putManifest(...args);
      host.caught = true; // by another repository, when two of the manifests' blobs are missing already
    };
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(host.madeUp.length).toBeGreaterThan(0);
    expect(targets).toMatchObject([{ verified: 'bytes' }]);
    await expectSame(to.memory, index, '2');
  });

  it('is caught by a manifest that it refuses, and not believed for another repository then', async () => {
    const host = new LyingHost();
    const source = host.repository('from');
    await seed(source.memory, image, '1');
    const first = host.repository('first', {
      tag: (manifest, tag, op) =>
        host.caught
          ? first.memory.tag(manifest, tag, op)
          : Promise.reject(
              new RegferryError('E_REFUSED', 'missing', { registryCodes: ['MANIFEST_BLOB_UNKNOWN'] }),
            ),
    });
    await run({ source, targets: [target(first, '2')] });
    await expectSame(first.memory, image, '2');
    expect(host.caught).toBe(true);
    expect(started(first).filter((call) => call.startsWith('has'))).toHaveLength(4);
    const second = host.repository('second');
    await run({ source, targets: [target(second, '2')] });
    await expectSame(second.memory, image, '2');
  });

  it('is believed as long as it was not caught, and costs no question more', async () => {
    const host = new LyingHost();
    const source = host.repository('from');
    await seed(source.memory, image, '1');
    const to = host.repository('to');
    const { targets } = await run({ source, targets: [target(to, '2')] });
    expect(targets).toMatchObject([{ blobs: { mounted: 4 } }]);
    expect(started(to).filter((call) => call.startsWith('has'))).toHaveLength(4);
  });
});
