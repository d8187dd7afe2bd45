import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

import { afterEach, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/spec/digest.js';
import { copyAtOnce, failureOf } from '../support/copy-run.js';
import { digest, tags } from '../../src/api/image.js';
import { rule, type Fault, type RuleMatch } from '../support/faults.js';
import { rewrite } from '../support/faults/answers.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

const layer = blob(50_000, 1);
const image = imageManifest({ layers: [layer] });
const open: TestRegistry[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((registry) => registry.close()));
});

/** Sends a body in a coding, and says so; without `change` it only says so. */
function coded(coding: string, change?: (body: Buffer) => Buffer): Fault {
  return rewrite(({ status, headers, body }) => ({
    status,
    headers: { ...headers, 'content-encoding': coding },
    body: change === undefined ? body : change(body),
  }));
}

async function registries(match: RuleMatch, fault: Fault) {
  const source = await startRegistry({ rules: [rule(match, fault)] });
  const target = await startRegistry();
  open.push(source, target);
  await seed(source.store('r/app'), image, 'v1');
  return { source, copying: () => copyAtOnce(`${source.host}/r/app:v1`, `${target.host}/r/app`) };
}

const manifests = { method: 'GET', path: /\/manifests\// };
const codings: readonly (readonly [string, (body: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['gzip, br', (body) => brotliCompressSync(gzipSync(body))],
  ['identity, gzip', gzipSync],
];

describe('a manifest in a coding that nobody asked for', () => {
  it.each(codings)('is decoded and then hashed (%s)', async (coding, change) => {
    const { copying, source } = await registries(manifests, coded(coding, change));
    const report = await copying();
    expect(report.targets[0]).toMatchObject({ digest: image.root.descriptor.digest, verified: 'bytes' });
    expect((await digest(`${source.host}/r/app:v1`, { platform: undefined })).digest).toBe(
      image.root.descriptor.digest,
    );
  });

  it.each(['gzip', 'br', 'aws-chunked', 'nonsense'])(
    'is taken as it is where that is right (%s)',
    async (coding) => {
      const { copying } = await registries(manifests, coded(coding));
      expect((await copying()).ok).toBe(true);
    },
  );

  it('is refused by the name of a coding that is not known', async () => {
    const { copying } = await registries(manifests, coded('compress', gzipSync));
    const error = await failureOf(copying());
    expect(error).toMatchObject({ code: 'E_UNSUPPORTED', side: 'source' });
    expect(error.message).toContain('Content-Encoding compress, which nobody asked for');
  });

  it('is named when what comes out is another manifest', async () => {
    const { copying } = await registries(
      manifests,
      coded('gzip', () => gzipSync('{"schemaVersion":2}')),
    );
    const error = await failureOf(copying());
    expect(error.code).toBe('E_DIGEST_MISMATCH');
    expect(error.message).toContain('Content-Encoding gzip, which nobody asked for');
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(200_000_000))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(200_000_000)))],
  ])('is not blown up beyond the limit (%s)', async (coding, bomb) => {
    const { copying } = await registries(
      manifests,
      coded(coding, () => bomb),
    );
    const before = process.memoryUsage().rss;
    expect(await failureOf(copying())).toMatchObject({ code: 'E_LIMIT', side: 'source' });
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  it('is not undone for ever', async () => {
    const { copying } = await registries(manifests, coded('gzip, gzip, gzip, gzip, gzip', gzipSync));
    expect((await failureOf(copying())).message).toContain('too many at once');
  });

  it('that is broken off is asked for again', async () => {
    const cut = coded('gzip', (body) => gzipSync(body).subarray(0, -12));
    const fault = rule({ ...manifests, times: 1 }, cut);
    const source = await startRegistry({ rules: [fault] });
    const target = await startRegistry();
    open.push(source, target);
    await seed(source.store('r/app'), image, 'v1');
    expect((await copyAtOnce(`${source.host}/r/app:v1`, `${target.host}/r/app`)).ok).toBe(true);
    expect(fault.hits).toBe(1);
  });

  it('has no size at HEAD that counts', async () => {
    const { source } = await registries({ method: 'HEAD' }, coded('gzip'));
    expect((await digest(`${source.host}/r/app:v1`)).size).toBe(-1);
  });
});

describe('other answers in a coding that nobody asked for', () => {
  it('are read when they are lists of tags', async () => {
    const { source } = await registries({ path: /\/tags\/list/ }, coded('gzip', gzipSync));
    const found: string[] = [];
    for await (const tag of tags(`${source.host}/r/app`)) found.push(tag);
    expect(found).toEqual(['v1']);
  });

  it('are told when they are refusals', async () => {
    const body = { errors: [{ code: 'DENIED', message: 'not today' }] };
    const refusing = rewrite(({ headers }) => ({
      status: 403,
      headers: { ...headers, 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(body)),
    }));
    const { copying } = await registries(manifests, refusing);
    const error = await failureOf(copying());
    expect(error).toMatchObject({ code: 'E_DENIED', registryCodes: ['DENIED'] });
    expect(error.message).toContain('not today');
  });
});

describe('a blob in a coding that nobody asked for', () => {
  const blobs = { method: 'GET', path: new RegExp(digestOf(layer)) };

  it('is right where its bytes are, as storages call a layer by its type', async () => {
    const { copying } = await registries(blobs, coded('gzip'));
    expect((await copying()).ok).toBe(true);
  });

  it('is named where its bytes are not', async () => {
    const { copying } = await registries(blobs, coded('gzip', gzipSync));
    const error = await failureOf(copying());
    expect(error).toMatchObject({ side: 'source', digest: digestOf(layer) });
    expect(error.code).toMatch(/^E_(?:SIZE|DIGEST)_MISMATCH$/);
    expect(error.message).toContain('Content-Encoding gzip, which nobody asked for');
  });
});
