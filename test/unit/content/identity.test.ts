import { describe, expect, it } from 'vitest';

import {
  hostKey,
  isNeighbour,
  isSameRepository,
  placeKey,
  repositoryKey,
} from '../../../src/content/identity.js';
import { MemoryStore } from '../../../src/content/memory-store.js';
import type { Place } from '../../../src/content/store.js';

function at(kind: Place['kind'], host: string, repository = ''): { readonly place: Place } {
  return { place: { kind, host, repository } };
}

describe('whether two stores are the same', () => {
  it.each([
    ['of default options', () => new MemoryStore()],
    ['of one repository name', () => new MemoryStore({ repository: 'app' })],
    ['that say the same of where they are', () => new MemoryStore({ host: 'here', repository: 'app' })],
    ['that somebody else made', () => at('memory', 'memory')],
  ])('is a matter of the object for stores in memory %s', (_which, make) => {
    const [one, other] = [make(), make()];
    expect(isSameRepository(one, one)).toBe(true);
    expect(isSameRepository(one, other)).toBe(false);
    expect(repositoryKey(one)).not.toBe(repositoryKey(other));
  });

  it('does not change where another store stands in front of one', () => {
    const store = new MemoryStore();
    const front = { place: store.place, behind: store };
    expect(isSameRepository({ place: { ...store.place }, behind: front }, store)).toBe(true);
    expect(isSameRepository({ place: store.place }, store)).toBe(false);
  });

  it.each([
    ['R.example.com', 'r.example.com'],
    ['r.example.com:443', 'r.example.com'],
    ['registry-1.docker.io', 'docker.io'],
    ['index.docker.io:443', 'docker.io'],
    ['[0:0::1]:5000', '[::1]:5000'],
  ])('does not depend on how a registry is spelled: %s, %s', (one, other) => {
    expect(isSameRepository(at('registry', one, 'app'), at('registry', other, 'app'))).toBe(true);
    expect(hostKey(at('registry', one))).toBe(hostKey(at('registry', other)));
    expect(placeKey({ kind: 'registry', host: one, repository: 'app' })).toBe(
      repositoryKey(at('registry', other, 'app')),
    );
  });

  it('depends on what kind of store it is, on the host and on the repository', () => {
    const store = at('registry', 'r.example.com', 'app');
    for (const other of [
      at('registry', 'r.example.com', 'other'),
      at('registry', 'r.example.com:5000', 'app'),
      at('layout', 'r.example.com', 'app'),
      at('memory', 'r.example.com', 'app'),
    ]) {
      expect(isSameRepository(store, other)).toBe(false);
    }
  });
});

describe('whether blobs can be mounted', () => {
  it('is so between repositories of one registry', () => {
    const store = at('registry', 'r.example.com', 'app');
    expect(isNeighbour(store, at('registry', 'R.example.com', 'other'))).toBe(true);
    expect(isNeighbour(store, at('registry', 'R.example.com', 'app'))).toBe(false);
    expect(isNeighbour(store, at('registry', 'p.example.com', 'other'))).toBe(false);
  });

  it('is so between stores in memory that were given one host, and no others', () => {
    expect(isNeighbour(new MemoryStore({ host: 'here' }), new MemoryStore({ host: 'here' }))).toBe(true);
    expect(isNeighbour(new MemoryStore(), new MemoryStore({ repository: 'app' }))).toBe(false);
  });
});
