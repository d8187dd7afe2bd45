import { describe, expect, it } from 'vitest';

import { blob, imageManifest, seed } from '../../support/fixtures.js';
import { expectSame } from '../../support/same-image.js';
import {
  alarms,
  gate,
  Names,
  recordedStore,
  run,
  settled,
  started,
  target,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const names = new Names();
const image = imageManifest({ layers: [blob(5_000, 1)] });
const moved = imageManifest({ layers: [blob(5_000, 2)] });
names.image(image);

async function sourceOf(overrides: Overrides): Promise<RecordedStore> {
  const source = recordedStore(names, { host: 'source', repository: 'app' }, overrides);
  await seed(source.memory, image, '1');
  return source;
}

function targets(hold: Promise<unknown>): { healthy: RecordedStore; hung: RecordedStore } {
  const hung = recordedStore(names, { host: 'hung', repository: 'app' }, (memory) => ({
    resolve: (key, op) => hold.then(() => memory.resolve(key, op)),
  }));
  return { healthy: recordedStore(names, { host: 'healthy', repository: 'app' }), hung };
}

describe('a target that does not answer, where manifests are metered at the source', () => {
  const metered: Overrides = () => ({ metered: true });

  it('does not hold up another one, which gets all of the image', async () => {
    const hold = gate();
    const { healthy, hung } = targets(hold.opened);
    const source = await sourceOf(metered);
    const patience = alarms();
    const running = run({ source, targets: [target(healthy, '1'), target(hung, '1')], patience });
    // Reads are shared, so that it is waited for as long as patience lasts, and no longer.
    await settled();
    patience.ring();
    await settled();
    patience.ring();
    await settled();
    await expectSame(healthy.memory, image, '1');
    expect(started(hung)).toEqual(['resolve :1']);
    hold.open();
    const outcome = await running;
    expect(outcome.targets).toMatchObject([{ verified: 'bytes' }, { verified: 'bytes' }]);
    await expectSame(hung.memory, image, '1');
    expect(started(source).filter((call) => call.startsWith('fetch'))).toEqual(['fetch :1']);
  });

  it('costs no reading while those that answered have the image', async () => {
    const hold = gate();
    const { healthy, hung } = targets(hold.opened);
    await seed(healthy.memory, image, '1');
    await seed(hung.memory, image, '1');
    const source = await sourceOf(metered);
    const running = run({ source, targets: [target(healthy, '1'), target(hung, '1')] });
    await settled();
    hold.open();
    expect((await running).targets).toMatchObject([{ verified: 'header' }, { verified: 'header' }]);
    expect(started(source)).toEqual(['resolve :1']);
  });

  it('gets what the source’s tag has become meanwhile, and so do those that had the old image', async () => {
    const hold = gate();
    const { healthy, hung } = targets(hold.opened);
    await seed(healthy.memory, image, '1');
    const source = await sourceOf(metered);
    const running = run({ source, targets: [target(healthy, '1'), target(hung, '1')] });
    await settled();
    await seed(source.memory, moved, '1');
    hold.open();
    expect((await running).root?.digest).toBe(moved.root.descriptor.digest);
    for (const { memory } of [healthy, hung]) await expectSame(memory, moved, '1');
  });

  it('does not take from the others what they have when the source fails', async () => {
    const hold = gate();
    const { healthy, hung } = targets(hold.opened);
    await seed(healthy.memory, image, '1');
    const source = await sourceOf(() => ({ metered: true, fetch: () => Promise.reject(new Error('gone')) }));
    const running = run({ source, targets: [target(healthy, '1'), target(hung, '1')] });
    await settled();
    hold.open();
    const { error, targets: reports } = await running;
    expect(error).toBeDefined();
    expect(reports[0]).toMatchObject({ verified: 'header' });
  });
});

describe('a target that others have to wait for', () => {
  it.each([
    ['as there is a guard', { guard: { noClobber: true } }, {}],
    ['as no tag is set before all can be', {}, { allOrNothing: true }],
  ])('is named after a while, %s', async (why, more, job) => {
    const hold = gate();
    const { healthy, hung } = targets(hold.opened);
    const source = await sourceOf(() => ({}));
    const patience = alarms();
    const running = run({
      source,
      targets: [target(healthy, '1', more), target(hung, '1', more)],
      patience,
      ...job,
    });
    await settled();
    expect(started(healthy)).toEqual(['resolve :1']);
    patience.ring();
    hold.open();
    const { events, targets: reports } = await running;
    const notes = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
    expect(notes).toEqual([`waiting for hung/app to answer before anything is written, ${why}`]);
    expect(reports).toMatchObject([{ verified: 'bytes' }, { verified: 'bytes' }]);
    expect(patience.set()).toBe(0);
  });

  it('is not named where it answers in time', async () => {
    const { healthy, hung } = targets(Promise.resolve());
    const source = await sourceOf(() => ({}));
    const patience = alarms();
    const { events } = await run({
      source,
      targets: [target(healthy, '1'), target(hung, '1')],
      patience,
      allOrNothing: true,
    });
    expect(events.filter(({ type }) => type === 'note')).toEqual([]);
    expect(patience.set()).toBe(0);
  });
});
