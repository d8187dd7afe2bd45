import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { LayoutFiles } from '../../../src/content/layout-files.js';
import { LayoutUpload } from '../../../src/content/layout-upload.js';
import { readAll } from '../../../src/content/verify.js';
import { digestOf, encodedOf, type Algorithm } from '../../../src/spec/digest.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';

afterAll(removeTempFolders);

const bytes = Buffer.from('some bytes of a blob');
const newFiles = (): LayoutFiles => new LayoutFiles(makeTempFolder('upload'));

async function received(files: LayoutFiles, algorithm: Algorithm): Promise<LayoutUpload> {
  const upload = await LayoutUpload.create(files, algorithm);
  await upload.write(bytes.subarray(0, 5));
  await upload.write(bytes.subarray(5));
  return upload;
}

describe('LayoutUpload', () => {
  it.each([
    ['sha256', 'sha256'],
    ['sha512', 'sha512'],
    ['sha256', 'sha512'],
    ['sha512', 'sha256'],
  ] as const)('expecting %s becomes a blob by %s', async (expected, algorithm) => {
    const files = newFiles();
    const upload = await received(files, expected);
    expect(upload.size).toBe(bytes.length);
    const digest = digestOf(bytes, algorithm);
    expect(await files.blobSize(digest)).toBeUndefined();
    await upload.commit(digest);
    expect(readFileSync(join(files.root, 'blobs', algorithm, encodedOf(digest)))).toEqual(bytes);
    expect(readdirSync(files.root)).toEqual(['blobs']);
  });

  it('refuses another digest, and leaves nothing', async () => {
    const files = newFiles();
    const upload = await received(files, 'sha256');
    const digest = digestOf(Buffer.from('others'));
    await expect(upload.commit(digest)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH', digest });
    expect(readdirSync(files.root)).toEqual([]);
  });

  it('leaves nothing when it is discarded', async () => {
    const files = newFiles();
    const upload = await received(files, 'sha256');
    expect(await files.hasLeftovers()).toBe(true);
    await upload.discard();
    expect(await files.hasLeftovers()).toBe(false);
    expect(readdirSync(files.root)).toEqual([]);
  });

  it('replaces a blob that is damaged', async () => {
    const files = newFiles();
    const digest = digestOf(bytes);
    await (await received(files, 'sha256')).commit(digest);
    const path = join(files.root, 'blobs', 'sha256', encodedOf(digest));
    writeFileSync(path, 'others');
    await (await received(files, 'sha256')).commit(digest);
    expect(readFileSync(path)).toEqual(bytes);
  });

  it('tells when its file cannot be written', async () => {
    const files = new LayoutFiles(join(makeTempFolder('upload'), 'missing'));
    await expect(LayoutUpload.create(files, 'sha256')).rejects.toMatchObject({ code: 'E_IO' });
  });
});

describe('LayoutFiles', () => {
  it('reads a part of a blob', async () => {
    const files = newFiles();
    const digest = digestOf(bytes);
    await (await received(files, 'sha256')).commit(digest);
    const part = async (start: number, end?: number): Promise<string> => {
      const stream = await files.openBlob(digest, start, end);
      return stream === undefined ? '' : (await readAll(stream, 100)).toString();
    };
    expect(await part(5, 10)).toBe('bytes');
    expect(await part(15)).toBe(' blob');
    expect(await part(15, 100)).toBe(' blob');
    expect(await part(5, 5)).toBe('');
  });

  it('shares a blob with another layout, and removes it from one', async () => {
    const [from, to] = [newFiles(), newFiles()];
    const digest = digestOf(bytes);
    expect(await to.linkBlob(from, digest)).toBe(false);
    await (await received(from, 'sha256')).commit(digest);
    expect(await to.linkBlob(from, digest)).toBe(true);
    expect(await to.linkBlob(from, digest)).toBe(true);
    expect(readdirSync(to.root)).toEqual(['blobs']);
    expect(await from.removeBlob(digest)).toBe(true);
    expect(await from.removeBlob(digest)).toBe(false);
    expect(await to.blobSize(digest)).toBe(bytes.length);
  });

  it('does not share or remove what is no plain file', async () => {
    const files = newFiles();
    const digest = digestOf(bytes);
    mkdirSync(join(files.root, 'blobs', 'sha256', encodedOf(digest)), { recursive: true });
    await expect(files.removeBlob(digest)).rejects.toMatchObject({ code: 'E_LAYOUT' });
    await expect(newFiles().linkBlob(files, digest)).rejects.toMatchObject({ code: 'E_LAYOUT' });
  });

  it('tells one index.json from the next', async () => {
    const files = newFiles();
    expect(await files.indexState()).toBeUndefined();
    await files.writeTop('index.json', Buffer.from('{}'), () => undefined);
    const first = await files.indexState();
    await files.writeTop('index.json', Buffer.from('[]'), () => undefined);
    const second = await files.indexState();
    expect([first?.size, second?.size]).toEqual([2, 2]);
    expect(second?.stamp).not.toBe(first?.stamp);
  });
});
