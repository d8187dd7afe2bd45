import { afterEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { OCI_EMPTY, OCI_INDEX, OCI_MANIFEST } from '../../../src/spec/media-types.js';
import {
  blob,
  fixtureImages,
  imageManifest,
  indexOf,
  repositoryFor,
  seed,
  seedHttp,
} from '../../support/fixtures.js';
import type { FixtureImage } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';
import type { TestRegistry, TestRegistryOptions } from '../../support/registry.js';
import { RawClient } from '../support/raw.js';
import { errorCodes } from './answer.js';

let registry: TestRegistry;
afterEach(() => registry.close());
const start = async (options: TestRegistryOptions = {}): Promise<void> => {
  registry = await startRegistry(options);
};

const put = (reference: string, body: Buffer | string, type?: string): Promise<Response> =>
  fetch(`${registry.url}/v2/app/manifests/${reference}`, {
    method: 'PUT',
    body: new Uint8Array(Buffer.from(body)),
    ...(type !== undefined && { headers: { 'content-type': type } }),
  });

/** Puts the blobs and children into the registry, and gives the root, which is not there. */
async function rootOf(image: FixtureImage): Promise<FixtureImage['root']> {
  await seed(registry.store('app'), image);
  registry.store('app').deleteManifest(image.root.descriptor.digest);
  return image.root;
}

describe('a pushed manifest', () => {
  it('keeps its bytes and its type, whatever it looks like', async () => {
    await start();
    for (const [name, image] of Object.entries(fixtureImages())) {
      const repository = repositoryFor(name);
      await seedHttp(registry.url, repository, image);
      for (const { descriptor, bytes } of image.manifests) {
        const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${descriptor.digest}`);
        expect(Buffer.from(await answer.arrayBuffer()).equals(bytes), name).toBe(true);
        expect(answer.headers.get('content-type'), name).toBe(descriptor.mediaType);
      }
    }
  });

  it('answers with its digest and a place where it can be read', async () => {
    await start();
    const { bytes, descriptor } = await rootOf(imageManifest());
    const answer = await put('v1', bytes, descriptor.mediaType);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('docker-content-digest')).toBe(descriptor.digest);
    const location = new URL(answer.headers.get('location') ?? '', registry.url);
    expect((await fetch(location)).status).toBe(200);
    expect(registry.store('app').tagged('v1')).toBe(descriptor.digest);
  });

  it('moves a tag and leaves the manifest that had it', async () => {
    await start();
    const [first, second] = [imageManifest({ style: 'tabs' }), imageManifest({ style: 'crlf' })];
    await seed(registry.store('app'), first, 'v1');
    await put('v1', second.root.bytes, OCI_MANIFEST);
    expect(registry.store('app').tagged('v1')).toBe(second.root.descriptor.digest);
    expect(registry.store('app').manifest(first.root.descriptor.digest)).toBeDefined();
  });

  it.each(['sha256', 'sha512'] as const)('can be named by its %s digest', async (algorithm) => {
    await start();
    const { bytes } = await rootOf(imageManifest());
    const digest = digestOf(bytes, algorithm);
    const answer = await put(digest, bytes, OCI_MANIFEST);
    expect([answer.status, answer.headers.get('docker-content-digest')]).toEqual([201, digest]);
  });

  it('can have a tag and a sha512 digest', async () => {
    await start();
    const { bytes } = await rootOf(imageManifest());
    const digest = digestOf(bytes, 'sha512');
    await put(`v1?digest=${digest}`, bytes, OCI_MANIFEST);
    expect(registry.store('app').tagged('v1')).toBe(digest);
  });

  it('tells that its subject was understood, though that does not exist', async () => {
    await start();
    const subject = { mediaType: OCI_MANIFEST, digest: digestOf(Buffer.from('?')), size: 3 };
    const { bytes, descriptor } = await rootOf(imageManifest({ fields: { subject } }));
    const answer = await put('v1', bytes, descriptor.mediaType);
    expect([answer.status, answer.headers.get('oci-subject')]).toEqual([201, subject.digest]);
  });

  it.each([
    ['application/json', OCI_MANIFEST],
    [undefined, OCI_MANIFEST],
    [`${OCI_MANIFEST}; charset=utf-8`, `${OCI_MANIFEST}; charset=utf-8`],
    ['application/vnd.example.unheard-of+json', 'application/vnd.example.unheard-of+json'],
  ])('that is sent as %s is kept as %s', async (sent, kept) => {
    await start();
    const { bytes, descriptor } = await rootOf(imageManifest());
    expect((await put('v1', bytes, sent)).status).toBe(201);
    expect(registry.store('app').manifest(descriptor.digest)?.descriptor.mediaType).toBe(kept);
  });

  it('may name blobs and manifests that are not there where the registry is sparse', async () => {
    await start({ sparse: true });
    const index = indexOf([{ image: imageManifest() }]).root;
    expect((await put('v1', index.bytes, OCI_INDEX)).status).toBe(201);
  });
});

describe('a manifest is refused', () => {
  const image = imageManifest();
  const cases: [string, string, Buffer | string, string, number, string][] = [
    [
      'with another digest',
      digestOf(Buffer.from('?')),
      image.root.bytes,
      OCI_MANIFEST,
      400,
      'DIGEST_INVALID',
    ],
    ['under a digest that is none', 'sha256:abc', image.root.bytes, OCI_MANIFEST, 400, 'DIGEST_INVALID'],
    ['under a tag that is none', '.x', image.root.bytes, OCI_MANIFEST, 400, 'TAG_INVALID'],
    ['that is no JSON', 'v1', 'hello', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
    ['that is nothing', 'v1', '', OCI_MANIFEST, 400, 'MANIFEST_INVALID'],
    ['whose mediaType is not its Content-Type', 'v1', image.root.bytes, OCI_INDEX, 400, 'MANIFEST_INVALID'],
    ['that is index and image', 'v1', '{"manifests":[],"layers":[]}', OCI_INDEX, 400, 'MANIFEST_INVALID'],
    ['over 4 MiB', 'v1', Buffer.alloc(4 * 1024 * 1024 + 1, ' '), OCI_MANIFEST, 413, 'SIZE_INVALID'],
  ];

  it.each(cases)('%s', async (_, reference, body, type, status, code) => {
    await start();
    await rootOf(image);
    const answer = await put(reference, body, type);
    expect([answer.status, await errorCodes(answer)]).toEqual([status, [code]]);
    expect(registry.store('app').tagged('v1')).toBeUndefined();
  });

  it('over the limit before it has come', async () => {
    await start({ manifestBytes: 1_000 });
    const client = new RawClient(registry.url);
    client.send('PUT', '/v2/app/manifests/v1', Buffer.alloc(0), 1_001);
    await client.until(/ 413 /);
    client.close();
  });

  it('over the limit when its length was not declared', async () => {
    await start({ manifestBytes: 1_000 });
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.alloc(1_001, ' '));
        controller.close();
      },
    });
    const answer = await fetch(`${registry.url}/v2/app/manifests/v1`, {
      method: 'PUT',
      body,
      duplex: 'half',
    });
    expect(answer.status).toBe(413);
  });

  it('when a layer is missing', async () => {
    await start();
    const { bytes } = await rootOf(image);
    registry.store('app').deleteBlob(digestOf(blob(1_000, 1)));
    const answer = await put('v1', bytes, OCI_MANIFEST);
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  it('when a child is missing', async () => {
    await start();
    const index = indexOf([{ image }]);
    await rootOf(index);
    registry.store('app').deleteManifest(image.root.descriptor.digest);
    const answer = await put('v1', index.root.bytes, OCI_INDEX);
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
  });
});

describe('referrers', () => {
  const subject = imageManifest().root.descriptor;
  const about = (artifactType: string, seedNumber: number): FixtureImage =>
    imageManifest({
      config: Buffer.from('{}'),
      configType: OCI_EMPTY,
      layers: [blob(10, seedNumber)],
      fields: { subject, artifactType, annotations: { 'org.example.kind': artifactType } },
    });
  const list = async (query = ''): Promise<{ answer: Response; manifests: Record<string, unknown>[] }> => {
    const answer = await fetch(`${registry.url}/v2/app/referrers/${subject.digest}${query}`);
    const index = (await answer.json()) as { manifests: Record<string, unknown>[] };
    return { answer, manifests: index.manifests };
  };

  it('are none, in an empty index, where nothing refers', async () => {
    await start();
    const { answer, manifests } = await list();
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, OCI_INDEX]);
    expect(manifests).toEqual([]);
  });

  it('are listed with their type and annotations', async () => {
    await start();
    const sbom = about('application/vnd.example.sbom', 1);
    await seedHttp(registry.url, 'app', sbom);
    await seedHttp(registry.url, 'app', imageManifest());
    expect((await list()).manifests).toEqual([
      {
        ...sbom.root.descriptor,
        artifactType: 'application/vnd.example.sbom',
        annotations: { 'org.example.kind': 'application/vnd.example.sbom' },
      },
    ]);
  });

  it('are filtered by type, and say so', async () => {
    await start();
    const [sbom, signature] = [about('application/x-sbom', 1), about('application/x-signature', 2)];
    await seedHttp(registry.url, 'app', sbom);
    await seedHttp(registry.url, 'app', signature);
    const { answer, manifests } = await list('?artifactType=application/x-signature');
    expect(answer.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(manifests.map((manifest) => manifest['digest'])).toEqual([signature.root.descriptor.digest]);
  });
});

describe('what is deleted is gone', () => {
  const image = imageManifest();
  const { digest } = image.root.descriptor;
  const remove = async (path: string): Promise<number> =>
    (await fetch(`${registry.url}/v2/app/${path}`, { method: 'DELETE' })).status;
  const begin = async (): Promise<void> => {
    await start();
    await seed(registry.store('app'), image, 'v1');
    await seed(registry.store('app'), image, 'v2');
  };

  it('a tag without its manifest', async () => {
    await begin();
    expect(await remove('manifests/v1')).toBe(202);
    expect(registry.store('app').tagged('v1')).toBeUndefined();
    expect(registry.store('app').tagged('v2')).toBe(digest);
    expect(registry.store('app').manifest(digest)).toBeDefined();
  });

  it('a manifest with its tags', async () => {
    await begin();
    expect(await remove(`manifests/${digest}`)).toBe(202);
    expect(registry.store('app').manifest(digest)).toBeUndefined();
    expect(registry.store('app').tagged('v1')).toBeUndefined();
  });

  it('a blob from one repository alone', async () => {
    await begin();
    await seed(registry.store('other'), image);
    const layer = digestOf(blob(1_000, 1));
    expect(await remove(`blobs/${layer}`)).toBe(202);
    expect(registry.store('app').blob(layer)).toBeUndefined();
    expect(registry.store('other').blob(layer)).toBeDefined();
  });

  it('and cannot be deleted when it was not there', async () => {
    await begin();
    const absent = digestOf(Buffer.from('absent'));
    expect(await remove('manifests/v3')).toBe(404);
    expect(await remove(`manifests/${absent}`)).toBe(404);
    expect(await remove('manifests/.x')).toBe(404);
    expect(await remove(`blobs/${absent}`)).toBe(404);
  });
});
