import { afterAll, beforeAll, expect, it } from 'vitest';

import { copy } from '../../src/api/copy.js';
import { digest, manifest } from '../../src/api/image.js';
import { plan } from '../../src/api/plan.js';
import { promote } from '../../src/api/promote.js';
import type { RegferryEvent } from '../../src/copy/events.js';
import { imageManifest, seed } from '../support/fixtures.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

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
