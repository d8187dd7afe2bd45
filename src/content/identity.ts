import { canonicalRegistry } from '../spec/reference.js';
import type { ContentSource, Place } from './store.js';

/** What of a store says where it is. */
export type Located = Pick<ContentSource, 'place' | 'behind'>;

interface Keys {
  readonly host: string;
  readonly repository: string;
}

/** Stores in memory are told apart by nothing that they say of themselves, but by which object they are. */
const known = new WeakMap<Located, Keys>();
let inMemory = 0;

/**
 * A name for the repository that a store is: two stores have the same one only if whatever one of them holds the other
 * holds too. A registry's is its host, however it is spelled, with the repository; a layout's is its folder; a store in
 * memory is itself, since two may well say the same of where they are.
 */
export function repositoryKey(store: Located): string {
  return keysOf(store).repository;
}

/** A name for the host that a store is at: those with the same one share its limits, and may mount from each other. */
export function hostKey(store: Located): string {
  return keysOf(store).host;
}

/** The {@link repositoryKey} of whatever registry or layout is there, before it is opened. */
export function placeKey(place: Place & { readonly kind: 'registry' | 'layout' }): string {
  return JSON.stringify([...hostOf(place), place.repository]);
}

/** True for two stores that are the same repository; see {@link repositoryKey}. */
export function isSameRepository(a: Located, b: Located): boolean {
  return repositoryKey(a) === repositoryKey(b);
}

/** True where blobs of one repository may be mounted into the other: at the same host, but not the same one. */
export function isNeighbour(a: Located, b: Located): boolean {
  return hostKey(a) === hostKey(b) && !isSameRepository(a, b);
}

function keysOf(store: Located): Keys {
  let itself: Located = store;
  while (itself.behind !== undefined) itself = itself.behind;
  let keys = known.get(itself);
  if (keys === undefined) known.set(itself, (keys = newKeys(itself.place)));
  return keys;
}

function newKeys(place: Place): Keys {
  const host = hostOf(place);
  const itself = place.kind === 'memory' ? [(inMemory += 1)] : [];
  return { host: JSON.stringify(host), repository: JSON.stringify([...host, place.repository, ...itself]) };
}

function hostOf({ kind, host }: Place): readonly string[] {
  return [kind, kind === 'registry' ? canonicalRegistry(host) : host];
}
