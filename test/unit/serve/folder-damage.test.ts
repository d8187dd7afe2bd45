import { appendFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openLayout } from '../../../src/content/layout-store.js';
import { openFolderRegistry } from '../../../src/serve/folder-registry.js';
import { serveRegistry, type ServedRegistry } from '../../../src/serve/server.js';
import { digestOf } from '../../../src/spec/digest.js';
import { OCI_MANIFEST } from '../../../src/spec/media-types.js';
import { blob, imageManifest, indexOf, seed, seedHttp } from '../../support/fixtures.js';
import { makeMemoryFolder, removeTempFolders } from '../../support/temp.js';
import { errorCodes } from './answer.js';
import { bodyOf } from './pushing.js';

const layer = blob(500, 1);
const image = imageManifest({ layers: [layer] });
let folder = '';
let registry: ServedRegistry;
let base = '';

beforeEach(async () => {
  folder = makeMemoryFolder('air');
  registry = await serveRegistry({ storage: await openFolderRegistry(folder) });
  base = `${registry.url}/v2/app`;
  await seedHttp(registry.url, 'app', image, '1');
});
afterEach(() => registry.close());
afterAll(removeTempFolders);

const file = (): string => join(folder, 'app/blobs', digestOf(layer).replace(':', '/'));

async function push(bytes: Buffer): Promise<Response> {
  const headers = { 'content-type': OCI_MANIFEST };
  return await fetch(`${base}/manifests/2`, { method: 'PUT', headers, body: bodyOf(bytes) });
}

const blobUrl = (): string => `${base}/blobs/${digestOf(layer)}`;
let others = 0;
async function statuses(): Promise<number[]> {
  const mount = `${registry.url}/v2/other-${(others += 1)}/blobs/uploads/?mount=${digestOf(layer)}&from=app`;
  const answers = [
    await fetch(blobUrl(), { method: 'HEAD' }),
    await fetch(blobUrl()),
    await fetch(mount, { method: 'POST' }),
  ];
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  return answers.map(({ status }) => status);
}

async function restart(): Promise<void> {
  await registry.close();
  registry = await serveRegistry({ storage: await openFolderRegistry(folder) });
  base = `${registry.url}/v2/app`;
}

describe('a blob of another size than its manifest names', () => {
  it.each([
    ['cut short', () => truncateSync(file(), 3)],
    ['grown', () => appendFileSync(file(), 'x')],
  ])('that is %s counts as absent until it is pushed again, also after a restart', async (_, damage) => {
    expect(await statuses()).toEqual([200, 200, 201]);
    damage();
    expect(await statuses()).toEqual([404, 404, 202]);
    await restart();
    expect(await statuses()).toEqual([404, 404, 202]);
    await seedHttp(registry.url, 'app', image, '2');
    expect(await statuses()).toEqual([200, 200, 201]);
  });

  it('is served where the manifest is wrong', async () => {
    const wrong = Buffer.from(image.root.bytes.toString().replace('500', '501'));
    expect((await push(wrong)).status).toBe(201);
    await fetch(`${base}/manifests/1`, { method: 'DELETE' });
    await restart();
    expect(await statuses()).toEqual([200, 200, 201]);
  });

  it('is told by a manifest that another program has added', async () => {
    const added = imageManifest({ layers: [blob(300, 7)] });
    const layout = await openLayout(join(folder, 'app'), { access: 'write' });
    await seed(layout, added, '7');
    await layout.close();
    const [digest = ''] = [...added.blobs.keys()].slice(-1);
    const path = join(folder, 'app/blobs', digest.replace(':', '/'));
    truncateSync(path, 3);
    expect((await fetch(`${base}/blobs/${digest}`, { method: 'HEAD' })).status).toBe(404);
  });
});

describe('a folder with damage', () => {
  it('does not claim a blob that is missing, nor takes a manifest that names it', async () => {
    rmSync(file());
    expect((await fetch(`${base}/blobs/${digestOf(layer)}`, { method: 'HEAD' })).status).toBe(404);
    const answer = await push(image.root.bytes);
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
  });

  it('takes no manifest that names a truncated blob, and takes the blob again', async () => {
    truncateSync(file(), 3);
    const answer = await push(image.root.bytes);
    expect([answer.status, await errorCodes(answer)]).toEqual([400, ['MANIFEST_BLOB_UNKNOWN']]);
    await seedHttp(registry.url, 'app', image, '2');
    expect((await fetch(`${base}/blobs/${digestOf(layer)}`)).headers.get('content-length')).toBe('500');
  });

  it('takes a manifest that is wrong about the size of a blob that is right', async () => {
    const text = image.root.bytes.toString();
    expect((await push(Buffer.from(text.replace('500', '501')))).status).toBe(201);
  });

  it('serves an index whose child is gone as it is, and not the child', async () => {
    const index = indexOf([{ image }]);
    await seedHttp(registry.url, 'app', index, 'all');
    rmSync(join(folder, 'app/blobs', image.root.descriptor.digest.replace(':', '/')));
    const child = await fetch(`${base}/manifests/${image.root.descriptor.digest}`, { method: 'HEAD' });
    expect([(await fetch(`${base}/manifests/all`)).status, child.status]).toEqual([200, 404]);
  });
});
