import { blob, imageManifest, indexOf, type FixtureImage } from '../support/fixtures.js';

const MB = 1_000_000;
const MiB = 1024 * 1024;

/** What to measure with: an image, or the tags of a repository. */
export interface Shape {
  readonly name: string;
  readonly what: string;
  /** Images by tag, built when they are needed: the largest take a gigabyte. */
  readonly build: () => ReadonlyMap<string, FixtureImage>;
  /** All tags are to be copied, which not every tool can do in one go. @default false */
  readonly allTags?: boolean;
}

/** The tag of an image that is alone. */
export const TAG = 'v1';

/** The shapes that people copy, from a small image to one with a layer of a gigabyte. */
export const shapes: readonly Shape[] = [
  { name: 'small', what: '5 layers, 6 MB', build: () => alone(layered(5, 1.2 * MB, 100)) },
  { name: 'typical', what: '12 layers, 357 MB', build: () => alone(typical()) },
  {
    name: 'big',
    what: '1 GiB + 64 MiB',
    build: () => alone(imageManifest({ layers: [blob(1024 * MiB, 301), blob(64 * MiB, 302)] })),
  },
  { name: 'many', what: '120 layers of 64 KiB', build: () => alone(layered(120, 64 * 1024, 400)) },
  { name: 'multi', what: '6 platforms + 6 attestations, 54 blobs', build: () => alone(multi()) },
  { name: 'tags200', what: '200 tags on one base of 0.9 MB, 20 kB each', build: tags, allTags: true },
];

function alone(image: FixtureImage): ReadonlyMap<string, FixtureImage> {
  return new Map([[TAG, image]]);
}

function layered(count: number, size: number, seed: number): FixtureImage {
  return imageManifest({ layers: Array.from({ length: count }, (_, at) => blob(size, seed + at)) });
}

function typical(): FixtureImage {
  const sizes = [120, 90, 60, 30, 20, 15, 10, 6, 3, 2, 0.9, 0.1];
  return imageManifest({ layers: sizes.map((size, at) => blob(size * MB, 200 + at)) });
}

/** Six images of seven blobs each, and an attestation of two for each. */
function multi(): FixtureImage {
  const entries = Array.from({ length: 6 }, (_, at) => {
    const platform = { os: 'linux', architecture: `arch${at}` };
    const image = imageManifest({
      layers: Array.from({ length: 6 }, (__, layer) => blob(300_000, 500 + at * 10 + layer)),
      platform,
    });
    const attestation = imageManifest({
      layers: [blob(20_000, 600 + at)],
      config: blob(400, 700 + at),
    });
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': image.root.descriptor.digest,
    };
    const unknown = { os: 'unknown', architecture: 'unknown' };
    return [
      { image, fields: { platform } },
      { image: attestation, fields: { platform: unknown, annotations } },
    ];
  });
  return indexOf(entries.flat());
}

/** Images of a base that all share, a layer of their own and a config of their own. */
function tags(): ReadonlyMap<string, FixtureImage> {
  const base = [1, 2, 3].map((at) => blob(300_000, 1_000 + at));
  return new Map(
    Array.from({ length: 200 }, (_, at) => [
      `${TAG}.${at}`,
      imageManifest({ config: blob(1_500, 3_000 + at), layers: [...base, blob(20_000, 2_000 + at)] }),
    ]),
  );
}
