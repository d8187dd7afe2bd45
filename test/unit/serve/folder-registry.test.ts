import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

import { openLayout } from '../../../src/content/layout-store.js';
import { openFolderRegistry } from '../../../src/serve/folder-registry.js';
import { serveRegistry, type ServedRegistry } from '../../../src/serve/server.js';
import { digestOf, encodedOf, type Digest } from '../../../src/spec/digest.js';
import { DOCKER_CONFIG, OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { blob, imageManifest, indexOf, seed, seedHttp, type FixtureImage } from '../../support/fixtures.js';
import { leaveDeadLock, leaveLivingLock } from '../../support/layout-lock.js';
import { makeMemoryFolder, removeTempFolders } from '../../support/temp.js';
import { errorCodes } from './answer.js';
import { bodyOf, openUpload, patch, pushBlob, put } from './pushing.js';

const opaqueType = 'application/vnd.example.unheard-of+json';
const image = imageManifest();

const open: ServedRegistry[] = [];
const problems: unknown[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
  problems.splice(0);
});
afterAll(removeTempFolders);

async function serve(folder: string): Promise<string> {
  const storage = await openFolderRegistry(folder, { onProblem: (error) => problems.push(error) });
  const registry = await serveRegistry({ storage, sparse: true, onError: (error) => problems.push(error) });
  open.push(registry);
  return registry.url;
}

async function stopAll(): Promise<void> {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
}

async function pushManifest(url: string, reference: string, bytes: Buffer, type: string): Promise<number> {
  const init = { method: 'PUT', headers: { 'content-type': type }, body: bodyOf(bytes) };
  return (await fetch(`${url}/manifests/${reference}`, init)).status;
}

async function typeOf(url: string, digest: Digest): Promise<string | number | null> {
  const answer = await fetch(`${url}/manifests/${digest}`);
  return answer.status === 200 ? answer.headers.get('content-type') : answer.status;
}

interface IndexJson {
  manifests: { digest: string; mediaType: string; annotations?: Record<string, string> }[];
}

function indexJson(layout: string): IndexJson {
  return JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as IndexJson;
}

async function copyInto(layout: string, what: FixtureImage, tag?: string): Promise<void> {
  const store = await openLayout(layout, { access: 'write', create: true });
  await seed(store, what, tag);
  await store.close();
}

function blobFile(layout: string, digest: Digest): string {
  return join(layout, 'blobs', 'sha256', encodedOf(digest));
}

describe('a folder of layouts', () => {
  it('holds what was pushed as layouts that other programs can read', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    const index = indexOf([{ image }]);
    await seedHttp(url, 'team/app', index, '1');
    const layout = await openLayout(join(folder, 'team/app'), { access: 'read' });
    expect((await layout.single()).digest).toBe(index.root.descriptor.digest);
    const found = await layout.fetch({ tag: '1' });
    expect(found.bytes.equals(index.root.bytes)).toBe(true);
    expect(readdirSync(join(folder, 'team/app')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('serves what other programs write into it, while it runs', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    await copyInto(join(folder, 'app'), image, '1');
    await copyInto(join(folder, 'app'), image, '2');
    expect(await (await fetch(`${url}/v2/app/tags/list`)).json()).toEqual({ name: 'app', tags: ['1', '2'] });
    const other = imageManifest({ layers: [blob(50, 9)] });
    await copyInto(join(folder, 'app'), other, '2');
    const answer = await fetch(`${url}/v2/app/manifests/2`);
    expect(answer.headers.get('docker-content-digest')).toBe(other.root.descriptor.digest);
  });

  it.each(['blobs', 'index.json', 'oci-layout', 'app/blobs', 'app/index.json/x', 'a/oci-layout'])(
    'has no place for the repository %s',
    async (name) => {
      const folder = makeMemoryFolder('air');
      const url = await serve(folder);
      const answer = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' });
      expect([answer.status, await errorCodes(answer)]).toEqual([400, ['NAME_INVALID']]);
      expect((await fetch(`${url}/v2/${name}/tags/list`)).status).toBe(400);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it('has repositories below repositories, whichever came first', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    for (const name of ['app/tools', 'app', 'app/tools/deep']) await seedHttp(url, name, image, '1');
    const names = (await (await fetch(`${url}/v2/_catalog`)).json()) as object;
    expect(names).toEqual({ repositories: ['app', 'app/tools', 'app/tools/deep'] });
  });

  it('has no repository where a layout is only half made, until something is pushed there', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    mkdirSync(join(folder, 'half'));
    writeFileSync(join(folder, 'half/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    expect((await fetch(`${url}/v2/half/tags/list`)).status).toBe(404);
    await seedHttp(url, 'half', image, '1');
    expect((await fetch(`${url}/v2/half/tags/list`)).status).toBe(200);
  });

  it('does not make a layout of a folder with other things in it', async () => {
    const folder = makeMemoryFolder('air');
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app/notes.txt'), 'mine');
    writeFileSync(join(folder, 'file'), 'mine');
    const url = await serve(folder);
    for (const name of ['app', 'file', 'file/below']) {
      const answer = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' });
      expect([answer.status, await errorCodes(answer)]).toEqual([403, ['DENIED']]);
      expect((await fetch(`${url}/v2/${name}/tags/list`)).status).toBe(404);
    }
    expect(readdirSync(join(folder, 'app'))).toEqual(['notes.txt']);
  });

  it('is not left through links', async () => {
    const folder = makeMemoryFolder('air');
    const elsewhere = makeMemoryFolder('elsewhere');
    await copyInto(join(elsewhere, 'app'), image, '1');
    symlinkSync(join(elsewhere, 'app'), join(folder, 'linked'));
    symlinkSync(elsewhere, join(folder, 'below'));
    const url = await serve(folder);
    for (const name of ['linked', 'below/app', 'below/new']) {
      expect((await fetch(`${url}/v2/${name}/manifests/1`)).status).toBe(404);
      expect((await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' })).status).toBe(403);
    }
    expect(await (await fetch(`${url}/v2/_catalog`)).json()).toEqual({ repositories: [] });
    expect(readdirSync(elsewhere)).toEqual(['app']);
    expect(String(problems[0])).toContain('is a link');
  });

  it('has nothing where a link or a folder is in the place of a file', async () => {
    const folder = makeMemoryFolder('air');
    for (const name of ['blob', 'index', 'store', 'marker']) {
      await copyInto(join(folder, name), image, '1');
    }
    const { digest } = image.root.descriptor;
    const other = digestOf(Buffer.from('elsewhere'));
    const instead = (path: string): void => {
      rmSync(path, { recursive: true });
      mkdirSync(path);
    };
    instead(blobFile(join(folder, 'blob'), digest));
    symlinkSync('/etc/hostname', blobFile(join(folder, 'blob'), other));
    instead(join(folder, 'index', 'index.json'));
    instead(join(folder, 'marker', 'oci-layout'));
    renameSync(join(folder, 'store', 'blobs'), join(folder, 'store', 'moved'));
    symlinkSync('moved', join(folder, 'store', 'blobs'));
    const url = await serve(folder);
    const long = 'x'.repeat(254);
    for (const name of ['blob', 'index', 'store', 'marker', long]) {
      for (const path of [`manifests/1`, `manifests/${digest}`, `blobs/${digest}`, `blobs/${other}`]) {
        const { status } = await fetch(`${url}/v2/${name}/${path}`);
        expect([name, path, status]).toEqual([name, path, 404]);
      }
    }
    expect((await fetch(`${url}/v2/blob/blobs/${digest}`, { method: 'DELETE' })).status).toBe(404);
    expect((await fetch(`${url}/v2/blob/tags/list`)).status).toBe(200);
  });

  it('shares the bytes of a mounted blob', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    const digest = await pushBlob(`${url}/v2/a`, randomBytes(500));
    const answer = await fetch(`${url}/v2/b/blobs/uploads/?mount=${digest}&from=a`, { method: 'POST' });
    expect(answer.status).toBe(201);
    expect(lstatSync(blobFile(join(folder, 'b'), digest)).nlink).toBe(2);
    expect(readdirSync(join(folder, 'b')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('makes a repository once when many clients come with it at once', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    const opening = Array.from({ length: 40 }, (_, at) =>
      fetch(`${url}/v2/app-${at % 4}/blobs/uploads/`, { method: 'POST' }),
    );
    const statuses = (await Promise.all(opening)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202]));
    expect(problems).toEqual([]);
  });

  it('takes what many clients push at once', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    const base = `${url}/v2/app`;
    await pushBlob(base, randomBytes(10));
    const tags = Array.from({ length: 60 }, (_, at) => `t${at}`);
    const statuses = tags.map(async (tag) => {
      const { bytes } = imageManifest({ fields: { annotations: { tag } } }).root;
      return await pushManifest(base, tag, bytes, OCI_MANIFEST);
    });
    expect(new Set(await Promise.all(statuses))).toEqual(new Set([201]));
    const listed = (await (await fetch(`${base}/tags/list`)).json()) as { tags: string[] };
    expect(listed.tags).toEqual(tags.sort());
  });
});

describe('after a restart', () => {
  it('manifests that were pushed by digest are there, with their types', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const opaque = Buffer.from('any bytes');
    const config = { mediaType: DOCKER_CONFIG, digest: digestOf(Buffer.from('c')), size: 1 };
    const disguised = Buffer.from(JSON.stringify({ schemaVersion: 2, config, layers: [] }));
    for (const [bytes, type] of [
      [opaque, opaqueType],
      [disguised, OCI_MANIFEST],
      [image.root.bytes, OCI_MANIFEST],
    ] as const) {
      expect(await pushManifest(base, digestOf(bytes), bytes, type)).toBe(201);
    }
    await stopAll();
    const again = `${await serve(folder)}/v2/app`;
    expect(await typeOf(again, digestOf(opaque))).toBe(opaqueType);
    expect(await typeOf(again, digestOf(disguised))).toBe(OCI_MANIFEST);
    expect(await typeOf(again, image.root.descriptor.digest)).toBe(OCI_MANIFEST);
  });

  it('children of an index have no entries of their own, unless their bytes do not tell what they are', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const opaque = Buffer.from('any bytes');
    const child = { mediaType: opaqueType, digest: digestOf(opaque), size: opaque.length };
    const index = indexOf([{ image }], { fields: { manifests: [image.root.descriptor, child] } });
    await pushManifest(base, child.digest, opaque, opaqueType);
    await pushManifest(base, image.root.descriptor.digest, image.root.bytes, OCI_MANIFEST);
    await pushManifest(base, '1', index.root.bytes, index.root.descriptor.mediaType);
    // Once more, as a client does that repeats a push.
    await pushManifest(base, image.root.descriptor.digest, image.root.bytes, OCI_MANIFEST);
    const digests = indexJson(join(folder, 'app')).manifests.map(({ digest }) => digest);
    expect(digests).toEqual([child.digest, index.root.descriptor.digest]);
    await stopAll();
    const again = `${await serve(folder)}/v2/app`;
    expect(await typeOf(again, child.digest)).toBe(opaqueType);
    expect(await typeOf(again, image.root.descriptor.digest)).toBe(OCI_MANIFEST);
  });

  it('a child that only an index names has the type that the index gives it', async () => {
    const folder = makeMemoryFolder('air');
    const opaque = Buffer.from('any bytes');
    const child = { mediaType: opaqueType, digest: digestOf(opaque), size: opaque.length };
    const index = indexOf([], { fields: { manifests: [child] } });
    const store = await openLayout(join(folder, 'app'), { access: 'write', create: true });
    await store.put(child, () => Promise.resolve(Readable.from([opaque])));
    await store.tag(index.root, '1');
    await store.close();
    expect(await typeOf(`${await serve(folder)}/v2/app`, child.digest)).toBe(opaqueType);
  });

  it('what killed servers and half-made layouts have left is swept', async () => {
    const folder = makeMemoryFolder('air');
    await copyInto(join(folder, 'app'), image, '1');
    for (const name of ['app', 'half', 'bare']) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, '.regferry-tmp-0123456789abcdef'), 'half a blob');
      leaveDeadLock(join(folder, name));
    }
    writeFileSync(join(folder, 'half/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const url = await serve(folder);
    expect(readdirSync(join(folder, 'app')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readdirSync(join(folder, 'half')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect((await fetch(`${url}/v2/bare/tags/list`)).status).toBe(404);
    await seedHttp(url, 'bare', image, '1');
    expect(readdirSync(join(folder, 'bare')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(problems).toEqual([]);
  });
});

describe('tags and manifests in a folder', () => {
  const other = imageManifest({ layers: [blob(50, 9)] });

  it('move away from manifests that stay', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    await seedHttp(url, 'app', image, 'latest');
    await seedHttp(url, 'app', other, 'latest');
    expect(await typeOf(`${url}/v2/app`, image.root.descriptor.digest)).toBe(OCI_MANIFEST);
    await fetch(`${url}/v2/app/manifests/latest`, { method: 'DELETE' });
    expect(await typeOf(`${url}/v2/app`, other.root.descriptor.digest)).toBe(OCI_MANIFEST);
    const entries = indexJson(join(folder, 'app')).manifests;
    expect(entries.map(({ digest, annotations }) => [digest, annotations])).toEqual([
      [image.root.descriptor.digest, undefined],
      [other.root.descriptor.digest, undefined],
    ]);
  });

  it('are one entry, however often and by whatever name they are pushed, and what is there is left as it is', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const { bytes, descriptor } = image.root;
    for (const reference of [descriptor.digest, '1', descriptor.digest]) {
      expect(await pushManifest(base, reference, bytes, OCI_MANIFEST)).toBe(201);
    }
    expect(indexJson(join(folder, 'app')).manifests).toHaveLength(1);
    const files = ['index.json', blobFile('', descriptor.digest)].map((name) => join(folder, 'app', name));
    const before = files.map((file) => lstatSync(file).ino);
    // Second names keep the numbers of the files from being given to others.
    for (const [at, file] of files.entries()) linkSync(file, join(folder, `kept-${at}`));
    expect(await pushManifest(base, '1', bytes, OCI_MANIFEST)).toBe(201);
    expect(files.map((file) => lstatSync(file).ino)).toEqual(before);
  });

  it('have the type with which they were pushed last', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const bytes = Buffer.from('any bytes');
    const types = [opaqueType, 'application/x-other', opaqueType];
    for (const type of types) {
      expect(await pushManifest(base, digestOf(bytes), bytes, type)).toBe(201);
      expect(await typeOf(base, digestOf(bytes))).toBe(type);
      expect(indexJson(join(folder, 'app')).manifests).toHaveLength(1);
    }
  });

  it('survive being deleted and pushed at once, if the push was the last', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const { bytes, descriptor } = image.root;
    for (let round = 0; round < 20; round += 1) {
      await pushManifest(base, descriptor.digest, bytes, OCI_MANIFEST);
      const [, status] = await Promise.all([
        fetch(`${base}/manifests/${descriptor.digest}`, { method: 'DELETE' }),
        pushManifest(base, descriptor.digest, bytes, OCI_MANIFEST),
      ]);
      expect(status).toBe(201);
      const isListed = indexJson(join(folder, 'app')).manifests.length === 1;
      expect(existsSync(blobFile(join(folder, 'app'), descriptor.digest))).toBe(isListed);
    }
  });

  it('of a copy that has moved the tag on can still be read by digest', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    await copyInto(join(folder, 'app'), image, '1');
    await copyInto(join(folder, 'app'), other, '1');
    expect(indexJson(join(folder, 'app')).manifests).toHaveLength(2);
    expect(await typeOf(base, image.root.descriptor.digest)).toBe(OCI_MANIFEST);
  });

  it('keep the children of an index that is deleted', async () => {
    const folder = makeMemoryFolder('air');
    const index = indexOf([{ image }, { image: other }]);
    await copyInto(join(folder, 'app'), index, '1');
    await copyInto(join(folder, 'app'), indexOf([{ image: other }]), '2');
    const url = await serve(folder);
    await fetch(`${url}/v2/app/manifests/${index.root.descriptor.digest}`, { method: 'DELETE' });
    expect(existsSync(blobFile(join(folder, 'app'), index.root.descriptor.digest))).toBe(false);
    const listed = indexJson(join(folder, 'app')).manifests.map(({ digest }) => digest);
    expect(listed).toContain(image.root.descriptor.digest);
    expect(listed).not.toContain(other.root.descriptor.digest);
    expect(await typeOf(`${url}/v2/app`, image.root.descriptor.digest)).toBe(OCI_MANIFEST);
    expect(await typeOf(`${url}/v2/app`, other.root.descriptor.digest)).toBe(OCI_MANIFEST);
  });

  it('are gone when they are deleted, also if an index still names them', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    await seedHttp(url, 'app', indexOf([{ image }]), '1');
    const { digest } = image.root.descriptor;
    const answer = await fetch(`${url}/v2/app/manifests/${digest}`, { method: 'DELETE' });
    expect([answer.status, await typeOf(`${url}/v2/app`, digest)]).toEqual([202, 404]);
    expect((await fetch(`${url}/v2/app/manifests/1`)).status).toBe(200);
  });

  it('are not blobs, nor are blobs manifests', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    await seedHttp(base.slice(0, -7), 'app', indexOf([{ image }]), '1');
    const { digest } = image.root.descriptor;
    expect((await fetch(`${base}/blobs/${digest}`, { method: 'DELETE' })).status).toBe(404);
    expect(await typeOf(base, digest)).toBe(OCI_MANIFEST);
    for (const part of image.blobs.keys()) expect(await typeOf(base, part)).toBe(404);
    const large = await pushBlob(base, Buffer.concat([image.root.bytes, Buffer.alloc(4 * 1024 * 1024, ' ')]));
    expect(await typeOf(base, large)).toBe(404);
  });

  it('count as missing when they are damaged, and are repaired by a push', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    await seedHttp(url, 'app', image, '1');
    const file = blobFile(join(folder, 'app'), image.root.descriptor.digest);
    writeFileSync(file, readFileSync(file, 'utf8').replace('2', '3'));
    expect((await fetch(`${url}/v2/app/manifests/1`)).status).toBe(404);
    await seedHttp(url, 'app', image, '1');
    expect((await fetch(`${url}/v2/app/manifests/1`)).status).toBe(200);
  });

  it('of other programs are served as far as a registry can name them', async () => {
    const folder = makeMemoryFolder('air');
    const subject = image.root.descriptor;
    const about = imageManifest({ fields: { subject } });
    await copyInto(join(folder, 'app'), image, '1');
    await copyInto(join(folder, 'app'), about);
    const document = indexJson(join(folder, 'app'));
    const strange = { mediaType: OCI_MANIFEST, digest: 'blake3:00', size: 1 };
    const manifests = [strange, ...document.manifests, about.root.descriptor, { size: 'none' }];
    writeFileSync(join(folder, 'app/index.json'), JSON.stringify({ ...document, manifests }));
    const base = `${await serve(folder)}/v2/app`;
    expect(await (await fetch(`${base}/tags/list`)).json()).toEqual({ name: 'app', tags: ['1'] });
    const listed = (await (await fetch(`${base}/referrers/${subject.digest}`)).json()) as IndexJson;
    expect(listed.manifests.map(({ digest }) => digest)).toEqual([about.root.descriptor.digest]);
    expect(await pushManifest(base, '2', image.root.bytes, OCI_MANIFEST)).toBe(201);
    expect(indexJson(join(folder, 'app')).manifests).toEqual(
      expect.arrayContaining([strange, { size: 'none' }]) as unknown,
    );
  });
});

describe('writers of one layout', () => {
  it('are kept apart: a push is told to come back', async () => {
    const folder = makeMemoryFolder('air');
    const url = await serve(folder);
    await seedHttp(url, 'app', image, '1');
    const held = leaveLivingLock(join(folder, 'app'), { pid: 4711, host: 'there' });
    const answers = [
      await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST' }),
      await fetch(`${url}/v2/app/manifests/1`, { method: 'DELETE' }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      const body = await answer.text();
      expect(body).toContain('UNAVAILABLE');
      expect(body).not.toContain(folder);
    }
    expect(String(problems[0])).toContain('held by process 4711 on there');
    expect((await fetch(`${url}/v2/app/manifests/1`)).status).toBe(200);
    await stopAll();
    problems.splice(0);
    await serve(folder);
    expect(problems.map(String)).toEqual([expect.stringContaining('.regferry.lock is held by') as unknown]);
    expect(existsSync(held.file)).toBe(true);
    held.stop();
  });

  it('find the lock taken while a request writes, and free before, after and in between', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const lock = join(folder, 'app/.regferry.lock');
    const bytes = randomBytes(2_000);
    const location = await openUpload(base);
    expect(existsSync(lock)).toBe(false);
    const stuck = httpRequest(location, {
      method: 'PATCH',
      headers: { 'content-length': 1_000 },
      agent: false,
    });
    const answered = new Promise((resolve) =>
      stuck.once('response', (answer) => answer.resume().once('end', resolve)),
    );
    stuck.write(bytes.subarray(0, 500));
    await vi.waitFor(() => expect(existsSync(lock)).toBe(true), { interval: 1 });
    stuck.end(bytes.subarray(500, 1_000));
    await answered;
    expect(existsSync(lock)).toBe(false);
    expect((await put(location, digestOf(bytes), bytes.subarray(1_000))).status).toBe(201);
    expect(existsSync(lock)).toBe(false);
    await fetch(await openUpload(base), { method: 'DELETE' });
    const wrong = await put(await openUpload(base), digestOf(Buffer.from('other')), bytes);
    expect(wrong.status).toBe(400);
    expect(readdirSync(join(folder, 'app')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  it('of this process leave uploads alone that rest', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const bytes = randomBytes(2_000);
    const resting = await openUpload(base);
    await patch(resting, bytes, 0, 1_000);
    await copyInto(join(folder, 'app'), image, '1');
    await pushBlob(base, randomBytes(10));
    await patch(resting, bytes, 1_000, 2_000);
    expect((await put(resting, digestOf(bytes), Buffer.alloc(0))).status).toBe(201);
    const answer = await fetch(`${base}/blobs/${digestOf(bytes)}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('of another process may end an upload that rests, and its client is told to begin again', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    const bytes = randomBytes(2_000);
    const location = await openUpload(base);
    await patch(location, bytes, 0, 1_000);
    const [file = ''] = readdirSync(join(folder, 'app')).filter((name) => name.startsWith('.regferry-tmp'));
    rmSync(join(folder, 'app', file));
    const late = [await patch(location, bytes, 1_000, 2_000), await put(location, digestOf(bytes), bytes)];
    for (const answer of late) {
      expect([answer.status, await errorCodes(answer)]).toEqual([404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
    expect(existsSync(join(folder, 'app/.regferry.lock'))).toBe(false);
    expect((await put(await openUpload(base), digestOf(bytes), bytes)).status).toBe(201);
  });

  it('find nothing of an upload that has not ended when the server closes', async () => {
    const folder = makeMemoryFolder('air');
    const base = `${await serve(folder)}/v2/app`;
    await patch(await openUpload(base), randomBytes(1_000), 0, 1_000);
    expect(readdirSync(join(folder, 'app'))).toHaveLength(4);
    await stopAll();
    expect(readdirSync(join(folder, 'app')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

describe('a folder that cannot be served', () => {
  it('is a layout itself', async () => {
    const folder = join(makeMemoryFolder('air'), 'app');
    await copyInto(folder, image, '1');
    await expect(openFolderRegistry(folder)).rejects.toMatchObject({
      code: 'E_LAYOUT',
      message: expect.stringContaining('where it is the repository app') as unknown,
    });
  });

  it('is a file, or not there when nothing may be written', async () => {
    const folder = makeMemoryFolder('air');
    writeFileSync(join(folder, 'file'), '');
    await expect(openFolderRegistry(join(folder, 'file'))).rejects.toMatchObject({
      code: 'E_LAYOUT',
      message: `cannot serve ${join(folder, 'file')}: it is no folder`,
    });
    await expect(openFolderRegistry(join(folder, 'file', 'below'))).rejects.toMatchObject({
      code: 'E_LAYOUT',
    });
    const missing = join(folder, 'missing');
    await expect(openFolderRegistry(missing, { readOnly: true })).rejects.toMatchObject({ code: 'E_LAYOUT' });
    await openFolderRegistry(missing);
    expect(existsSync(missing)).toBe(true);
  });

  it('is cleaned by nobody when nothing may be written', async () => {
    const folder = makeMemoryFolder('air');
    await copyInto(join(folder, 'app'), image, '1');
    writeFileSync(join(folder, 'app/.regferry-tmp-0123456789abcdef'), 'half a blob');
    await openFolderRegistry(folder, { readOnly: true });
    expect(existsSync(join(folder, 'app/.regferry-tmp-0123456789abcdef'))).toBe(true);
  });
});

it('what was refused makes no repository', async () => {
  const folder = makeMemoryFolder('air');
  const storage = await openFolderRegistry(folder);
  const registry = await serveRegistry({ storage });
  open.push(registry);
  const base = `${registry.url}/v2/app`;
  expect((await fetch(`${base}/blobs/uploads/?digest=sha256:00`, { method: 'POST' })).status).toBe(400);
  expect(await pushManifest(base, '1', image.root.bytes, OCI_MANIFEST)).toBe(400);
  expect(readdirSync(folder)).toEqual([]);
});

it('a blob that became shorter while it was read is no blob of that length', async () => {
  const folder = makeMemoryFolder('air');
  const base = `${await serve(folder)}/v2/app`;
  const digest = await pushBlob(base, randomBytes(3_000_000));
  const answer = await fetch(`${base}/blobs/${digest}`);
  truncateSync(blobFile(join(folder, 'app'), digest), 100);
  await expect(answer.arrayBuffer()).rejects.toThrow();
});

it('changes of index.json that wait for each other are written together', async () => {
  const folder = makeMemoryFolder('air');
  const base = `${await serve(folder)}/v2/app`;
  await pushBlob(base, randomBytes(10));
  const { LayoutFiles } = await import('../../../src/content/layout-files.js');
  const writes = vi.spyOn(LayoutFiles.prototype, 'writeTop');
  try {
    const pushes = Array.from({ length: 30 }, (_, at) =>
      pushManifest(base, `t${at}`, image.root.bytes, OCI_MANIFEST),
    );
    expect(new Set(await Promise.all(pushes))).toEqual(new Set([201]));
    expect(writes.mock.calls.length).toBeLessThan(30);
  } finally {
    writes.mockRestore();
  }
});
