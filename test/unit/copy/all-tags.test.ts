import { describe, expect, it } from 'vitest';

import { blob, imageManifest, seed, type FixtureImage } from '../../support/fixtures.js';
import {
  Names,
  recordedStore,
  runTags,
  started,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const base = blob(2_000, 1);

/** An image with layers of its own on a shared base. */
function own(seedOfIt: number): FixtureImage {
  return imageManifest({ config: blob(50, 900 + seedOfIt), layers: [base, blob(500, seedOfIt)] });
}

function names(images: Readonly<Record<string, FixtureImage>>): Names {
  const given = new Names();
  for (const [tag, image] of Object.entries(images)) given.image(image, `${tag} `);
  return given;
}

interface Sides {
  readonly source: RecordedStore;
  readonly to: RecordedStore;
  readonly targets: readonly { store: RecordedStore; name: string }[];
}

/** A source with these tags, and an empty target. */
async function sides(
  images: Readonly<Record<string, FixtureImage>>,
  atSource?: Overrides,
  atTarget?: Overrides,
): Promise<Sides> {
  const known = names(images);
  const source = recordedStore(known, { host: 'source', repository: 'app' }, atSource);
  for (const [tag, image] of Object.entries(images)) await seed(source.memory, image, tag);
  const to = recordedStore(known, { host: 'target', repository: 'app' }, atTarget);
  return { source, to, targets: [{ store: to, name: 'target/app' }] };
}

function count(calls: readonly string[], pattern: RegExp): number {
  return calls.filter((call) => pattern.test(call)).length;
}

const images = { a: own(11), b: own(12), c: own(13) };

describe('a copy of all tags', () => {
  it('reads each manifest at the source alone where the target has nothing, and asks the target for no tag', async () => {
    const { source, to, targets } = await sides(images);
    const outcome = await runTags({ source, targets });
    expect(outcome.error).toBeUndefined();
    expect(
      started(source)
        .filter((call) => !call.startsWith('open'))
        .sort(),
    ).toEqual(['tags', 'fetch :a', 'fetch :b', 'fetch :c'].sort());
    expect(count(started(source), /^open/)).toBe(7);
    expect(count(started(to), /^resolve/)).toBe(0);
    expect(count(started(to), /^has/)).toBe(7);
    expect(count(started(to), /^put /)).toBe(7);
    expect(
      started(to)
        .filter((call) => /^(?:tag |fetch)/.test(call))
        .sort(),
    ).toEqual(['a', 'b', 'c'].flatMap((tag) => [`tag ${tag}`, `fetch :${tag}`]).sort());
    expect(
      outcome.targets.map(({ reference, changed, previous, verified }) => [
        reference,
        changed,
        previous,
        verified,
      ]),
    ).toEqual(['a', 'b', 'c'].map((tag) => [`target/app:${tag}`, true, null, 'bytes']));
    expect(outcome.targets.map(({ blobs }) => blobs.copied).reduce((sum, copied) => sum + copied)).toBe(7);
    expect(outcome.targets[0]).toMatchObject({
      manifests: { copied: 1 },
      digest: images.a.root.descriptor.digest,
    });
  });
});
