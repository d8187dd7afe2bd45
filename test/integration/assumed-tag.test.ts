import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { digest, manifest } from '../../src/api/image.js';
import { plan } from '../../src/api/plan.js';
import { promote } from '../../src/api/promote.js';
import type { RegferryEvent } from '../../src/copy/events.js';
import { failureOf } from '../support/copy-run.js';
import { imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const image = imageManifest({ layers: [] });
let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
  await seed(registry.store('app'), image, 'latest');
});
afterAll(() => registry.close());

/** The notes of a call, and whether each came before a tag was written. */
async function notesOf(work: (onEvent: (event: RegferryEvent) => void) => Promise<unknown>) {
  const notes: string[] = [];
  let isWritten = false;
  await work((event) => {
    if (event.type === 'tagged') isWritten = true;
    if (event.type === 'note') notes.push(`${isWritten ? 'late: ' : ''}${event.message}`);
  });
  return notes;
}

const calls: [string, (source: string, onEvent: (event: RegferryEvent) => void) => Promise<unknown>][] = [
  ['a copy', (source, onEvent) => copy(source, `${registry.host}/to:1`, { onEvent })],
  ['a plan', (source, onEvent) => plan(source, `${registry.host}/to:2`, { onEvent })],
  ['a promotion', (source, onEvent) => promote(source, 'prod', { onEvent })],
  ['digest', (source, onEvent) => digest(source, { onEvent })],
  ['manifest', (source, onEvent) => manifest(source, { onEvent })],
];

it.each(calls)('%s of an image without a tag says what it was taken for', async (_, call) => {
  const name = `${registry.host}/app`;
  const notes = await notesOf((onEvent) => call(name, onEvent));
  expect(notes).toEqual([`no tag was given; it is read as ${name}:latest@${image.root.descriptor.digest}`]);
});

it.each(calls)('%s of an image with a tag has nothing to say', async (_, call) => {
  expect(await notesOf((onEvent) => call(`${registry.host}/app:latest`, onEvent))).toEqual([]);
  const pinned = `${registry.host}/app@${image.root.descriptor.digest}`;
  if (call !== calls[0]?.[1]) expect(await notesOf((onEvent) => call(pinned, onEvent))).toEqual([]);
});

it.each(calls)(
  '%s of an image that is not there says which tag was looked for, and why',
  async (what, call) => {
    const repository = `no-latest/${what.split(' ').at(-1)}`;
    await seed(registry.store(repository), image, 'v1');
    const error = await failureOf(call(`${registry.host}/${repository}`, () => undefined));
    expect(error).toMatchObject({ code: 'E_NOT_FOUND' });
    expect(error.message).toContain(
      `no tag was given, and there is no tag "latest" in ${registry.host}/${repository}`,
    );
    expect(error.message).toContain('it has v1');
  },
);

describe('an image of a layout that nobody names', () => {
  let folder: string;
  beforeEach(() => (folder = makeTempFolder('unnamed')));
  afterEach(() => removeTempFolder(folder));

  it('and that has several tags is said to be the first, with the others', async () => {
    for (const tag of ['b', 'a']) await copy(`${registry.host}/app:latest`, `oci:${folder}:${tag}`);
    const notes = await notesOf((onEvent) => copy(`oci:${folder}`, `${registry.host}/of-two`, { onEvent }));
    const { digest: is } = image.root.descriptor;
    expect(notes).toEqual([`no tag was given; it is read as oci:${folder}:b@${is}, which is a as well`]);
    expect(registry.store('of-two').tagged('b')).toBe(is);
  });

  it('and that has no tag is said to arrive by its digest alone, where the target has no tag either', async () => {
    const { digest: is } = image.root.descriptor;
    await copy(`${registry.host}/app@${is}`, `oci:${folder}`);
    const notes = await notesOf((onEvent) => copy(`oci:${folder}`, `${registry.host}/untagged`, { onEvent }));
    expect(notes).toEqual([
      `oci:${folder}@${is} has no tag, and none was given for ${registry.host}/untagged: it gets the digest alone`,
    ]);
    const tagged = `${registry.host}/tagged:1`;
    expect(await notesOf((onEvent) => copy(`oci:${folder}`, tagged, { onEvent }))).toEqual([]);
  });
});
