import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openFolderRegistry } from '../../../src/serve/folder-registry.js';
import { MemoryRegistry } from '../../../src/serve/memory-registry.js';
import { serveRegistry, type ServedRegistry } from '../../../src/serve/server.js';
import type { RegistryStorage } from '../../../src/serve/storage.js';
import { digestOf, type Digest } from '../../../src/spec/digest.js';
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { blob, fixtureImages, imageManifest, indexOf, type FixtureImage } from '../../support/fixtures.js';
import { makeMemoryFolder, removeTempFolders } from '../../support/temp.js';
import { errorCodes } from './answer.js';
import { bodyOf, locationOf, openUpload, patch, pushBlob, pushForms, put } from './pushing.js';

// The cases of the conformance tests of the distribution specification: every way to push a blob, every form of a range,
// and every kind of content through its whole life.

interface ReferrersPage {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly manifests: readonly { digest: string; artifactType?: string; annotations?: object }[];
}

const example = {
  type: 'application/vnd.example.conformance.v1',
  other: 'application/vnd.example.conformance.v2',
};

function artifact(seed: number, fields: object): FixtureImage {
  const layers = [{ bytes: blob(200, seed), mediaType: example.type }];
  return imageManifest({ config: Buffer.from('{}'), configType: OCI_EMPTY, layers, fields });
}

function twoOf(seed: number): FixtureImage {
  return indexOf(
    [blob(300, seed), blob(300, seed + 1)].map((layer) => ({ image: imageManifest({ layers: [layer] }) })),
  );
}

/** What is pushed, in this order, each with its tag; later ones may be about earlier ones. */
function dataSets(): Record<string, readonly (readonly [FixtureImage, string?])[]> {
  const image = imageManifest({ layers: [blob(400, 1)] });
  const subject = { subject: image.root.descriptor };
  const index = twoOf(40);
  const annotations = { 'org.example.conformance': 'hello' };
  const about = (seed: number, artifactType: string): FixtureImage =>
    artifact(seed, { artifactType, annotations, ...subject });
  const aboutIndex = { artifactType: example.type, annotations, subject: index.root.descriptor };
  return {
    ...Object.fromEntries(
      Object.entries(fixtureImages()).map(([name, fixture]) => [name, [[fixture, 'tag']]]),
    ),
    'artifact index': [
      [indexOf([{ image: artifact(20, {}) }], { fields: { artifactType: example.type } }), 'artifacts'],
    ],
    'artifacts with a subject': [
      [image, 'image'],
      [imageManifest({ layers: [blob(100, 30)], fields: subject })],
      [about(31, example.type), 'first'],
      [about(32, example.other), 'second'],
    ],
    'index with a subject': [
      [index, 'index'],
      [indexOf([{ image: artifact(50, {}) }], { fields: aboutIndex }), 'about-index'],
    ],
    'custom fields': [
      [
        indexOf([{ image: imageManifest({ fields: { 'org.example.new': [1] } }), fields: { extra: true } }], {
          fields: { 'org.example.other': { deep: null } },
        }),
        'custom',
      ],
    ],
  };
}

const storages: Record<string, () => Promise<RegistryStorage>> = {
  memory: () => Promise.resolve(new MemoryRegistry()),
  folders: () => openFolderRegistry(makeMemoryFolder('conformance')),
};

let registry: ServedRegistry;
let base: string;
afterAll(removeTempFolders);

const readBytes = async (answer: Response): Promise<Buffer> => Buffer.from(await answer.arrayBuffer());
const manifestAt = (reference: string, method = 'GET'): Promise<Response> =>
  fetch(`${base}/manifests/${reference}`, { method });
const blobAt = (digest: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${base}/blobs/${digest}`, init);

async function expectBlob(digest: Digest, bytes: Buffer): Promise<void> {
  const head = await blobAt(digest, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  expect(head.headers.get('docker-content-digest')).toBe(digest);
  expect((await readBytes(await blobAt(digest))).equals(bytes)).toBe(true);
}

async function expectDeleted(path: string): Promise<void> {
  expect((await fetch(path, { method: 'DELETE' })).status).toBe(202);
  expect((await fetch(path, { method: 'HEAD' })).status).toBe(404);
  expect((await fetch(path, { method: 'DELETE' })).status).toBe(404);
}

async function pushManifest(reference: string, image: FixtureImage, query = ''): Promise<Response> {
  const { bytes, descriptor } = image.root;
  return await fetch(`${base}/manifests/${reference}${query}`, {
    method: 'PUT',
    headers: { 'content-type': descriptor.mediaType },
    body: bodyOf(bytes),
  });
}

async function pushAll(image: FixtureImage): Promise<void> {
  for (const [digest, bytes] of image.blobs)
    await pushBlob(base, bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256');
  for (const manifest of image.manifests) {
    const answer = await pushManifest(manifest.descriptor.digest, { ...image, root: manifest });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('docker-content-digest')).toBe(manifest.descriptor.digest);
    expect((await readBytes(await fetch(locationOf(answer)))).equals(manifest.bytes)).toBe(true);
  }
}

async function expectManifest(reference: string, { bytes, descriptor }: FixtureImage['root']): Promise<void> {
  for (const method of ['HEAD', 'GET']) {
    const answer = await manifestAt(reference, method);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe(descriptor.mediaType);
    expect(answer.headers.get('content-length')).toBe(String(bytes.length));
    expect(answer.headers.get('docker-content-digest')).toBe(descriptor.digest);
    expect((await readBytes(answer)).equals(method === 'GET' ? bytes : Buffer.alloc(0))).toBe(true);
  }
}

async function referrers(subject: string, query = ''): Promise<{ answer: Response; page: ReferrersPage }> {
  const answer = await fetch(`${base}/referrers/${subject}${query}`);
  return { answer, page: (await answer.json()) as ReferrersPage };
}

describe.each(Object.keys(storages))('a registry over %s', (kind) => {
  beforeAll(async () => {
    const storage = await storages[kind]?.();
    registry = await serveRegistry({ storage, sparse: false });
    base = `${registry.url}/v2/conformance/repo`;
  });
  afterAll(() => registry.close());

  it('has no tags and no referrers in a repository that is not there', async () => {
    const other = base;
    base = `${registry.url}/v2/not/there`;
    expect((await fetch(`${base}/tags/list`)).status).toBe(404);
    const { answer, page } = await referrers(digestOf(randomBytes(8)));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, OCI_INDEX]);
    expect(page).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    base = other;
  });

  describe.each(['sha256', 'sha512'] as const)('takes %s blobs', (algorithm) => {
    it.each(Object.keys(pushForms))('by %s', async (form) => {
      const bytes = randomBytes(3 * 1024 - 5);
      const digest = digestOf(bytes, algorithm);
      const answer = await pushForms[form]?.(base, digest, bytes);
      expect(answer?.status).toBe(201);
      expect(answer?.headers.get('docker-content-digest')).toBe(digest);
      expect(
        (await readBytes(await fetch(answer === undefined ? '' : locationOf(answer)))).equals(bytes),
      ).toBe(true);
      await expectBlob(digest, bytes);
      await expectDeleted(`${base}/blobs/${digest}`);
    });

    it.each(Object.keys(pushForms))('by %s only with their own digest', async (form) => {
      const bytes = randomBytes(2_000);
      const wrong = digestOf(randomBytes(2_000), algorithm);
      const answer = await pushForms[form]?.(base, wrong, bytes);
      expect([answer?.status, answer === undefined ? [] : await errorCodes(answer)]).toEqual([
        400,
        ['DIGEST_INVALID'],
      ]);
      expect((await blobAt(wrong)).status).toBe(404);
      expect((await blobAt(digestOf(bytes, algorithm))).status).toBe(404);
    });

    it.each([
      ['no bytes', Buffer.alloc(0)],
      ['an empty JSON object', Buffer.from('{}')],
    ])('of %s', async (_, bytes) => {
      const digest = digestOf(bytes, algorithm);
      expect((await put(await openUpload(base), digest, bytes)).status).toBe(201);
      await expectBlob(digest, bytes);
      await expectDeleted(`${base}/blobs/${digest}`);
    });

    it.each([false, true])(
      'in chunks out of order once they are in order (the last one in a PUT: %s)',
      async (inPut) => {
        const bytes = randomBytes(3_000);
        const digest = digestOf(bytes, algorithm);
        let location = await openUpload(base);
        for (const start of [0, 1_000, 2_000]) {
          const wrong = start === 2_000 ? 0 : start + 1_000;
          expect((await patch(location, bytes, wrong, wrong + 1_000)).status).toBe(416);
          const status = await fetch(location);
          expect([status.status, status.headers.get('range')]).toEqual([204, `0-${Math.max(0, start - 1)}`]);
          location = locationOf(status);
          if (start === 2_000 && inPut) break;
          location = locationOf(await patch(location, bytes, start, start + 1_000));
        }
        const last = inPut ? bytes.subarray(2_000) : Buffer.alloc(0);
        const range = inPut ? { 'content-range': '2000-2999' } : {};
        expect((await put(location, digest, last, range)).status).toBe(201);
        await expectBlob(digest, bytes);
      },
    );

    it.each([
      ['from the repository that is named', '&from=conformance/other'],
      ['from any repository', ''],
    ])('by a mount %s', async (_, from) => {
      const bytes = randomBytes(700);
      const digest = await pushBlob(`${registry.url}/v2/conformance/other`, bytes, algorithm);
      const answer = await fetch(`${base}/blobs/uploads/?mount=${digest}${from}`, { method: 'POST' });
      expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest]);
      await expectDeleted(`${registry.url}/v2/conformance/other/blobs/${digest}`);
      await expectBlob(digest, bytes);
    });

    it('by an upload where there is nothing to mount', async () => {
      const bytes = randomBytes(700);
      const digest = digestOf(bytes, algorithm);
      const query = `?mount=${digest}&from=conformance/other`;
      const answer = await fetch(`${base}/blobs/uploads/${query}`, { method: 'POST' });
      expect(answer.status).toBe(202);
      expect((await put(locationOf(answer), digest, bytes)).status).toBe(201);
      await expectBlob(digest, bytes);
    });
  });

  it('lets an upload be cancelled', async () => {
    const location = await openUpload(base);
    await patch(location, randomBytes(100), 0, 100);
    expect((await fetch(location, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(location)).status).toBe(404);
  });

  it.each([
    ['500-1499', 500, 1_500],
    ['500-', 500, 2_048],
    ['-500', 1_548, 2_048],
    ['2000-5000', 2_000, 2_048],
    ['0-0', 0, 1],
    ['-5000', 0, 2_048],
  ])('answers the range %s of a blob', async (range, start, end) => {
    const bytes = blob(2_048, 99);
    const digest = await pushBlob(base, bytes);
    const answer = await blobAt(digest, { headers: { range: `bytes=${range}` } });
    expect([answer.status, answer.headers.get('content-length')]).toEqual([206, String(end - start)]);
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/2048`);
    expect((await readBytes(answer)).equals(bytes.subarray(start, end))).toBe(true);
  });

  it.each(['500-0', '5000-10000', '2048-', '-0'])('refuses the range %s of a blob', async (range) => {
    const digest = await pushBlob(base, blob(2_048, 99));
    const answer = await blobAt(digest, { headers: { range: `bytes=${range}` } });
    expect([answer.status, answer.headers.get('content-range')]).toEqual([416, 'bytes */2048']);
  });

  describe.each(Object.entries(dataSets()))('keeps %s', (name, data) => {
    it('from push to delete', async () => {
      base = `${registry.url}/v2/data/${name.replaceAll(/[^a-z0-9]+/g, '-')}`;
      const tags: string[] = [];
      for (const [image, tag] of data) {
        await pushAll(image);
        if (tag === undefined) continue;
        const answer = await pushManifest(tag, image, `?digest=${image.root.descriptor.digest}`);
        expect(answer.status).toBe(201);
        tags.push(tag);
        await expectManifest(tag, image.root);
      }
      const listed = (await (await fetch(`${base}/tags/list`)).json()) as object;
      expect(listed).toEqual({ name: new URL(base).pathname.slice(4), tags: tags.sort() });
      for (const [image] of data) {
        for (const manifest of image.manifests) await expectManifest(manifest.descriptor.digest, manifest);
        for (const [digest, bytes] of image.blobs) await expectBlob(digest, bytes);
      }
      for (const tag of tags) await expectDeleted(`${base}/manifests/${tag}`);
      const manifests = new Set(
        data.flatMap(([image]) => image.manifests.map(({ descriptor }) => descriptor.digest)),
      );
      for (const digest of [...manifests].reverse()) await expectDeleted(`${base}/manifests/${digest}`);
      const blobs = new Set(data.flatMap(([image]) => [...image.blobs.keys()]));
      for (const digest of blobs) await expectDeleted(`${base}/blobs/${digest}`);
    });
  });

  it('lists referrers, all of them or those of one type', async () => {
    base = `${registry.url}/v2/referrers`;
    const data = dataSets()['artifacts with a subject'] ?? [];
    for (const [image] of data) await pushAll(image);
    const [image, plain, first, second] = data.map(([fixture]) => fixture.root.descriptor);
    const subject = image?.digest ?? '';
    const all = await referrers(subject);
    expect(all.answer.headers.get('oci-filters-applied')).toBeNull();
    expect(new Set(all.page.manifests.map(({ digest }) => digest))).toEqual(
      new Set([plain?.digest, first?.digest, second?.digest]),
    );
    const some = await referrers(subject, `?artifactType=${example.type}`);
    expect(some.answer.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(some.page.manifests).toEqual([
      { ...first, artifactType: example.type, annotations: { 'org.example.conformance': 'hello' } },
    ]);
    const push = data.at(-1)?.[0];
    const answer = push === undefined ? undefined : await pushManifest(push.root.descriptor.digest, push);
    expect(answer?.headers.get('oci-subject')).toBe(subject);
  });

  it('lists referrers page by page', async () => {
    base = `${registry.url}/v2/paged`;
    const image = imageManifest();
    const subject = image.root.descriptor;
    const about = [1, 2, 3, 4, 5].map((seed) => artifact(60 + seed, { artifactType: example.type, subject }));
    for (const each of about) await pushAll(each);
    const seen: string[] = [];
    let url = `${base}/referrers/${subject.digest}?n=2&artifactType=${encodeURIComponent(example.type)}`;
    for (let pages = 0; url !== ''; pages += 1) {
      const answer = await fetch(url);
      const page = (await answer.json()) as ReferrersPage;
      seen.push(...page.manifests.map(({ digest }) => digest));
      expect(page.manifests.length).toBeLessThanOrEqual(2);
      expect(answer.headers.get('oci-filters-applied')).toBe('artifactType');
      const next = /^<(.+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1];
      url = next === undefined ? '' : new URL(next, url).href;
      expect(pages).toBeLessThan(3);
    }
    expect(seen).toEqual(about.map(({ root }) => root.descriptor.digest).sort());
  });

  it('keeps a page of referrers no longer than a manifest may be', async () => {
    base = `${registry.url}/v2/long`;
    const subject = imageManifest().root.descriptor;
    for (const seed of [1, 2, 3]) {
      await pushAll(artifact(seed, { subject, annotations: { 'org.example.long': 'x'.repeat(2_000_000) } }));
    }
    const { answer, page } = await referrers(subject.digest);
    expect(page.manifests).toHaveLength(2);
    const next = /^<(.+)>/.exec(answer.headers.get('link') ?? '')?.[1] ?? '';
    const rest = (await (await fetch(new URL(next, base))).json()) as ReferrersPage;
    expect(rest.manifests).toHaveLength(1);
  });

  it.each(['sha256', 'sha512'] as const)(
    'sets several tags with one push by %s digest',
    async (algorithm) => {
      base = `${registry.url}/v2/tags/${algorithm}`;
      const image = imageManifest({ algorithm });
      await pushAll(image);
      const answer = await pushManifest(image.root.descriptor.digest, image, '?tag=one&tag=two&tag=one');
      expect(answer.status).toBe(201);
      expect(answer.headers.get('oci-tag')?.split(', ')).toEqual(['one', 'two']);
      for (const tag of ['one', 'two']) await expectManifest(tag, image.root);
    },
  );

  it('refuses a push with tags that are none, or with too many', async () => {
    base = `${registry.url}/v2/tags/bad`;
    const image = imageManifest();
    await pushAll(image);
    const { digest } = image.root.descriptor;
    const wrong = await pushManifest(digest, image, '?tag=ok&tag=-no');
    expect([wrong.status, await errorCodes(wrong)]).toEqual([400, ['TAG_INVALID']]);
    const many = Array.from({ length: 101 }, (_, at) => `tag=t${at}`).join('&');
    expect((await pushManifest(digest, image, `?${many}`)).status).toBe(414);
    expect(((await (await fetch(`${base}/tags/list`)).json()) as { tags: unknown }).tags).toEqual([]);
  });

  it('gives a tag from behind another one', async () => {
    base = `${registry.url}/v2/tags/sha256`;
    const answer = await fetch(`${base}/tags/list?last=one`);
    expect(((await answer.json()) as { tags: unknown }).tags).toEqual(['two']);
  });

  it('does not know manifests that were not pushed, and refuses digests that are none', async () => {
    base = `${registry.url}/v2/errors`;
    const image = imageManifest();
    await pushAll(image);
    for (const reference of [digestOf(randomBytes(10)), 'missing-tag']) {
      const answer = await manifestAt(reference);
      expect([answer.status, await errorCodes(answer)]).toEqual([404, ['MANIFEST_UNKNOWN']]);
    }
    expect((await pushManifest('sha256:baddigeststring', image)).status).toBe(400);
    expect((await manifestAt('sha256:baddigeststring')).status).toBe(404);
    const wrong = await pushManifest(digestOf(randomBytes(10)), image);
    expect([wrong.status, await errorCodes(wrong)]).toEqual([400, ['DIGEST_INVALID']]);
  });

  it('refuses a manifest whose parts are not there, but for its subject and foreign layers', async () => {
    base = `${registry.url}/v2/sparse`;
    const image = imageManifest();
    const answers = [await pushManifest('image', image), await pushManifest('index', indexOf([{ image }]))];
    for (const answer of answers) {
      expect([answer.status, await errorCodes(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
    }
  });

  it('lists its repositories', async () => {
    const answer = await fetch(`${registry.url}/v2/_catalog?n=2&last=errors`);
    expect(await answer.json()).toEqual({ repositories: ['long', 'paged'] });
    expect(answer.headers.get('link')).toBe('</v2/_catalog?n=2&last=paged>; rel="next"');
  });
});

describe.each(Object.keys(storages))('a registry over %s that takes sparse content', (kind) => {
  it('keeps manifests whose parts are not there', async () => {
    const storage = await storages[kind]?.();
    registry = await serveRegistry({ storage, sparse: true });
    base = `${registry.url}/v2/sparse`;
    const image = imageManifest();
    const missing = { mediaType: OCI_MANIFEST, digest: digestOf(randomBytes(5)), size: 5 };
    const index = indexOf([{ image }], { fields: { manifests: [image.root.descriptor, missing] } });
    expect((await pushManifest('image', image)).status).toBe(201);
    expect((await pushManifest('index', index)).status).toBe(201);
    await expectManifest('image', image.root);
    await expectManifest('index', index.root);
    expect((await manifestAt(missing.digest)).status).toBe(404);
    await registry.close();
  });
});
