import { RegferryError } from '../errors.js';

/** What content that is held, and each repository that has it, take in memory beside the bytes. */
const entryCost = 1024;
const holderCost = 256;

/** Bytes of such costs that are free: a small registry may be as small as its content. */
const freeCosts = 1024 * 1024;

interface Kept {
  readonly size: number;
  readonly blocks: readonly Buffer[];
  readonly holders: Set<object>;
}

/**
 * Counts the memory that a storage holds, and refuses more than a cap. Content counts once however many repositories have
 * it, since they share the one copy that came first. What the registry needs beside the bytes counts as well: millions of
 * blobs of one byte would else take gigabytes.
 */
export class Room {
  readonly #cap: number;
  readonly #kept = new Map<string, Kept>();
  #used = 0;
  #costs = 0;

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Bytes of content in use. */
  get used(): number {
    return this.#used;
  }

  /** Takes room for bytes of an upload that is not finished. Throws E_LIMIT where it would be too much. */
  take(bytes: number): void {
    this.#check(bytes, 0);
    this.#used += bytes;
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#used -= bytes;
  }

  /** Counts bytes that are needed beside content. Throws E_LIMIT where it would be too much. */
  charge(bytes: number): void {
    this.#check(0, bytes);
    this.#costs += bytes;
  }

  /** Takes back what was charged. */
  discharge(bytes: number): void {
    this.#costs -= bytes;
  }

  /**
   * The holder has the content of this name, from now on or still. Gives the blocks that it is to keep: those of whoever had it first.
   * Throws E_LIMIT where its bytes are new and too many.
   */
  enter(name: string, blocks: readonly Buffer[], holder: object): readonly Buffer[] {
    const known = this.#kept.get(name);
    if (known?.holders.has(holder) === true) return known.blocks;
    const size = blocks.reduce((sum, { length }) => sum + length, 0);
    const cost = known === undefined ? entryCost + holderCost : holderCost;
    const kept = known ?? { size, blocks, holders: new Set() };
    this.#check(known === undefined ? size : 0, cost);
    this.#used += known === undefined ? size : 0;
    this.#costs += cost;
    kept.holders.add(holder);
    this.#kept.set(name, kept);
    return kept.blocks;
  }

  /** The holder does not have the content of this name any more. What never entered is ignored. */
  leave(name: string, holder: object): void {
    const kept = this.#kept.get(name);
    if (kept?.holders.delete(holder) !== true) return;
    this.discharge(holderCost);
    if (kept.holders.size > 0) return;
    this.#kept.delete(name);
    this.discharge(entryCost);
    this.give(kept.size);
  }

  #check(bytes: number, costs: number): void {
    const counted = Math.max(0, this.#costs + costs - freeCosts);
    if (this.#used + bytes + counted <= this.#cap) return;
    throw new RegferryError('E_LIMIT', `the registry is full: it holds at most ${this.#cap} bytes`);
  }
}
