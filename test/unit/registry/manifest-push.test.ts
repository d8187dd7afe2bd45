import { afterEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { rule, type Fault } from '../../support/faults.js';
import { answer, registryError } from '../../support/faults/answers.js';
import { dropReply } from '../../support/faults/cuts.js';
import { lieAboutDigest, omitHeaders } from '../../support/faults/headers.js';
import {
  closeEverything,
  failureOf,
  openRegistry,
  openRepository,
  openServer,
  requestsOf,
} from './open-repository.js';

afterEach(closeEverything);

const image = imageManifest({ style: 'crlf', layers: [blob(10, 1)] });
const { root } = image;

describe('a manifest that is written', () => {
  it('arrives byte for byte under exactly its type', async () => {
    const puts: { url: string | undefined; type: string | undefined; body: Buffer }[] = [];
    const server = await openServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        puts.push({ url: request.url, type: request.headers['content-type'], body: Buffer.concat(chunks) });
        response.writeHead(201).end();
      });
    });
    const { repository } = openRepository(server.origin);
    await repository.tag(root, '1.0');
    await repository.putManifest(root);
    const { digest, mediaType } = root.descriptor;
    expect(puts).toEqual([
      { url: '/v2/app/manifests/1.0', type: mediaType, body: root.bytes },
      { url: `/v2/app/manifests/${digest}`, type: mediaType, body: root.bytes },
    ]);
  });

  it('under a tag keeps its sha512 digest where the registry understands', async () => {
    const sha512 = imageManifest({ algorithm: 'sha512', layers: [blob(10, 1)] });
    const registry = await openRegistry();
    await seed(registry.store('app'), sha512);
    const { repository } = openRepository(registry.url);
    await repository.tag(sha512.root, '1');
    expect(registry.store('app').tagged('1')).toBe(sha512.root.descriptor.digest);
  });

  it.each([200, 201, 202])('is taken with %i', async (status) => {
    const server = await openServer((request, response) => {
      request.resume().once('end', () => response.writeHead(status).end());
    });
    await openRepository(server.origin).repository.tag(root, '1');
    expect(server.asked).toEqual(['PUT /v2/app/manifests/1']);
  });

  it('is not taken by a page that answers everything', async () => {
    const page = answer(200, { headers: { 'content-type': 'text/html' }, body: '<title>Hotel</title>' });
    const registry = await openRegistry({ rules: [rule({}, page)] });
    const { repository } = openRepository(registry.url);
    expect((await failureOf(repository.tag(root, '1'))).code).toBe('E_NOT_A_REGISTRY');
  });

  it('and answered with another digest was rewritten', async () => {
    const other = digestOf(Buffer.from('another'));
    const registry = await openRegistry({ sparse: true, rules: [rule({}, lieAboutDigest(other))] });
    const { repository } = openRepository(registry.url);
    const error = await failureOf(repository.tag(root, '1'));
    expect(error).toMatchObject({ code: 'E_READ_BACK', side: 'target', digest: root.descriptor.digest });
    expect(error.message).toContain(other);
  });

  it.each([
    ['no digest', omitHeaders('docker-content-digest')],
    ['a digest of another algorithm', lieAboutDigest(digestOf(root.bytes, 'sha512'))],
    ['a digest of nonsense', lieAboutDigest('sha256:xyz')],
  ])('and answered with %s is taken', async (_what, fault) => {
    const registry = await openRegistry({ sparse: true, rules: [rule({}, fault)] });
    await openRepository(registry.url).repository.tag(root, '1');
    expect(registry.store('app').tagged('1')).toBe(root.descriptor.digest);
  });

  it('is written again when the answer got lost', async () => {
    const registry = await openRegistry({ sparse: true, rules: [rule({ nth: 1 }, dropReply())] });
    await openRepository(registry.url).repository.tag(root, '1');
    expect(requestsOf(registry)).toEqual(['PUT 0', 'PUT 201']);
  });

  it.each([
    [400, 'MANIFEST_INVALID', 'E_REFUSED'],
    [403, 'DENIED', 'E_DENIED'],
    [415, 'UNSUPPORTED', 'E_UNSUPPORTED'],
  ])('and refused with %i %s is %s', async (status, code, expected) => {
    const fault = registryError(status, code);
    const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, fault)] });
    const error = await failureOf(openRepository(registry.url).repository.tag(root, '1'));
    expect(error).toMatchObject({ code: expected, status, registryCodes: [code], side: 'target' });
  });

  it('and refused with 413 is too large for the registry', async () => {
    const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, answer(413))] });
    const error = await failureOf(openRepository(registry.url).repository.tag(root, '1'));
    expect(error).toMatchObject({ code: 'E_LIMIT', status: 413, retryable: false });
    expect(error.message).toContain('takes no manifest of this size');
  });

  const foreign = imageManifest({
    layers: [{ bytes: blob(5, 5), mediaType: 'application/x', fields: { urls: ['https://example.com/a'] } }],
  }).root;

  it.each<[string, string[]]>([
    ['unknown error', ['PUT 500', 'PUT 500']],
    ['invalid URL on layer', ['PUT 500']],
  ])(
    'with urls, which distribution refuses with 500 (%s), names the setting that allows them, without waiting',
    async (words, requests) => {
      const refusal = registryError(500, 'UNKNOWN', words);
      const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, refusal)] });
      const { repository, transport } = openRepository(registry.url);
      const error = await failureOf(repository.tag(foreign, '1'));
      expect(error).toMatchObject({ code: 'E_UNSUPPORTED', retryable: false });
      expect(error.message).toContain('validation.manifests.urls.allow');
      expect([requestsOf(registry), transport.waits]).toEqual([requests, []]);
    },
  );

  it.each<[string, Fault]>([
    ['503', answer(503)],
    ['429', answer(429)],
    ['500', registryError(500, 'UNKNOWN', 'unknown error')],
  ])('with urls survives a %s that passes', async (status, fault) => {
    const registry = await openRegistry({ sparse: true, rules: [rule({ nth: 1 }, fault)] });
    await openRepository(registry.url).repository.tag(foreign, '1');
    expect(requestsOf(registry)).toEqual([`PUT ${status}`, 'PUT 201']);
  });

  it('without urls is tried again after the same answer', async () => {
    const refusal = registryError(500, 'UNKNOWN', 'invalid URL on layer');
    const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, refusal)] });
    const { repository } = openRepository(registry.url, { transport: { retries: 1 } });
    expect((await failureOf(repository.tag(root, '1'))).code).toBe('E_UNAVAILABLE');
    expect(requestsOf(registry)).toEqual(['PUT 500', 'PUT 500']);
  });
});
