import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeEach, describe, expect, it } from 'vitest';

import { makeFolders, nearestFolder } from '../../../src/content/make-folders.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';

let root = '';
beforeEach(() => (root = makeTempFolder('folders')));
afterAll(removeTempFolders);

describe('makeFolders', () => {
  it('makes what is missing, with the mode that was asked for, and takes what is there', async () => {
    const path = join(root, 'a', 'b', 'c');
    await makeFolders(path, 0o700);
    await makeFolders(path, 0o700);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  it('makes a folder that ends in a slash, and one on a path that goes up again', async () => {
    await makeFolders(`${root}/x/`);
    await makeFolders(`${root}/y/../z`);
    expect(readdirSync(root).sort()).toEqual(['x', 'y', 'z']);
  });

  it('shares its work with others who make the same', async () => {
    const path = join(root, 'a', 'b');
    await Promise.all(Array.from({ length: 20 }, () => makeFolders(path)));
    expect(existsSync(path)).toBe(true);
  });

  it('follows a link to a folder', async () => {
    mkdirSync(join(root, 'real'));
    symlinkSync('real', join(root, 'link'));
    await makeFolders(join(root, 'link', 'x'));
    expect(existsSync(join(root, 'real', 'x'))).toBe(true);
  });

  it('refuses a link that leads nowhere, and a file on the way', async () => {
    symlinkSync('nowhere', join(root, 'link'));
    writeFileSync(join(root, 'file'), '');
    await expect(makeFolders(join(root, 'link', 'x'))).rejects.toMatchObject({ code: 'E_LAYOUT' });
    await expect(makeFolders(join(root, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
    expect(readdirSync(root).sort()).toEqual(['file', 'link']);
  });

  it.skipIf(!existsSync('/proc/self'))('ends where a folder takes no others', async () => {
    for (const path of ['/proc/nope', '/proc/nope/a/b', '/proc/self/nope']) {
      const refused: unknown = await makeFolders(path).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: expect.stringMatching(/^E/) as string });
    }
  });
});

describe('nearestFolder', () => {
  it('is the folder itself, or the nearest above it', async () => {
    expect(await nearestFolder(root)).toBe(root);
    expect(await nearestFolder(join(root, 'a', 'b'))).toBe(root);
  });
});
