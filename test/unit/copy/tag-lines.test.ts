import { describe, expect, it } from 'vitest';

import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { expectSame } from '../../support/same-image.js';
import {
  alarms,
  gate,
  Names,
  recordedStore,
  runTags,
  settled,
  started,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const TAGS = 40;
/** Tags that are under way at a time with one transfer at a time. */
const UNDER_WAY = 8;
const images = Array.from({ length: TAGS }, (_, at) => imageManifest({ layers: [blob(300, at)] }));

async function sourceOf(metered = false): Promise<RecordedStore> {
  const source = recordedStore(new Names(), { host: 'source' }, () => ({ metered }));
  for (const [at, image] of images.entries()) await seed(source.memory, image, `t${at}`);
  return source;
}

function tagged({ memory }: RecordedStore): number {
  return images.filter((_, at) => memory.tagged(`t${at}`) !== undefined).length;
}

/** What keeps a target from answering, until `hold` is over. */
const hangs: readonly (readonly [string, (hold: Promise<void>) => Overrides])[] = [
  [
    'its list',
    (hold) => (memory) => ({
      async *tags(op) {
        await hold;
        yield* memory.tags(op);
      },
    }),
  ],
  ['a blob', (hold) => (memory) => ({ has: (...args) => hold.then(() => memory.has(...args)) })],
  ['an upload', (hold) => (memory) => ({ put: (...args) => hold.then(() => memory.put(...args)) })],
  ['a tag', (hold) => (memory) => ({ tag: (...args) => hold.then(() => memory.tag(...args)) })],
];

describe.each([false, true])('a target that hangs while all tags are copied (metered: %s)', (metered) => {
  it.each(hangs)('at %s leaves the others to finish, and gets all when it wakes', async (_where, hanging) => {
    const hold = gate();
    const source = await sourceOf(metered);
    const hung = recordedStore(new Names(), { host: 'hung' }, hanging(hold.opened));
    const healthy = recordedStore(new Names(), { host: 'healthy' });
    const patience = alarms();
    const running = runTags({
      source,
      targets: [
        { store: hung, name: 'hung' },
        { store: healthy, name: 'healthy' },
      ],
      concurrency: 1,
      patience,
    });
    for (let looks = 0; looks < 200 && tagged(healthy) < TAGS; looks += 1) {
      await settled();
      patience.ring();
    }
    expect(tagged(healthy)).toBe(TAGS);
    expect(tagged(hung)).toBe(0);
    const begun = started(hung).filter((call) => call.startsWith('tag ')).length;
    expect(begun).toBeLessThanOrEqual(UNDER_WAY);
    hold.open();
    const { targets, error } = await running;
    expect(error).toBeUndefined();
    expect(targets.map(({ reference }) => reference)).toEqual(
      images.flatMap((_, at) => [`hung:t${at}`, `healthy:t${at}`]),
    );
    expect(targets.every(({ verified }) => verified === 'bytes')).toBe(true);
    for (const [at, image] of images.entries()) await expectSame(hung.memory, image, `t${at}`);
    expect(patience.set()).toBe(0);
  });
});

describe('a target that hangs while all tags are copied with a guard', () => {
  it('is waited for, and named', async () => {
    const hold = gate();
    const source = await sourceOf();
    const hung = recordedStore(new Names(), { host: 'hung', repository: 'app' }, (memory) => ({
      resolve: (...args) => hold.opened.then(() => memory.resolve(...args)),
      tags: () => {
        throw new Error('no list');
      },
    }));
    const healthy = recordedStore(new Names(), { host: 'healthy' });
    const patience = alarms();
    const running = runTags({
      source,
      targets: [
        { store: hung, name: 'hung' },
        { store: healthy, name: 'healthy' },
      ],
      guard: { noClobber: true },
      concurrency: 1,
      patience,
    });
    for (let looks = 0; looks < 20; looks += 1) {
      await settled();
      patience.ring();
    }
    expect(tagged(healthy)).toBe(0);
    hold.open();
    const { events } = await running;
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes).toEqual(['waiting for hung/app to answer before anything is written, as there is a guard']);
    expect(tagged(healthy)).toBe(TAGS);
  });
});
