import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { LayoutFiles } from '../../../src/content/layout-files.js';
import { openLayout, type LayoutStore } from '../../../src/content/layout-store.js';
import { leaveDeadLock, leaveLivingLock } from '../../support/layout-lock.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { manifestOf } from './target-contract.js';

let folder = '';
beforeEach(() => (folder = makeTempFolder('folder')));
afterAll(removeTempFolders);

const READ = { access: 'read' } as const;
const WRITE = { access: 'write' } as const;
const CREATE = { access: 'write', create: true } as const;

async function make(path = folder): Promise<void> {
  await (await openLayout(path, CREATE)).close();
}

async function refused(path: string, options: Parameters<typeof openLayout>[1]): Promise<string> {
  const outcome = await openLayout(path, options).then(
    (store: LayoutStore) => store.close().then(() => 'opened'),
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({ code: 'E_LAYOUT' });
  return outcome instanceof Error ? outcome.message : '';
}

describe('openLayout', () => {
  it('makes a layout, folders above it included, and opens it again', async () => {
    const path = join(folder, 'a', 'b');
    await make(path);
    expect(readdirSync(path).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    for (const options of [READ, WRITE, CREATE]) await (await openLayout(path, options)).close();
  });

  it('refuses a marker that programs would read differently', async () => {
    await make();
    const marker = '{"imageLayoutVersion":"1.0.0","ImageLayoutVersion":"2.0.0"}';
    writeFileSync(join(folder, 'oci-layout'), marker);
    await expect(openLayout(folder, READ)).rejects.toMatchObject({ code: 'E_MANIFEST' });
  });

  it('makes a layout in an empty folder', async () => {
    await make();
    expect(existsSync(join(folder, 'index.json'))).toBe(true);
  });

  it('shares a layout that somebody else makes at the same moment', async () => {
    const look = vi.spyOn(LayoutFiles.prototype, 'names').mockImplementationOnce(() => {
      writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
      return Promise.resolve(['oci-layout', '.regferry.lock']);
    });
    try {
      await make();
      expect(look).toHaveBeenCalledTimes(1);
    } finally {
      look.mockRestore();
    }
  });

  it('has folders of others beside its own where that is allowed', async () => {
    mkdirSync(join(folder, 'other'));
    await refused(folder, CREATE);
    await (await openLayout(folder, { ...CREATE, nested: true })).close();
    rmSync(join(folder, 'oci-layout'));
    writeFileSync(join(folder, 'file'), '');
    await refused(folder, { ...CREATE, nested: true });
  });

  it('keeps the content of a layout that it was allowed to make', async () => {
    const first = await openLayout(folder, CREATE);
    await first.tag(manifestOf('a'), 'v1');
    await first.close();
    const second = await openLayout(folder, CREATE);
    expect(await second.resolve({ tag: 'v1' })).toBeDefined();
    await second.close();
  });

  it('makes no layout of a folder with other things in it, and writes nothing there', async () => {
    writeFileSync(join(folder, 'precious'), '');
    expect(await refused(folder, CREATE)).toBe(
      `${folder} is no OCI image layout: it has no oci-layout file and is not empty; name an empty or a new folder`,
    );
    expect(readdirSync(folder)).toEqual(['precious']);
  });

  it.each<[string, string[]]>([
    ['nothing but the lock', []],
    ['a marker', ['oci-layout']],
    ['a marker and blobs', ['oci-layout', 'blobs']],
    ['a marker and an index', ['oci-layout', 'index.json']],
  ])('finishes what a writer that was killed has left: %s', async (_, names) => {
    await make();
    for (const name of readdirSync(folder)) {
      if (!names.includes(name)) rmSync(join(folder, name), { recursive: true });
    }
    leaveDeadLock(folder);
    writeFileSync(join(folder, '.regferry-tmp-0123456789abcdef'), '{');
    mkdirSync(join(folder, '.regferry-tmp-0123456789abcde0', 'x'), { recursive: true });
    await (await openLayout(folder, CREATE)).close();
    expect(readdirSync(folder).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('reads while a writer is at work, and no other process can write', async () => {
    await make();
    const living = leaveLivingLock(folder, { pid: 4711, host: 'there' });
    expect(await refused(folder, WRITE)).toContain('is held by process 4711 on there');
    await (await openLayout(folder, READ)).close();
    living.stop();
  });

  it.each([READ, WRITE])('says that there is no folder, and makes none: %o', async (options) => {
    const path = join(folder, 'missing');
    expect(await refused(path, options)).toBe(
      `cannot use ${path} as an OCI image layout: there is no such folder`,
    );
    expect(existsSync(path)).toBe(false);
  });

  it.each([READ, WRITE, CREATE])('refuses a file: %o', async (options) => {
    const path = join(folder, 'file');
    writeFileSync(path, '');
    expect(await refused(path, options)).toContain(`cannot use ${path} as an OCI image layout: `);
  });

  it.each([READ, WRITE])('says what an empty folder is missing, and adds nothing: %o', async (options) => {
    expect(await refused(folder, options)).toBe(
      `${folder} is no OCI image layout: it has no oci-layout file`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['blobs', 'it has no blobs folder'],
    ['index.json', 'it has no index.json'],
    ['oci-layout', 'it has no oci-layout file'],
  ])('says that %s is missing', async (name, why) => {
    await make();
    rmSync(join(folder, name), { recursive: true });
    for (const options of [READ, WRITE]) {
      expect(await refused(folder, options)).toBe(`${folder} is no OCI image layout: ${why}`);
    }
    expect(readdirSync(folder)).toHaveLength(2);
  });

  it.each(['', '[]', 'null', '{}', '{"imageLayoutVersion":"2.0.0"}', '{"imageLayoutVersion":1}', '\ufeff{}'])(
    'refuses a marker that says %s',
    async (text) => {
      await make();
      writeFileSync(join(folder, 'oci-layout'), text);
      for (const options of [READ, CREATE]) {
        expect(await refused(folder, options)).toContain(
          `${folder} is no OCI image layout: its oci-layout file`,
        );
      }
    },
  );

  it('takes a marker with white space and other members', async () => {
    await make();
    writeFileSync(join(folder, 'oci-layout'), '{ "x": 1,\n "imageLayoutVersion": "1.0.0" }\n');
    await (await openLayout(folder, READ)).close();
  });

  it('refuses a malformed index.json, names the folder, and lets the lock go', async () => {
    await make();
    writeFileSync(join(folder, 'index.json'), '{"schemaVersion":2,');
    for (const options of [READ, CREATE]) {
      expect(await refused(folder, options)).toMatch(new RegExp(`^${folder}: index.json: `));
    }
    expect(existsSync(join(folder, '.regferry.lock'))).toBe(false);
  });

  it('reads no index.json above the limit', async () => {
    await make();
    writeFileSync(join(folder, 'index.json'), Buffer.alloc(4 * 1024 * 1024 + 1, ' '));
    await expect(openLayout(folder, READ)).rejects.toMatchObject({
      code: 'E_LIMIT',
      message: `${folder}: index.json is longer than the limit of 4194304 bytes`,
    });
  });

  it.each(['oci-layout', 'index.json', 'blobs'])('refuses a link in the place of %s', async (name) => {
    await make();
    const outside = makeTempFolder('outside');
    await make(outside);
    rmSync(join(folder, name), { recursive: true });
    symlinkSync(join(outside, name), join(folder, name));
    for (const options of [READ, WRITE, CREATE]) expect(await refused(folder, options)).toContain('link');
  });

  it.each(['oci-layout', 'index.json'])('refuses a folder in the place of %s', async (name) => {
    await make();
    rmSync(join(folder, name));
    mkdirSync(join(folder, name));
    for (const options of [READ, CREATE]) await refused(folder, options);
  });

  it('can be closed twice', async () => {
    const [one, two] = [await openLayout(folder, CREATE), await openLayout(folder, WRITE)];
    await one.close();
    await one.close();
    expect(existsSync(join(folder, '.regferry.lock'))).toBe(true);
    await two.close();
    expect(existsSync(join(folder, '.regferry.lock'))).toBe(false);
  });
});
