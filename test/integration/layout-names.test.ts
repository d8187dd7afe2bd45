import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { copyTags } from '../../src/api/copy-tags.js';
import { createRegistry } from '../../src/api/registry.js';
import { serve } from '../../src/api/serve.js';
import { openLayout } from '../../src/content/layout-store.js';
import { MemoryStore } from '../../src/content/memory-store.js';
import type { RegferryEvent } from '../../src/copy/events.js';
import type { Digest } from '../../src/spec/digest.js';
import { commandLine, type CommandLineResult } from '../support/command-line.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { indexEntries, writeNamedLayout, REF_NAME } from '../support/named-layout.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

const image = imageManifest();
const other = imageManifest({ layers: [blob(40, 8)] });
const empty = indexOf([]);
const notTags = ['../../victim/manifests/latest', 'x#y', 'x?tag=latest', '..%2f', 'foo/bar'];

let folder: string;
let registry: TestRegistry;

beforeEach(async () => {
  folder = join(makeTempFolder('names'), 'air');
  registry = await startRegistry();
});
afterEach(() => registry.close());
afterAll(removeTempFolders);

const target = (): string => `${registry.host}/mine`;

function expectRefused(ran: CommandLineResult, ...words: readonly string[]): void {
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  for (const word of words) expect(ran.stderr).toContain(word);
  expect(registry.log).toEqual([]);
}

describe.each([
  ['an image', image],
  ['an index with no entries', empty],
])('%s in a layout whose name is no tag', (_, what) => {
  it.each(notTags)('is not copied without one: %s', async (name) => {
    await writeNamedLayout(folder, [{ image: what, name }]);
    const ran = await commandLine(['copy', `oci:${folder}`, target()]);
    expectRefused(ran, `"${name}", which is no tag`, `give the target a tag, as in ${target()}:TAG`);
    expectRefused(await commandLine(['copy', '--dry-run', `oci:${folder}`, target()]), name);
  });

  it.each(notTags)('is copied under the tag that is given: %s', async (name) => {
    await writeNamedLayout(folder, [{ image: what, name }]);
    const report = await copy(`oci:${folder}`, `${target()}:v1`);
    expect(report.source.reference).toBe(`oci:${folder}@${what.root.descriptor.digest}`);
    expect(registry.store('mine').tagged('v1')).toBe(what.root.descriptor.digest);
  });
});

describe('an image in a layout whose name is a full reference', () => {
  beforeEach(() =>
    writeNamedLayout(folder, [
      { image, name: 'docker.io/foo/bar:1.0.0' },
      { image: other, name: 'x#y' },
    ]),
  );

  it('is asked for by its tag, and keeps its name', async () => {
    const before = indexEntries(folder);
    const report = await copy(`oci:${folder}:1.0.0`, target());
    expect(report.targets[0]?.reference).toBe(`${target()}:1.0.0`);
    await copy(`${target()}:1.0.0`, `oci:${folder}:v2`);
    expect(indexEntries(folder)).toMatchObject([...before, { annotations: { [REF_NAME]: 'v2' } }]);
  });

  it('gives its tag to a target that has none', async () => {
    await writeNamedLayout(folder, [{ image, name: 'docker.io/foo/bar:1.0.0' }]);
    const { source, targets } = await copy(`oci:${folder}`, target());
    expect([source.reference, targets[0]?.reference]).toEqual([`oci:${folder}:1.0.0`, `${target()}:1.0.0`]);
  });

  it('is listed among what can be asked for, and the rest is told', async () => {
    const listed = await commandLine(['tags', `oci:${folder}`]);
    expect(listed).toMatchObject({ code: 0, stdout: '1.0.0\n' });
    expect(listed.stderr).toContain('left out');
    expect(listed.stderr).toContain('"x#y" is no tag');
    const failed = await commandLine(['digest', `oci:${folder}:2`]);
    expect(failed.code).toBe(4);
    expect(failed.stderr).toContain(
      `no tag "2" in oci:${folder}; it has 1.0.0, @${other.root.descriptor.digest} (regferry tags oci:`,
    );
  });

  it('is among all tags of the layout, and what is left out is told', async () => {
    const notes: RegferryEvent[] = [];
    const report = await copyTags(`oci:${folder}`, target(), {
      onEvent: (event) => event.type === 'note' && notes.push(event),
    });
    expect(report.targets.map(({ reference }) => reference)).toEqual([`${target()}:1.0.0`]);
    expect(notes).toHaveLength(1);
    expect(JSON.stringify(notes)).toContain('x#y');
  });
});

describe('two images in a layout that come down to one tag', () => {
  beforeEach(() =>
    writeNamedLayout(folder, [
      { image, name: 'foo/bar:1' },
      { image: other, name: 'foo/baz:1' },
    ]),
  );

  it('are refused with the list', async () => {
    const ran = await commandLine(['copy', `oci:${folder}:1`, target()]);
    const digests = [image, other].map(({ root }) => root.descriptor.digest);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(`foo/bar:1 (${digests[0]}), foo/baz:1 (${digests[1]})`);
    expect(registry.storage.store('mine').tagged('1')).toBeUndefined();
  });

  it('fail among all tags, and are not listed', async () => {
    expect(await commandLine(['copy', '--all-tags', `oci:${folder}`, target()])).toMatchObject({ code: 2 });
    expect(await commandLine(['tags', `oci:${folder}`])).toMatchObject({ code: 0, stdout: '' });
  });
});

describe('a server over a layout that other programs have named', () => {
  it('serves the tags in full references, and tells once what it leaves out', async () => {
    await writeNamedLayout(folder, [
      { image, name: 'docker.io/foo/bar:1.0.0' },
      { image: other, name: 'x#y' },
      { image: empty, name: 'foo/one:2' },
      { image: other, name: 'foo/two:2' },
    ]);
    const notes: string[] = [];
    const served = await serve({ folder: join(folder, '..'), onNote: (note) => notes.push(note) });
    try {
      const base = `${served.url}/v2/air`;
      expect(notes).toHaveLength(2);
      expect(notes.every((note) => note.includes(folder))).toBe(true);
      expect(await (await fetch(`${base}/tags/list`)).json()).toEqual({ name: 'air', tags: ['1.0.0'] });
      const found = await fetch(`${base}/manifests/1.0.0`);
      expect(found.headers.get('docker-content-digest')).toBe(image.root.descriptor.digest);
      expect((await fetch(`${base}/manifests/2`)).status).toBe(404);
      await copy(`${served.host}/air:1.0.0`, `${served.host}/air:3`);
      expect(indexEntries(folder)).toHaveLength(5);
      expect((await fetch(`${base}/manifests/1.0.0`, { method: 'DELETE' })).status).toBe(202);
      expect(await (await fetch(`${base}/tags/list`)).json()).toEqual({ name: 'air', tags: ['3'] });
      expect(notes).toHaveLength(2);
    } finally {
      await served.close();
    }
  });
});

describe('a tag that a program gives', () => {
  it.each(notTags)('is refused before any request where it is none: %s', async (tag) => {
    const store = new MemoryStore();
    await seed(store, image, 'v1');
    const refusal = { code: 'E_REFERENCE' };
    const client = createRegistry();
    const repository = client.repository(`${registry.host}/mine`, 'push');
    await expect(copy({ store, tag }, `${target()}:v1`)).rejects.toMatchObject(refusal);
    await expect(copy({ store, tag: 'v1' }, { store: repository, tag })).rejects.toMatchObject(refusal);
    await expect(store.tag(image.root, tag)).rejects.toMatchObject(refusal);
    expect(registry.log).toEqual([]);
    await client.close();
  });

  it('is refused where it is a digest that leads elsewhere, by registries and layouts alike', async () => {
    const digest = 'sha256:../../../outside' as Digest;
    const descriptor = { mediaType: 'application/octet-stream', digest, size: 7 };
    const layout = await openLayout(folder, { access: 'write', create: true });
    const client = createRegistry();
    for (const store of [layout, client.repository(`${registry.host}/mine`, 'push')]) {
      const bytes = (): Promise<Readable> => Promise.resolve(Readable.from([Buffer.from('outside')]));
      for (const work of [store.has(descriptor), store.open(descriptor), store.put(descriptor, bytes)]) {
        await expect(work).rejects.toMatchObject({ code: 'E_REFERENCE' });
      }
      await expect(store.resolve({ digest })).rejects.toMatchObject({ code: 'E_REFERENCE' });
    }
    expect(registry.log).toEqual([]);
    await Promise.all([client.close(), layout.close()]);
  });
});
