import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readTextFile, WholeFile } from '../../../src/cli/whole-file.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

let folder: string;
beforeEach(() => (folder = makeTempFolder('whole-file')));
afterEach(() => {
  removeTempFolder(folder);
});

const at = (name: string): string => join(folder, name);

async function write(path: string, text: string): Promise<void> {
  const file = await WholeFile.prepare(path);
  try {
    await file.write(text);
  } finally {
    await file.discard();
  }
}

describe('a whole file', () => {
  it('is there once it is written, and nothing else', async () => {
    const file = await WholeFile.prepare(at('receipt.json'));
    expect(readdirSync(folder)).not.toContain('receipt.json');
    await file.write('text');
    await file.discard();
    expect(readdirSync(folder)).toEqual(['receipt.json']);
    expect(readFileSync(at('receipt.json'), 'utf8')).toBe('text');
  });

  it('is as it was when nothing is written', async () => {
    writeFileSync(at('receipt.json'), 'old');
    await (await WholeFile.prepare(at('receipt.json'))).discard();
    expect(readdirSync(folder)).toEqual(['receipt.json']);
    expect(readFileSync(at('receipt.json'), 'utf8')).toBe('old');
  });

  it('replaces an old one, also behind a link', async () => {
    writeFileSync(at('old.json'), 'old and longer');
    symlinkSync('old.json', at('link.json'));
    await write(at('link.json'), 'new');
    expect(readFileSync(at('old.json'), 'utf8')).toBe('new');
    expect(lstatSync(at('link.json')).isSymbolicLink()).toBe(true);
  });

  it.each([
    ['a folder that is not there', 'missing/receipt.json'],
    ['a folder', 'folder'],
    ['a file in place of a folder', 'file/receipt.json'],
  ])('that cannot be written is refused before there is anything to write: %s', async (_, name) => {
    mkdirSync(at('folder'));
    writeFileSync(at('file'), '');
    await expect(WholeFile.prepare(at(name))).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining(`${at(name)} cannot be written`) as string,
    });
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder']);
  });

  it('may be a device, which is written as it is and stays one', async () => {
    await write('/dev/null', 'text');
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it.runIf(process.platform === 'linux')('says when there was no room for it', async () => {
    await expect(write('/dev/full', 'text')).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringContaining('/dev/full') as string,
    });
  });
});

describe('a file to read', () => {
  it('is its text', async () => {
    writeFileSync(at('plan.json'), '{}');
    expect(await readTextFile(at('plan.json'))).toBe('{}');
  });

  it('that is not there or no file is E_CONFIG', async () => {
    await expect(readTextFile(at('none.json'))).rejects.toMatchObject({ code: 'E_CONFIG' });
    await expect(readTextFile(folder)).rejects.toMatchObject({ code: 'E_CONFIG' });
  });
});
