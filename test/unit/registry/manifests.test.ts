import { afterEach, describe, expect, it } from 'vitest';

import type { Manifest } from '../../../src/content/store.js';
import { digestOf, type Digest } from '../../../src/spec/digest.js';
import { OCI_INDEX, OCI_MANIFEST, SCHEMA1_SIGNED } from '../../../src/spec/media-types.js';
import { blob, imageManifest } from '../../support/fixtures.js';
import { rule, type Fault } from '../../support/faults.js';
import { answer, registryError, rewrite } from '../../support/faults/answers.js';
import { corruptResponse, truncateResponse } from '../../support/faults/bodies.js';
import { cutResponse } from '../../support/faults/cuts.js';
import { changeHeaders, lieAboutDigest, omitHeaders, setHeaders } from '../../support/faults/headers.js';
import type { TestRegistry } from '../../support/registry.js';
import {
  closeEverything,
  failureOf,
  openRegistry,
  openRepository,
  openServer,
  requestsOf,
  type Opened,
} from './open-repository.js';

afterEach(closeEverything);

const { root } = imageManifest({ style: 'odd key order', layers: [blob(10, 1)] });
const { digest, size } = root.descriptor;
const other = digestOf(Buffer.from('another'));

/** A registry that holds the manifest under the tag `1`, and meets these faults. */
async function holding(
  manifest: Manifest,
  match: Parameters<typeof rule>[0] = {},
  ...faults: [Fault, ...Fault[]] | []
): Promise<{ registry: TestRegistry } & Opened> {
  const [first, ...rest] = faults;
  const registry = await openRegistry({ rules: first === undefined ? [] : [rule(match, first, ...rest)] });
  await registry.store('app').tag(manifest, '1');
  return { registry, ...openRepository(registry.url, { side: 'source' }) };
}

describe('a manifest that is looked up', () => {
  it('is told by one HEAD, with every type in the Accept header', async () => {
    const { registry, repository } = await holding(root);
    expect(await repository.resolve({ tag: '1' })).toEqual(root.descriptor);
    expect(registry.log.map(({ method, headers }) => [method, headers.accept])).toEqual([
      [
        'HEAD',
        [
          'application/vnd.oci.image.index.v1+json',
          'application/vnd.docker.distribution.manifest.list.v2+json',
          'application/vnd.oci.image.manifest.v1+json',
          'application/vnd.docker.distribution.manifest.v2+json',
          'application/vnd.oci.artifact.manifest.v1+json',
          'application/vnd.docker.distribution.manifest.v1+prettyjws',
          'application/vnd.docker.distribution.manifest.v1+json',
        ].join(', '),
      ],
    ]);
  });

  it('is undefined after a 404, without a second question', async () => {
    const { registry, repository } = await holding(root);
    expect(await repository.resolve({ tag: '2' })).toBeUndefined();
    expect(await repository.resolve({ digest: other })).toBeUndefined();
    expect(requestsOf(registry)).toEqual(['HEAD 404', 'HEAD 404']);
  });

  it.each([204, 304, 405, 501, 505])('is read where HEAD is answered with %i', async (status) => {
    const { registry, repository } = await holding(root, { method: 'HEAD' }, answer(status));
    expect(await repository.resolve({ tag: '1' })).toEqual(root.descriptor);
    expect(await repository.resolve({ tag: '2' })).toBeUndefined();
    expect(requestsOf(registry)).toEqual([`HEAD ${status}`, 'GET 200', `HEAD ${status}`, 'GET 404']);
  });

  it.each([
    ['no digest', omitHeaders('docker-content-digest')],
    ['a digest that cannot be verified', lieAboutDigest('md5:d41d8cd98f00b204e9800998ecf8427e')],
    ['no type', omitHeaders('content-type')],
    ['a type that says nothing', setHeaders({ 'content-type': 'application/json' })],
  ])('is read where HEAD tells %s', async (_what, fault) => {
    const { registry, repository } = await holding(root, { method: 'HEAD' }, fault);
    expect(await repository.resolve({ tag: '1' })).toEqual(root.descriptor);
    expect(requestsOf(registry)).toEqual(['HEAD 200', 'GET 200']);
  });

  it('has the size -1 where HEAD tells none', async () => {
    const { repository } = await holding(root, { method: 'HEAD' }, omitHeaders('content-length'));
    expect(await repository.resolve({ tag: '1' })).toEqual({ ...root.descriptor, size: -1 });
  });

  it('keeps the digest that was asked for, whatever the header says', async () => {
    const { repository } = await holding(root, {}, lieAboutDigest(other));
    expect(await repository.resolve({ digest })).toEqual(root.descriptor);
  });

  it.each([
    [401, 'E_UNAUTHORIZED'],
    [403, 'E_DENIED'],
    [400, 'E_REFUSED'],
    [503, 'E_UNAVAILABLE'],
  ])('is not taken for absent after a %i', async (status, code) => {
    const { repository } = await holding(root, { path: /manifests/ }, registryError(status, 'ANY'));
    expect((await failureOf(repository.resolve({ tag: '1' }))).code).toBe(code);
  });

  it('is not taken for present after a page that answers everything', async () => {
    const page = answer(200, { headers: { 'content-type': 'text/html' }, body: '<title>Hotel</title>' });
    const { repository } = await holding(root, {}, page);
    expect((await failureOf(repository.resolve({ digest }))).code).toBe('E_NOT_A_REGISTRY');
    expect((await failureOf(repository.resolve({ tag: '1' }))).code).toBe('E_NOT_A_REGISTRY');
  });
});

describe('a manifest that is read', () => {
  it('comes byte for byte, with one GET', async () => {
    const { registry, repository } = await holding(root);
    expect(await repository.fetch({ tag: '1' })).toEqual(root);
    expect(await repository.fetch({ digest })).toEqual(root);
    expect(await repository.fetch(root.descriptor)).toEqual(root);
    expect(requestsOf(registry)).toEqual(['GET 200', 'GET 200', 'GET 200']);
  });

  it('by sha512 is hashed by sha512, whatever algorithm the header uses', async () => {
    const image = imageManifest({ algorithm: 'sha512', layers: [] });
    const { repository } = await holding(image.root, {}, lieAboutDigest(digestOf(image.root.bytes)));
    expect((await repository.fetch({ digest: image.root.descriptor.digest })).descriptor).toEqual(
      image.root.descriptor,
    );
  });

  it('by tag has the digest of the algorithm that the header uses', async () => {
    const sha512 = digestOf(root.bytes, 'sha512');
    const { repository } = await holding(root, {}, lieAboutDigest(sha512));
    expect((await repository.fetch({ tag: '1' })).descriptor.digest).toBe(sha512);
  });

  it.each([
    ['no digest header', omitHeaders('docker-content-digest')],
    ['a digest header of nonsense', lieAboutDigest('../../etc/passwd')],
    ['no length', omitHeaders('content-length')],
  ])('is hashed here where there is %s', async (_what, fault) => {
    const { repository } = await holding(root, {}, fault);
    expect(await repository.fetch({ tag: '1' })).toEqual(root);
  });

  it.each(['application/vnd.oci.image.manifest.v1+json; charset=utf-8', 'text/plain', undefined])(
    'with the Content-Type %s has its own type',
    async (type) => {
      const fault = type === undefined ? omitHeaders('content-type') : setHeaders({ 'content-type': type });
      const { repository } = await holding(root, {}, fault);
      expect((await repository.fetch({ tag: '1' })).descriptor.mediaType).toBe(OCI_MANIFEST);
    },
  );

  it.each([
    'application/x-json',
    'application/xml',
    'text/html',
    'application/vnd.example.thing+json',
    'nonsense',
    OCI_INDEX,
    SCHEMA1_SIGNED,
  ])('as %s is what its bytes are, by tag and by digest, and carries what it was called', async (label) => {
    const { registry, repository } = await holding(root, {}, setHeaders({ 'content-type': label }));
    expect(await repository.fetch({ tag: '1' })).toEqual({ ...root, label });
    expect(await repository.fetch({ digest })).toEqual({ ...root, label });
    expect(await repository.fetch(root.descriptor)).toEqual({ ...root, label });
    const listed = { ...root.descriptor, mediaType: label };
    expect((await repository.fetch(listed)).descriptor.mediaType).toBe(OCI_MANIFEST);
    expect(requestsOf(registry)).toEqual(Array<string>(4).fill('GET 200'));
  });

  it('as a page by HEAD is looked at before it is taken for one', async () => {
    const { registry, repository } = await holding(root, {}, setHeaders({ 'content-type': 'text/html' }));
    expect(await repository.resolve({ tag: '1' })).toEqual(root.descriptor);
    expect(requestsOf(registry)).toEqual(['HEAD 200', 'GET 200']);
  });

  it.each([
    ['a page', 'text/html', '<html><title>Hotel login</title></html>', 'Hotel login'],
    ['a page by another name', OCI_MANIFEST, '<title>Hotel login</title>', 'Hotel login'],
    ['XML', 'application/xml', '<Thing>of a storage</Thing>', 'of a storage'],
    ['other JSON', 'application/json', '{"message":"busy"}', 'busy'],
    ['other JSON by a known name', OCI_MANIFEST, '{"message":"busy"}', 'neither the mediaType nor the form'],
    ['other JSON by a name of its own', 'application/vnd.example.thing+json', '{"a":1}', '{"a":1}'],
    ['nothing', 'text/plain', '', 'it is empty'],
    ['text', 'text/plain', 'OK', 'it is no JSON'],
  ])('that is %s is refused, with what came', async (_what, type, body, words) => {
    const { repository } = await holding(
      root,
      { method: 'GET', path: /manifests/ },
      answer(200, { headers: { 'content-type': type }, body }),
    );
    const error = await failureOf(repository.fetch({ tag: '1' }));
    expect(error).toMatchObject({ code: 'E_MANIFEST', side: 'source', status: 200 });
    expect(error.message).toMatch(/^GET http:\/\/\S+\/v2\/app\/manifests\/1 answered 200 \(/);
    expect(error.message).toContain(`(${type})`);
    expect(error.message).toContain(words);
    expect(error.message).toContain('that is no manifest: ');
  });

  it('that is binary is refused without its bytes', async () => {
    const body = Buffer.from([0x1f, 0x8b, 0x08, 0, 0xff, 0xfe]);
    const fault = answer(200, { headers: { 'content-type': 'application/octet-stream' }, body });
    const { repository } = await holding(root, { method: 'GET', path: /manifests/ }, fault);
    const { message } = await failureOf(repository.fetch({ tag: '1' }));
    expect(message).toMatch(
      /answered 200 \(application\/octet-stream\); that is no manifest: it is not text$/,
    );
  });

  it("that is not there is E_NOT_FOUND with the registry's code", async () => {
    const { repository } = await holding(root);
    expect(await failureOf(repository.fetch({ tag: '2' }))).toMatchObject({
      code: 'E_NOT_FOUND',
      status: 404,
      registryCodes: ['MANIFEST_UNKNOWN'],
      side: 'source',
    });
  });

  it('from a page that answers everything is no manifest', async () => {
    const page = answer(200, { headers: { 'content-type': 'Text/HTML;charset=utf-8' }, body: '<p>Log in' });
    const { repository } = await holding(root, {}, page);
    expect((await failureOf(repository.fetch({ tag: '1' }))).code).toBe('E_NOT_A_REGISTRY');
  });
});

describe('a manifest that is not what was promised', () => {
  it('is E_DIGEST_MISMATCH by digest, after it was read twice', async () => {
    const { registry, repository } = await holding(root, {}, corruptResponse({ at: 3 }));
    const error = await failureOf(repository.fetch({ digest }));
    expect(error).toMatchObject({ code: 'E_DIGEST_MISMATCH', digest, side: 'source' });
    expect(error.message).toContain(`expected ${digest}, got sha256:`);
    expect(registry.log).toHaveLength(2);
  });

  it('is E_DIGEST_MISMATCH by tag where the header promises another one', async () => {
    const { repository } = await holding(root, {}, lieAboutDigest(other));
    expect((await failureOf(repository.fetch({ tag: '1' }))).code).toBe('E_DIGEST_MISMATCH');
  });

  it('is a wrong byte before it is bad JSON', async () => {
    const { repository } = await holding(root, {}, corruptResponse({ at: 0 }), omitHeaders('content-type'));
    expect((await failureOf(repository.fetch({ digest }))).code).toBe('E_DIGEST_MISMATCH');
  });

  it('is E_SIZE_MISMATCH where the descriptor has another size', async () => {
    const { repository } = await holding(root);
    const error = await failureOf(repository.fetch({ digest, size: size + 1 }));
    expect(error).toMatchObject({ code: 'E_SIZE_MISMATCH', digest });
    expect(error.message).toContain(`expected ${size + 1} bytes, got ${size}; its digest is right for`);
    expect(error.message).toContain('is at fault and has to be built again');
  });

  it.each([
    ['corrupt', corruptResponse({ at: 3 })],
    ['too short', truncateResponse({ to: 100 })],
    ['cut after some bytes', cutResponse({ after: 100, by: 'fin' })],
    ['reset after its headers', cutResponse({ after: 0, by: 'rst' })],
  ])('once, %s, is read again', async (_what, fault) => {
    const { registry, repository } = await holding(root, { nth: 1 }, fault);
    expect(await repository.fetch(root.descriptor)).toEqual(root);
    expect(registry.log).toHaveLength(2);
  });

  it('every time, cut, is given up after as many repeats as are allowed', async () => {
    const { registry, repository, waits } = await holding(root, {}, cutResponse({ after: 100, by: 'fin' }));
    expect((await failureOf(repository.fetch({ digest }))).code).toBe('E_CUT');
    expect(waits).toEqual([1, 2, 3, 4]);
    expect(registry.log).toHaveLength(5);
  });
});

describe('a manifest that is too large', () => {
  const limit = 4 * 1024 * 1024;

  it('by one byte is refused by its announced length', async () => {
    const manifest = padded(limit + 1);
    const server = await openServer((_request, response) => {
      response.writeHead(200, { 'content-type': OCI_MANIFEST, 'content-length': manifest.bytes.length });
      response.write(manifest.bytes.subarray(0, 10));
    });
    const { repository } = openRepository(server.origin);
    expect((await failureOf(repository.fetch({ tag: '1' }))).code).toBe('E_LIMIT');
    expect(server.asked).toHaveLength(1);
  });

  it('without an announced length is cut off while it is read', async () => {
    let ended = false;
    const server = await openServer((_request, response) => {
      response.writeHead(200, { 'content-type': OCI_MANIFEST });
      response.once('close', () => (ended = true));
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, ' ')));
      };
      response.on('drain', more);
      more();
    });
    const { repository, transport } = openRepository(server.origin);
    expect((await failureOf(repository.fetch({ tag: '1' }))).code).toBe('E_LIMIT');
    await transport.close();
    await expect.poll(() => ended).toBe(true);
  });

  it('is none at exactly 4 MiB', async () => {
    const manifest = padded(limit);
    const { repository } = await holding(manifest);
    expect((await repository.fetch({ tag: '1' })).descriptor.size).toBe(limit);
  });
});

describe('Docker schema 1', () => {
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 1, name: 'app', tag: '1', fsLayers: [], signatures: [] }),
  );
  const schema1 = (type: string | undefined, promised: Digest = other): Fault =>
    rewrite(({ headers }) => ({
      status: 200,
      headers: { ...headers, 'content-type': type, 'docker-content-digest': promised },
      body: bytes,
    }));

  it.each([SCHEMA1_SIGNED, 'application/json'])('as %s is refused as what it is', async (type) => {
    const { repository } = await holding(root, {}, schema1(type));
    expect((await failureOf(repository.fetch({ tag: '1' }))).code).toBe('E_SCHEMA1');
    expect((await failureOf(repository.fetch({ digest }))).code).toBe('E_SCHEMA1');
  });
});

it('keeps a header that nobody asked for from mattering', async () => {
  const fault = changeHeaders((headers) => ({ ...headers, etag: '"other"', 'content-encoding': 'identity' }));
  const { repository } = await holding(root, {}, fault);
  expect(await repository.fetch({ tag: '1' })).toEqual(root);
});

function padded(length: number): Manifest {
  const empty = imageManifest({ layers: [] }).root.bytes;
  const bytes = Buffer.concat([empty, Buffer.alloc(length - empty.length, ' ')]);
  return { descriptor: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: length }, bytes };
}
