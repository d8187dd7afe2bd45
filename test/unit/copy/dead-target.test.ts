import { describe, expect, it } from 'vitest';

import { FAILURES_IN_A_ROW } from '../../../src/copy/limits.js';
import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { blob, imageManifest, seed } from '../../support/fixtures.js';
import {
  Names,
  recordedStore,
  runTags,
  started,
  type Overrides,
  type RecordedStore,
} from './recorded-store.js';

const TAGS = 100;
/** Tags that are under way at a time with one transfer at a time. */
const UNDER_WAY = 8;

async function sourceOf(overrides?: Overrides): Promise<RecordedStore> {
  const source = recordedStore(new Names(), { host: 'source' }, overrides);
  for (let at = 0; at < TAGS; at += 1) {
    await seed(source.memory, imageManifest({ layers: [blob(100, at)] }), `t${at}`);
  }
  return source;
}

function failing(code: ErrorCode, often = Infinity): Overrides {
  let failures = 0;
  return (memory) => ({
    put: (descriptor, open, options) => {
      failures += 1;
      if (failures > often) return memory.put(descriptor, open, options);
      return Promise.reject(new RegferryError(code, 'connection refused', { side: 'target' }));
    },
  });
}

describe('a copy of all tags', () => {
  it.each(['E_NETWORK', 'E_TIMEOUT', 'E_UNAVAILABLE', 'E_UNAUTHORIZED'] as const)(
    'gives a target up that fails again and again with %s, and says so for the tags that are left',
    async (code) => {
      const source = await sourceOf();
      const dead = recordedStore(new Names(), { host: 'dead' }, failing(code));
      const alive = recordedStore(new Names(), { host: 'alive' });
      const { targets } = await runTags({
        source,
        targets: [
          { store: dead, name: 'dead/app' },
          { store: alive, name: 'alive/app' },
        ],
        concurrency: 1,
      });
      const atDead = targets.filter(({ reference }) => reference.startsWith('dead'));
      expect(atDead).toHaveLength(TAGS);
      expect(atDead.every(({ error }) => error?.code === code)).toBe(true);
      const left = atDead.filter(({ error }) => error?.message.includes('given up after 10 tags in a row'));
      expect(left.length).toBeGreaterThanOrEqual(TAGS - FAILURES_IN_A_ROW - UNDER_WAY);
      expect(left[0]?.error?.message).toContain('dead/app was given up');
      const tried = started(dead).filter((call) => call.startsWith('put'));
      expect(tried.length).toBeLessThanOrEqual(2 * (FAILURES_IN_A_ROW + UNDER_WAY));
      const atAlive = targets.filter(({ reference }) => reference.startsWith('alive'));
      expect(atAlive.filter(({ verified }) => verified === 'bytes')).toHaveLength(TAGS);
    },
  );

  it.each([
    ['refuses what it is sent', failing('E_REFUSED')],
    ['works again after a while', failing('E_NETWORK', 5)],
  ])('tries each tag at a target that %s', async (_what, overrides) => {
    const source = await sourceOf();
    const to = recordedStore(new Names(), { host: 'target' }, overrides);
    const { targets } = await runTags({ source, targets: [{ store: to, name: 'to' }], concurrency: 1 });
    expect(targets.some(({ error }) => error?.message.includes('given up'))).toBe(false);
    expect(started(to).filter((call) => call.startsWith('put')).length).toBeGreaterThanOrEqual(TAGS);
  });

  it('gives a source up that is gone', async () => {
    const source = await sourceOf(() => ({
      fetch: () => Promise.reject(new RegferryError('E_NETWORK', 'connection refused')),
    }));
    const to = recordedStore(new Names(), { host: 'target' });
    const { targets } = await runTags({ source, targets: [{ store: to, name: 'to' }], concurrency: 1 });
    expect(targets).toHaveLength(TAGS);
    expect(targets.every(({ error }) => error?.side === 'source')).toBe(true);
    expect(started(source).filter((call) => call.startsWith('fetch')).length).toBeLessThan(
      FAILURES_IN_A_ROW + UNDER_WAY,
    );
  });
});
