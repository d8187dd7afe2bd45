import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

import { copy, copyTags, createReceipt, MemoryStore, openLayout, promote, undo } from '../../../src/index.js';
import { LayoutFiles } from '../../../src/content/layout-files.js';
import type { LayoutStore } from '../../../src/content/layout-store.js';
import { encodedOf, type Digest } from '../../../src/spec/digest.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { blobOf, manifestOf } from './target-contract.js';

const opened: LayoutStore[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});
afterAll(removeTempFolders);

async function writer(): Promise<LayoutStore> {
  const store = await openLayout(makeTempFolder('layout'), { access: 'write', create: true });
  opened.push(store);
  return store;
}

function blobFile(store: LayoutStore, digest: Digest): string {
  return join(store.place.host, 'blobs', 'sha256', encodedOf(digest));
}

function listedIn(folder: string): { digest: string; tag: string | undefined }[] {
  const { manifests } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    manifests: { digest: string; annotations?: Record<string, string> }[];
  };
  return manifests.map(({ digest, annotations }) => ({
    digest,
    tag: annotations?.['org.opencontainers.image.ref.name'],
  }));
}

/** A store with these images, each under its mark, and what all of them name. */
async function memoryOf(...marks: string[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const config = Buffer.from('{}');
  const { digest, size } = blobOf(config);
  await store.put({ mediaType: 'application/vnd.oci.image.config.v1+json', digest, size }, () =>
    Promise.resolve(Readable.from([config])),
  );
  for (const mark of marks) await store.tag(manifestOf(mark), mark);
  return store;
}

describe('a tag of a layout', () => {
  it('keeps what a tag has moved away from, unless its manifest is gone', async () => {
    const store = await writer();
    for (const mark of ['a', 'b']) await store.tag(manifestOf(mark), 'v1');
    rmSync(blobFile(store, manifestOf('b').descriptor.digest));
    await store.tag(manifestOf('c'), 'v1');
    expect(listedIn(store.place.host).map(({ digest }) => digest)).toEqual(
      ['c', 'a'].map((mark) => manifestOf(mark).descriptor.digest),
    );
  });

  it('writes the tags together that are set while it writes, each confirmed when it is there', async () => {
    const store = await writer();
    const write = vi.spyOn(LayoutFiles.prototype, 'writeTop');
    const tags = Array.from({ length: 100 }, (_, at) => `v${at}`);
    await Promise.all(
      tags.map(async (tag) => {
        await store.tag(manifestOf(tag), tag);
        expect(readFileSync(join(store.place.host, 'index.json'), 'utf8')).toContain(`"${tag}"`);
      }),
    );
    expect(write.mock.calls.length).toBeLessThan(50);
    write.mockRestore();
    const listed: string[] = [];
    for await (const tag of store.tags()) listed.push(tag);
    expect(listed.sort()).toEqual(tags.sort());
  });

  it('can be undone after a promotion', async () => {
    const folder = makeTempFolder('promoted');
    const store = await memoryOf('a', 'b');
    for (const mark of ['a', 'b']) await copy({ store, tag: mark }, `oci:${folder}:${mark}`);
    const [a, b] = ['a', 'b'].map((mark) => manifestOf(mark).descriptor.digest);
    await copy({ store, tag: 'a' }, `oci:${folder}:prod`);
    const report = await promote(`oci:${folder}:b`, 'prod');
    expect(report.targets).toMatchObject([{ digest: b, previous: a }]);
    await undo(createReceipt(report));
    expect(listedIn(folder).find(({ tag }) => tag === 'prod')?.digest).toBe(a);
  });

  it('can be moved back to an image that only it has named', async () => {
    const folder = makeTempFolder('moved');
    const store = await memoryOf('a', 'b');
    const [a, b] = ['a', 'b'].map((mark) => manifestOf(mark).descriptor.digest);
    await copy({ store, tag: 'a' }, `oci:${folder}:prod`);
    await copy({ store, tag: 'b' }, `oci:${folder}:prod`);
    expect(listedIn(folder)).toEqual([
      { digest: b, tag: 'prod' },
      { digest: a, tag: undefined },
    ]);
    await copy(`oci:${folder}@${a}`, `oci:${folder}:prod`);
    expect(listedIn(folder)).toEqual([
      { digest: a, tag: 'prod' },
      { digest: b, tag: undefined },
    ]);
  });

  it('is written with many others in one go by a copy of all tags', async () => {
    const folder = makeTempFolder('many');
    const marks = Array.from({ length: 200 }, (_, at) => `v${at}`);
    const write = vi.spyOn(LayoutFiles.prototype, 'writeTop');
    await copyTags(await memoryOf(...marks), `oci:${folder}`);
    expect(write.mock.calls.length).toBeLessThan(100);
    write.mockRestore();
    expect(listedIn(folder).map(({ tag }) => tag)).toHaveLength(200);
  });
});
