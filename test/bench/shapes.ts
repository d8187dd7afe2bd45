import { blob, imageManifest, indexOf, type FixtureImage } from '../support/fixtures.js';

const MB = 1_000_000;
const MiB = 1024 * 1024;

/** An image to measure with. */
export interface Shape {
  readonly name: string;
  readonly what: string;
  /** Built when it is needed: the largest take a gigabyte. */
  readonly build: () => FixtureImage;
  /** Tags that the source has it under. @default one */
  readonly tags?: number;
}

/** The shapes that people copy, from a small image to one with a layer of a gigabyte. */
export const shapes: readonly Shape[] = [
  { name: 'small', what: '5 layers, 6 MB', build: () => layered(5, 1.2 * MB, 100) },
  { name: 'typical', what: '12 layers, 357 MB', build: typical },
  {
    name: 'big',
    what: '1 GiB + 64 MiB',
    build: () => imageManifest({ layers: [blob(1024 * MiB, 301), blob(64 * MiB, 302)] }),
  },
  { name: 'many', what: '120 layers of 64 KiB', build: () => layered(120, 64 * 1024, 400) },
  { name: 'multi', what: '6 platforms + 6 attestations, 54 blobs', build: multi },
];

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
