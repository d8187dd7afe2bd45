import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { link, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';

import { afterAll, afterEach, describe, expect, it } from 'vitest';

import { openLayout, type LayoutStore } from '../../../src/content/layout-store.js';
import { readAll } from '../../../src/content/verify.js';
import { encodedOf, type Digest } from '../../../src/spec/digest.js';
import { OCI_INDEX } from '../../../src/spec/media-types.js';
import { makeTempFolder, removeTempFolders } from '../../support/temp.js';
import { failing, streamOf, watched } from './streams.js';
import { blobOf, describeTarget, manifestOf } from './target-contract.js';

const REF_NAME = 'org.opencontainers.image.ref.name';
const bytes = Buffer.alloc(200_000, 'layer');
const blob = blobOf(bytes);
const opened: LayoutStore[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});
afterAll(removeTempFolders);

async function writer(folder = makeTempFolder('layout')): Promise<LayoutStore> {
  const store = await openLayout(folder, { access: 'write', create: true });
  opened.push(store);
  return store;
}

async function reader(folder: string): Promise<LayoutStore> {
  const store = await openLayout(folder, { access: 'read' });
  opened.push(store);
  return store;
}

function source(content: Buffer = bytes): () => Promise<Readable> {
  return () => Promise.resolve(streamOf(content.subarray(0, 70_000), content.subarray(70_000)));
}

function blobPath(store: LayoutStore, digest: Digest): string {
  return join(store.place.host, 'blobs', digest.slice(0, digest.indexOf(':')), encodedOf(digest));
}

/** Every file in the folder, by its path in it. */
function filesOf(store: LayoutStore): string[] {
  const entries = readdirSync(store.place.host, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => !entry.isDirectory()).map((e) => join(e.parentPath, e.name));
  const names = paths.map((path) => path.slice(store.place.host.length + 1));
  // The lock's own file has another name each time.
  return names.map((name) => name.replace(/(?<=^\.regferry\.lock)\/[0-9a-f]{16}$/, '')).sort();
}

const KEPT = ['.regferry.lock', 'index.json', 'oci-layout'];

interface IndexJson {
  manifests: { digest: string; annotations?: Record<string, string> }[];
}

function indexOf(store: LayoutStore): IndexJson {
  return JSON.parse(readFileSync(join(store.place.host, 'index.json'), 'utf8')) as IndexJson;
}

function writeIndex(store: LayoutStore, document: unknown): void {
  writeFileSync(join(store.place.host, 'index.json'), JSON.stringify(document));
}

describe('LayoutStore', () => {
  describeTarget(writer);

  it('says where it is', async () => {
    const folder = makeTempFolder('layout');
    const store = await writer(folder);
    expect(store.place).toEqual({ kind: 'layout', host: folder, repository: '' });
    expect(store.toString()).toBe(`oci:${folder}`);
  });

  it('writes a layout as the specification says, and nothing else', async () => {
    const store = await writer();
    const manifest = manifestOf('a', 'sha512');
    await store.put(blob, source());
    await store.tag(manifest, 'v1');
    await store.close();
    const { digest, size, mediaType } = manifest.descriptor;
    expect(filesOf(store)).toEqual([
      `blobs/sha256/${encodedOf(blob.digest)}`,
      `blobs/sha512/${encodedOf(digest)}`,
      'index.json',
      'oci-layout',
    ]);
    expect(JSON.parse(readFileSync(join(store.place.host, 'oci-layout'), 'utf8'))).toEqual({
      imageLayoutVersion: '1.0.0',
    });
    expect(indexOf(store)).toEqual({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ mediaType, digest, size, annotations: { [REF_NAME]: 'v1' } }],
    });
    expect(readFileSync(blobPath(store, blob.digest)).equals(bytes)).toBe(true);
    // Whether others can read it is up to the umask.
    expect(statSync(blobPath(store, blob.digest)).mode & 0o7733).toBe(0o600);
  });

  describe('interrupted writes', () => {
    it('leave no file, whatever the source does', async () => {
      const store = await writer();
      const sources: (() => Readable)[] = [
        () => streamOf(bytes.subarray(1)),
        () => streamOf(Buffer.concat([bytes, bytes])),
        () => streamOf(Buffer.alloc(bytes.byteLength)),
        () => failing([bytes.subarray(0, 1000), bytes.subarray(1000, 2000)]),
      ];
      for (const open of sources) {
        await expect(store.put(blob, () => Promise.resolve(open()))).rejects.toThrow();
      }
      await expect(store.put(blob, () => Promise.reject(new Error('refused')))).rejects.toThrow();
      expect(filesOf(store)).toEqual(KEPT);
    });

    it('show no blob before it is complete, and leave nothing when aborted', async () => {
      const store = await writer();
      const abort = new AbortController();
      const { stream: stalled } = watched([bytes.subarray(0, 70_000), bytes.subarray(70_000, 140_000)]);
      let handedOver = 0;
      const put = store.put(blob, () => Promise.resolve(stalled), {
        signal: abort.signal,
        onProgress: (count) => (handedOver = count),
      });
      const outcome = expect(put).rejects.toThrow('enough');
      while (handedOver === 0) await setImmediate();
      expect(existsSync(join(store.place.host, 'blobs', 'sha256'))).toBe(false);
      expect(filesOf(store).filter((name) => name.startsWith('.regferry-tmp-'))).toHaveLength(1);
      abort.abort(new Error('enough'));
      await outcome;
      expect(filesOf(store)).toEqual(KEPT);
    });

    it('are cleaned up by the next writer, which touches no other file', async () => {
      const store = await writer();
      const folder = store.place.host;
      await store.close();
      const leftover = join(folder, '.regferry-tmp-0123456789abcdef');
      await writeFile(leftover, 'half a blob');
      await writeFile(join(folder, '.regferry-tmp-mine'), 'not ours');
      await reader(folder);
      expect(existsSync(leftover)).toBe(true);
      await writer(folder);
      expect(existsSync(leftover)).toBe(false);
      expect(existsSync(join(folder, '.regferry-tmp-mine'))).toBe(true);
    });

    it('of another writer in this process are not cleaned up', async () => {
      const store = await writer();
      const waiting = new Readable({ read: () => undefined });
      waiting.push(bytes.subarray(0, 1000));
      const put = store.put(blob, () => Promise.resolve(waiting));
      while (filesOf(store).length === KEPT.length) await setImmediate();
      await writer(store.place.host);
      waiting.push(bytes.subarray(1000));
      waiting.push(null);
      expect(await put).toBe('copied');
    });
  });

  describe('a blob that is there', () => {
    it('is put again when its bytes are wrong though its size is right', async () => {
      const store = await writer();
      await store.put(blob, source());
      writeFileSync(blobPath(store, blob.digest), Buffer.alloc(bytes.byteLength));
      expect(await store.put(blob, source())).toBe('copied');
      expect(readFileSync(blobPath(store, blob.digest)).equals(bytes)).toBe(true);
    });

    it('is put again when it is short', async () => {
      const store = await writer();
      await store.put(blob, source());
      writeFileSync(blobPath(store, blob.digest), 'short');
      expect(await store.has(blob)).toBe(false);
      expect(await store.put(blob, source())).toBe('copied');
    });
  });

  it('lets two writers of one process put the same blob and tag at once', async () => {
    const one = await writer();
    const two = await writer(one.place.host);
    const outcomes = await Promise.all([one.put(blob, source()), two.put(blob, source())]);
    expect(outcomes).toContain('copied');
    await Promise.all(
      [one, two].flatMap((store, n) =>
        ['a', 'b', 'c', 'd'].map((name) => store.tag(manifestOf(name), `${name}${n}`)),
      ),
    );
    expect(indexOf(one).manifests).toHaveLength(8);
    await one.close();
    await two.tag(manifestOf('a'), 'later');
    expect(readFileSync(blobPath(two, blob.digest)).equals(bytes)).toBe(true);
  });

  it('writes nothing for a tag that is there already', async () => {
    const store = await writer();
    await store.tag(manifestOf('a'), 'v1');
    const before = await stat(join(store.place.host, 'index.json'));
    await store.tag(manifestOf('a'), 'v1');
    expect((await stat(join(store.place.host, 'index.json'))).ino).toBe(before.ino);
  });

  it('lists an untagged root in index.json once, and children not at all', async () => {
    const store = await writer();
    await store.putManifest(manifestOf('child'));
    await store.putManifest(manifestOf('root'), { root: true });
    await store.putManifest(manifestOf('root'), { root: true });
    const { mediaType, digest, size } = manifestOf('root').descriptor;
    expect(indexOf(store).manifests).toEqual([{ mediaType, digest, size }]);
  });

  it('refuses a name for a tag that could not be found again', async () => {
    const store = await writer();
    for (const name of ['', 'two words', 'line\nbreak', 'x'.repeat(300)]) {
      await expect(store.tag(manifestOf('a'), name)).rejects.toMatchObject({ code: 'E_REFERENCE' });
    }
    expect(filesOf(store)).toEqual(KEPT);
  });

  it.each(['docker.io/library/app:1.0', '../x', 'x#y', ''])('does not write the tag %j', async (name) => {
    const store = await writer();
    await expect(store.tag(manifestOf('a'), name)).rejects.toMatchObject({ code: 'E_REFERENCE' });
    expect(indexOf(store).manifests).toEqual([]);
  });

  it('finds an image by the tag in its full name, and lists what there is where none fits', async () => {
    const store = await writer();
    await store.tag(manifestOf('a'), 'v1');
    const { mediaType, digest, size } = manifestOf('b').descriptor;
    const entry = { mediaType, digest, size, annotations: { [REF_NAME]: 'docker.io/library/app:1.0' } };
    const nameless = { ...manifestOf('c').descriptor, annotations: { [REF_NAME]: 'x#y' } };
    const index = indexOf(store);
    writeIndex(store, { ...index, manifests: [...index.manifests, entry, nameless] });
    expect(await store.resolve({ tag: '1.0' })).toMatchObject({ digest });
    await expect(store.fetch({ tag: '2' })).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: `no tag "2" in ${store.toString()}; it has v1, 1.0, @${nameless.digest}`,
    });
  });

  it('writes nothing when it was opened for reading, or was closed', async () => {
    const first = await writer();
    await first.tag(manifestOf('a'), 'v1');
    await first.close();
    for (const store of [first, await reader(first.place.host)]) {
      await expect(store.put(blob, source())).rejects.toMatchObject({ code: 'E_USAGE' });
      await expect(store.tag(manifestOf('b'), 'v1')).rejects.toMatchObject({ code: 'E_USAGE' });
      expect(await store.resolve({ tag: 'v1' })).toMatchObject(manifestOf('a').descriptor);
    }
  });

  it('sees what another writer has written since it was opened', async () => {
    const store = await writer();
    const other = await reader(store.place.host);
    await store.tag(manifestOf('a'), 'v1');
    expect(await other.resolve({ tag: 'v1' })).toMatchObject(manifestOf('a').descriptor);
  });

  describe('single', () => {
    it('is the image of a layout with one, whatever it is called', async () => {
      const store = await writer();
      await store.tag(manifestOf('a'), 'v1');
      await store.tag(manifestOf('a'), 'v2');
      const { descriptor, tag, name } = await store.singleImage();
      expect(await store.single()).toEqual(descriptor);
      expect(descriptor.digest).toBe(manifestOf('a').descriptor.digest);
      expect([tag, name]).toEqual(['v1', 'v1']);
    });

    it('is the one with a tag, beside what the tag has moved away from', async () => {
      const store = await writer();
      for (const mark of ['a', 'b', 'c', 'a']) await store.tag(manifestOf(mark), 'v1');
      const digests = indexOf(store).manifests.map(({ digest }) => digest);
      expect(digests).toEqual(['a', 'b', 'c'].map((mark) => manifestOf(mark).descriptor.digest));
      expect(await store.singleImage()).toMatchObject({ descriptor: manifestOf('a').descriptor, tag: 'v1' });
    });

    it('is not found in an empty layout', async () => {
      const store = await writer();
      await expect(store.single()).rejects.toMatchObject({ code: 'E_NOT_FOUND' });
    });

    it('is a usage error with a list where there are several, and the list is fit to print', async () => {
      const store = await writer();
      await store.tag(manifestOf('a'), 'v1');
      await store.tag(manifestOf('a'), 'v2');
      const index = indexOf(store);
      const { mediaType, digest, size } = manifestOf('b').descriptor;
      const annotations = { [REF_NAME]: '\u001b[31mred\u202e' };
      writeIndex(store, {
        ...index,
        manifests: [...index.manifests, { mediaType, digest, size, annotations }],
      });
      await expect(store.single()).rejects.toMatchObject({
        code: 'E_USAGE',
        message: `${store.toString()} holds 2 images, so one must be named: :v1, :v2, @${digest}`,
      });
    });

    it('lists only so many', async () => {
      const store = await writer();
      for (let n = 0; n < 25; n++) await store.tag(manifestOf(`${n}`), `v${n}`);
      await expect(store.single()).rejects.toThrow(/: :v0, .*:v19 and 5 more$/);
    });
  });

  describe('with an index.json that lies', () => {
    it('says what a tag is though its manifest is missing or of another size, and that it lacks that', async () => {
      const store = await writer();
      const { descriptor } = manifestOf('a');
      const { digest } = descriptor;
      await store.tag(manifestOf('a'), 'v1');
      writeFileSync(blobPath(store, digest), 'short');
      expect(await store.resolve({ tag: 'v1' })).toMatchObject(descriptor);
      const hole = { descriptor: { digest }, kind: 'manifest' };
      expect(await store.inspector.lacking(descriptor)).toMatchObject([{ ...hole, state: 'damaged' }]);
      await expect(store.fetch({ tag: 'v1' })).rejects.toMatchObject({ code: 'E_SIZE_MISMATCH' });
      rmSync(blobPath(store, digest));
      expect(await store.resolve({ tag: 'v1' })).toMatchObject(descriptor);
      expect(await store.inspector.lacking(descriptor)).toMatchObject([{ ...hole, state: 'missing' }]);
      await expect(store.fetch({ tag: 'v1' })).rejects.toMatchObject({ code: 'E_NOT_FOUND', digest });
      await store.tag(manifestOf('a'), 'v1');
      expect((await store.fetch({ tag: 'v1' })).bytes).toEqual(manifestOf('a').bytes);
    });

    it('does not give out a manifest whose bytes are wrong', async () => {
      const store = await writer();
      const { digest, size } = manifestOf('a').descriptor;
      await store.tag(manifestOf('a'), 'v1');
      writeFileSync(blobPath(store, digest), Buffer.alloc(size, ' '));
      for (const key of [{ tag: 'v1' }, { digest }, manifestOf('a').descriptor]) {
        await expect(store.fetch(key)).rejects.toMatchObject({ code: 'E_DIGEST_MISMATCH', digest });
      }
    });

    it('takes a manifest for what it is, and tells what index.json calls it', async () => {
      const store = await writer();
      await store.tag(manifestOf('a'), 'v1');
      const [entry] = indexOf(store).manifests;
      for (const label of [OCI_INDEX, 'application/octet-stream', 'application/vnd.example+json']) {
        writeIndex(store, { schemaVersion: 2, manifests: [{ ...entry, mediaType: label }] });
        const { descriptor } = manifestOf('a');
        expect(await store.fetch({ tag: 'v1' })).toMatchObject({ descriptor, label });
        const listed = { ...descriptor, mediaType: label };
        expect((await store.fetch(listed)).descriptor.mediaType).toBe(descriptor.mediaType);
      }
    });

    it('gives out nothing that is no manifest, but what an index lists under a type of its own', async () => {
      const store = await writer();
      const page = Buffer.from('<html><title>Hotel</title></html>');
      await store.put(blobOf(page), () => Promise.resolve(streamOf(page)));
      const { digest, size } = blobOf(page);
      const error = await store.fetch({ digest }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'E_MANIFEST', digest });
      const mediaType = 'application/vnd.example.thing';
      expect((await store.fetch({ digest, size, mediaType })).descriptor.mediaType).toBe(mediaType);
    });

    it('reads no manifest above the limit', async () => {
      const store = await writer();
      const huge = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
      await store.put(blobOf(huge), () => Promise.resolve(streamOf(huge)));
      const { digest } = blobOf(huge);
      await expect(store.fetch({ digest })).rejects.toMatchObject({ code: 'E_LIMIT', digest });
    });
  });

  it('tells the type of a manifest that index.json does not name from its bytes', async () => {
    const store = await writer();
    await store.putManifest(manifestOf('a'));
    const { digest, mediaType } = manifestOf('a').descriptor;
    expect((await store.resolve({ digest }))?.mediaType).toBe(mediaType);
  });

  it('closes the file of a stream that is given up', async () => {
    const store = await writer();
    await store.put(blob, source());
    const before = openFiles();
    const streams = await Promise.all(Array.from({ length: 5 }, () => store.open(blob)));
    for (const stream of streams) {
      stream.destroy();
      await new Promise((resolve) => stream.once('close', resolve));
    }
    const abort = new AbortController();
    const aborted = await store.open(blob, { signal: abort.signal });
    abort.abort();
    await expect(readAll(aborted, 1e6)).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(openFiles()).toBe(before);
  });

  describe('links', () => {
    const secret = Buffer.from('secret');
    const stolen = blobOf(secret);

    async function linked(): Promise<{ store: LayoutStore; outside: string }> {
      const outside = makeTempFolder('outside');
      await mkdir(join(outside, 'sha256'));
      await writeFile(join(outside, 'sha256', encodedOf(stolen.digest)), secret);
      return { store: await writer(), outside };
    }

    async function refusesEverything(store: LayoutStore, outside: string): Promise<void> {
      const refused = { code: 'E_LAYOUT', message: expect.stringContaining('link') as string };
      await expect(store.open(stolen)).rejects.toMatchObject(refused);
      await expect(store.has(stolen)).rejects.toMatchObject(refused);
      await expect(store.resolve(stolen)).rejects.toMatchObject(refused);
      await expect(store.fetch(stolen)).rejects.toMatchObject(refused);
      const put = store.put(stolen, () => Promise.resolve(streamOf(secret)));
      await expect(put).rejects.toMatchObject(refused);
      expect(readdirSync(join(outside, 'sha256'))).toEqual([encodedOf(stolen.digest)]);
      expect(readFileSync(join(outside, 'sha256', encodedOf(stolen.digest)))).toEqual(secret);
    }

    it('are refused in the place of blobs', async () => {
      const { store, outside } = await linked();
      rmSync(join(store.place.host, 'blobs'), { recursive: true });
      await symlink(outside, join(store.place.host, 'blobs'));
      await refusesEverything(store, outside);
      await expect(openLayout(store.place.host, { access: 'read' })).rejects.toMatchObject({
        code: 'E_LAYOUT',
      });
      await expect(store.put(blob, source())).rejects.toMatchObject({ code: 'E_LAYOUT' });
      expect(readdirSync(join(outside, 'sha256'))).toHaveLength(1);
    });

    it('are refused in the place of blobs/sha256', async () => {
      const { store, outside } = await linked();
      await symlink(join(outside, 'sha256'), join(store.place.host, 'blobs', 'sha256'));
      await refusesEverything(store, outside);
      await expect(store.put(blob, source())).rejects.toMatchObject({ code: 'E_LAYOUT' });
      expect(readdirSync(join(outside, 'sha256'))).toHaveLength(1);
    });

    it('are refused in the place of a blob', async () => {
      const { store, outside } = await linked();
      await mkdir(join(store.place.host, 'blobs', 'sha256'));
      await symlink(join(outside, 'sha256', encodedOf(stolen.digest)), blobPath(store, stolen.digest));
      await refusesEverything(store, outside);
    });

    it('are refused in the place of a blob when they lead nowhere', async () => {
      const store = await writer();
      await mkdir(join(store.place.host, 'blobs', 'sha256'));
      const nowhere = join(makeTempFolder('outside'), 'new');
      await symlink(nowhere, blobPath(store, blob.digest));
      await expect(store.put(blob, source())).rejects.toMatchObject({ code: 'E_LAYOUT' });
      expect(existsSync(nowhere)).toBe(false);
    });

    it('are refused in the place of index.json, which is then not written either', async () => {
      const { store, outside } = await linked();
      const index = join(store.place.host, 'index.json');
      const elsewhere = join(outside, 'index.json');
      await writeFile(elsewhere, await readFile(index));
      rmSync(index);
      await symlink(elsewhere, index);
      const before = readFileSync(elsewhere);
      await expect(store.resolve({ tag: 'v1' })).rejects.toMatchObject({ code: 'E_LAYOUT' });
      await expect(store.tag(manifestOf('a'), 'v1')).rejects.toMatchObject({ code: 'E_LAYOUT' });
      await expect(openLayout(store.place.host, { access: 'read' })).rejects.toMatchObject({
        code: 'E_LAYOUT',
      });
      expect(readFileSync(elsewhere)).toEqual(before);
    });

    it('are allowed for the folder itself', async () => {
      const store = await writer();
      await store.tag(manifestOf('a'), 'v1');
      const alias = join(makeTempFolder('alias'), 'layout');
      await symlink(store.place.host, alias);
      const other = await writer(alias);
      expect(other.toString()).toBe(`oci:${alias}`);
      expect(other.place).toEqual(store.place);
      expect(await other.resolve({ tag: 'v1' })).toMatchObject(manifestOf('a').descriptor);
    });

    it('of the hard kind are left alone when their blob is replaced', async () => {
      const { store, outside } = await linked();
      const path = join(outside, 'precious');
      await writeFile(path, Buffer.alloc(bytes.byteLength));
      await mkdir(join(store.place.host, 'blobs', 'sha256'));
      await link(path, blobPath(store, blob.digest));
      await store.put(blob, source());
      expect(readFileSync(path).equals(Buffer.alloc(bytes.byteLength))).toBe(true);
    });
  });

  it('refuses a folder where a blob belongs', async () => {
    const store = await writer();
    await mkdir(blobPath(store, blob.digest), { recursive: true });
    await expect(store.open(blob)).rejects.toMatchObject({ code: 'E_LAYOUT' });
    await expect(store.put(blob, source())).rejects.toMatchObject({ code: 'E_LAYOUT' });
    expect(filesOf(store)).toEqual(KEPT);
  });

  it('refuses a pipe where a blob belongs, without waiting for it', async () => {
    const store = await writer();
    await mkdir(join(store.place.host, 'blobs', 'sha256'));
    expect(spawnSync('mkfifo', [blobPath(store, blob.digest)]).status).toBe(0);
    await expect(store.open(blob)).rejects.toMatchObject({ code: 'E_LAYOUT' });
    await expect(store.has(blob)).rejects.toMatchObject({ code: 'E_LAYOUT' });
  });

  it('turns what the file system refuses into one E_IO line that names the file', async () => {
    const store = await writer();
    rmSync(store.place.host, { recursive: true });
    const put = store.put(blobOf(Buffer.from('x')), source());
    await expect(put).rejects.toMatchObject({
      code: 'E_IO',
      message: expect.stringMatching(/^cannot write \S+: ENOENT: no such file or directory; check/) as string,
    });
  });
});

function openFiles(): number {
  return readdirSync('/dev/fd').length;
}
