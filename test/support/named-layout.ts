import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { openLayout } from '../../src/content/layout-store.js';
import { seed, type FixtureImage } from './fixtures.js';

/** The annotation that names an image in a layout. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** The one in which containerd keeps the whole name. */
export const IMAGE_NAME = 'io.containerd.image.name';

/** An image in a layout: by its name, or with all of its annotations. */
export interface NamedImage {
  readonly image: FixtureImage;
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** An entry of an index.json. */
export interface IndexEntryJson {
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Writes a layout as another program may have: with whatever names it gives its images. */
export async function writeNamedLayout(folder: string, images: readonly NamedImage[]): Promise<void> {
  const store = await openLayout(folder, { access: 'write', create: true });
  for (const { image } of images) await seed(store, image);
  await store.close();
  const manifests = images.map(({ image, name, annotations }) => {
    const { mediaType, digest, size } = image.root.descriptor;
    const named = annotations ?? (name === undefined ? undefined : { [REF_NAME]: name });
    return { mediaType, digest, size, ...(named !== undefined && { annotations: named }) };
  });
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** The entries of a layout's index.json as they are. */
export function indexEntries(folder: string): readonly IndexEntryJson[] {
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    manifests: IndexEntryJson[];
  };
  return index.manifests;
}
