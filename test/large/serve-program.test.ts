import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { openLayout } from '../../src/content/layout-store.js';
import { waitUntil } from '../support/child.js';
import { blob, imageManifest, seed } from '../support/fixtures.js';
import { regferry } from '../support/regferry.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { expectSame } from '../support/same-image.js';
import { leftovers, startServeProgram } from '../support/serve-program.js';
import { makeTempFolder, removeTempFolders } from '../support/temp.js';

/** Every blob of a layout, by its name in `blobs/`; those whose bytes are others are told as `wrong`. */
function blobsOf(layout: string): { right: string[]; wrong: string[] } {
  const folder = join(layout, 'blobs', 'sha256');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const isRight = (name: string): boolean =>
    createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex') === name;
  return { right: names.filter(isRight), wrong: names.filter((name) => !isRight(name)) };
}

afterAll(removeTempFolders);

describe('the way over the air gap in docs/serve.md', () => {
  it('leads to the same digests', async () => {
    const text = readFileSync(new URL('../../docs/serve.md', import.meta.url), 'utf8');
    const commands = [...text.matchAll(/^ {4}regferry (.+)$/gm)].map(([, words = '']) => words.split(' '));
    expect(commands.map(([name]) => name)).toEqual(['copy', 'copy', 'serve', 'copy']);
    const folder = makeTempFolder('gap');
    const outside = await startRegistry();
    const image = imageManifest();
    for (const name of ['library/alpine', 'team/app']) await seed(outside.store(name), image, '3.20');
    await seed(outside.store('team/app'), image, '1.0');
    let inside = '';
    const here = (word: string): string =>
      word
        .replace(/^alpine:/, `${outside.host}/library/alpine:`)
        .replace('registry.example.com', outside.host)
        .replace(/^oci:air\//, `oci:${folder}/`)
        .replace('localhost:5000', inside);
    for (const [name, ...words] of commands) {
      if (name === 'serve') inside = (await startServeProgram([folder])).host;
      else expect((await regferry(['copy', ...words.map(here)])).code).toBe(0);
    }
    expect(outside.store('inside/app').tagged('1.0')).toBe(image.root.descriptor.digest);
    const answer = await fetch(`http://${inside}/v2/library/alpine/manifests/3.20`);
    expect(answer.headers.get('docker-content-digest')).toBe(image.root.descriptor.digest);
    await outside.close();
  });
});

describe('a server that is killed during a push', () => {
  const large = imageManifest({ layers: [blob(2_000_000, 1), blob(40_000_000, 2)] });
  let source: TestRegistry;

  beforeAll(async () => {
    source = await startRegistry();
    await seed(source.store('app'), large, '1');
  });
  afterAll(() => source.close());

  /** The size of the largest file that is not finished. */
  const growing = (layout: string): number =>
    Math.max(
      0,
      ...leftovers(layout).map((name) => statSync(join(layout, name), { throwIfNoEntry: false })?.size ?? 0),
    );

  it('leaves a folder that opens cleanly, into which the push can be repeated', async () => {
    const folder = makeTempFolder('killed');
    const layout = join(folder, 'app');
    const first = await startServeProgram([folder]);
    const push = copy(`${source.host}/app:1`, `${first.host}/app:1`, { retries: 0 }).then(
      () => 'done',
      () => 'failed',
    );
    await waitUntil(
      'the large layer is on its way',
      () => existsSync(layout) && growing(layout) > 10_000_000,
    );
    first.command.process.kill('SIGKILL');
    expect(await push).toBe('failed');
    await first.command.ended;
    expect(leftovers(folder)).toContain('app/.regferry.lock');
    const confirmed = blobsOf(layout);
    expect(confirmed.wrong).toEqual([]);

    const second = await startServeProgram([folder]);
    expect(leftovers(folder)).toEqual([]);
    expect((await fetch(`http://${second.host}/v2/app/manifests/1`)).status).toBe(404);
    const report = await copy(`${source.host}/app:1`, `${second.host}/app:1`);
    expect(report.targets[0]?.blobs).toMatchObject({
      copied: large.blobs.size - confirmed.right.length,
      skipped: confirmed.right.length,
    });
    second.command.process.kill('SIGTERM');
    const { code, stderr } = await second.command.ended;
    expect([code, stderr.includes('warning')]).toEqual([0, false]);
    const store = await openLayout(layout, { access: 'read' });
    await expectSame(store, large, '1');
    expect(blobsOf(layout).wrong).toEqual([]);
  });

  it('keeps every manifest and tag that it has confirmed', async () => {
    const folder = makeTempFolder('killed');
    const server = await startServeProgram([folder]);
    const confirmed: string[] = [];
    const config = Buffer.from('{}');
    await seedOne(server.host, config);
    const pushing = (async () => {
      for (let at = 0; at < 1_000; at += 1) {
        const { bytes, descriptor } = imageManifest({
          config,
          layers: [],
          fields: { annotations: { at: `${at}` } },
        }).root;
        const answer = await fetch(`http://${server.host}/v2/app/manifests/t${at}`, {
          method: 'PUT',
          headers: { 'content-type': descriptor.mediaType },
          body: new Uint8Array(bytes),
        });
        if (answer.status === 201) confirmed.push(descriptor.digest);
      }
    })().catch(() => undefined);
    await waitUntil('some are confirmed', () => confirmed.length >= 20);
    server.command.process.kill('SIGKILL');
    await pushing;
    const layout = await openLayout(join(folder, 'app'), { access: 'read' });
    for (const [at, digest] of confirmed.entries()) {
      expect((await layout.fetch({ tag: `t${at}` })).descriptor.digest).toBe(digest);
    }
    expect(blobsOf(join(folder, 'app')).wrong).toEqual([]);
  });
});

async function seedOne(host: string, bytes: Buffer): Promise<void> {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const url = `http://${host}/v2/app/blobs/uploads/?digest=${digest}`;
  expect((await fetch(url, { method: 'POST', body: new Uint8Array(bytes) })).status).toBe(201);
}

describe('the program with --htpasswd', () => {
  it('lets in who has a password, and nobody else', async () => {
    const folder = makeTempFolder('users');
    const users = join(folder, 'users');
    writeFileSync(users, 'ann:$2y$05$6Wbs2pMwstesusyIioenJunbTmPISXofvOwNdjKija8QJ5qJd2Yui\n');
    const { host, command } = await startServeProgram(['--htpasswd', users]);
    const ping = async (login: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(login).toString('base64')}`;
      return (await fetch(`http://${host}/v2/`, { headers: { authorization } })).status;
    };
    expect(await ping('ann:password')).toBe(200);
    expect(await ping('ann:wrong')).toBe(401);
    expect(await ping('eve:password')).toBe(401);
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });
});
