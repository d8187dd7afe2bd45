import { describe, expect, it } from 'vitest';

import { lookUp, tagState } from '../../../src/copy/tag-state.js';
import { RegferryError, type ErrorCode } from '../../../src/errors.js';
import { imageManifest } from '../../support/fixtures.js';
import { Names, recordedStore, started, target } from './recorded-store.js';

const { root } = imageManifest({ layers: [] });

function failing(code: ErrorCode) {
  return recordedStore(new Names(), {}, () => ({
    resolve: () => Promise.reject(new RegferryError(code, 'no')),
  }));
}

describe('what a tag is', () => {
  it('is its digest, or null where it is absent', async () => {
    const store = recordedStore(new Names());
    await store.memory.tag(root, '1');
    expect(await tagState(target(store, '1'), {})).toEqual({ previous: root.descriptor.digest });
    expect(await tagState(target(store, '2'), {})).toEqual({ previous: null });
  });

  it('is not asked where there is none', async () => {
    const store = recordedStore(new Names());
    expect(await tagState(target(store), {})).toEqual({ previous: undefined });
    expect(started(store)).toEqual([]);
  });

  it.each(['E_UNAUTHORIZED', 'E_DENIED'] as const)('is unknown, not absent, after %s', async (code) => {
    const state = await tagState(target(failing(code), '1'), {});
    expect(state).toMatchObject({ previous: undefined, unknown: { code } });
    expect(state.error).toBeUndefined();
  });

  it.each(['E_UNAVAILABLE', 'E_NETWORK', 'E_REFUSED', 'E_NOT_A_REGISTRY', 'E_NOT_FOUND'] as const)(
    'is a failure after %s',
    async (code) => {
      expect(await lookUp(failing(code), { tag: '1' }, {})).toMatchObject({ error: { code } });
    },
  );

  it('lets through what nobody thought of', async () => {
    const store = recordedStore(new Names(), {}, () => ({ resolve: () => Promise.reject(new Error('bug')) }));
    await expect(tagState(target(store, '1'), {})).rejects.toThrow('bug');
  });
});
