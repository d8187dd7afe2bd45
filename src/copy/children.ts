import type { ContentTarget } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';
import { knownType } from '../spec/manifest-type.js';
import type { ContentTally } from './content-tally.js';
import type { Member } from './fan-out-member.js';
import type { Lanes } from './lanes.js';
import { ofPart } from '../graph/part.js';
import { lookUp, type TagState } from './tag-state.js';
import type { Node, ManifestReader } from '../graph/manifest-reader.js';

/** Puts the name of a part in front of what went wrong with it. */
export type Naming = (error: unknown) => unknown;

/** What bringing the entries of an index to one repository takes. */
export interface ChildrenParts {
  readonly reader: ManifestReader;
  readonly target: ContentTarget;
  readonly lanes: Lanes;
  readonly tally: ContentTally;
  readonly member: Member;
  readonly signal: AbortSignal;
  /** The repository is likely empty: children are read while it is asked. */
  readonly readsEarly: boolean;
  /** True for what the target has, with all under it. Throws why that is not known. */
  readonly isWhole: (found: TagState, child: Descriptor) => Promise<boolean>;
  /** True for a blob that is not to be copied. */
  readonly leavesOut: (blob: Descriptor) => boolean;
  readonly bringBlob: (blob: Descriptor) => Promise<void>;
  /** Brings all that a child names, then the child. What stops the others by a failure goes through `named` before. */
  readonly bringNode: (node: Node, depth: number, named: Naming) => Promise<void>;
}

/** Brings the entries of indexes to one repository, unless it has them: each once is for the caller to see to. */
export class Children {
  readonly #parts: ChildrenParts;

  constructor(parts: ChildrenParts) {
    this.#parts = parts;
  }

  /** Brings one entry. What goes wrong names the part and the index. */
  async bring(index: Node, entry: Descriptor, depth: number): Promise<void> {
    const named: Naming = (error) => ofPart(error, entry, index);
    try {
      await (knownType(entry.mediaType) === undefined
        ? this.#unknown(entry, depth, named)
        : this.#manifest(entry, depth, named));
    } catch (error) {
      throw named(error);
    }
  }

  async #manifest(descriptor: Descriptor, depth: number, named: Naming): Promise<void> {
    const { reader, member, readsEarly, bringNode } = this.#parts;
    const found = await this.#looked(async () => {
      member.asks(descriptor.digest);
      const early = readsEarly ? reader.entry(descriptor, depth) : undefined;
      early?.catch(() => undefined);
      if (await this.#isThere(descriptor)) return 'there';
      return early ?? reader.entry(descriptor, depth);
    });
    if (found === 'there') return;
    if (found !== undefined) {
      await bringNode(found, depth, named);
      return;
    }
    const question = questionOf(descriptor);
    member.asks(question);
    member.declines(descriptor.digest);
    await this.#blob(descriptor, question);
  }

  /** Looks what there is to bring; where that fails, nothing more of it will be known. */
  async #looked<T>(look: () => Promise<T>): Promise<T> {
    const { tally } = this.#parts;
    tally.found();
    try {
      return await look();
    } catch (error) {
      tally.read([]);
      throw error;
    }
  }

  /** An entry of a type that is not known has to be read before it is known what the target may have it as. */
  async #unknown(entry: Descriptor, depth: number, named: Naming): Promise<void> {
    const { reader, member, leavesOut, bringNode } = this.#parts;
    const question = questionOf(entry);
    member.asks(question);
    try {
      const found = await this.#looked(async () => {
        // What is left out, as foreign layers are, need not be there.
        const node = leavesOut(entry) ? undefined : await reader.entry(entry, depth);
        const isThere = node !== undefined && (await this.#isThere(node.manifest.descriptor));
        return { node, isThere };
      });
      if (found.isThere) return;
      if (found.node !== undefined) {
        await bringNode(found.node, depth, named);
        return;
      }
      await this.#blob(entry, question);
    } finally {
      member.declines(question);
    }
  }

  /** It is no manifest. The question is answered once the blob is asked for in its place. */
  async #blob(entry: Descriptor, question: string): Promise<void> {
    const { tally, member, leavesOut, bringBlob } = this.#parts;
    tally.read(leavesOut(entry) ? [] : [entry]);
    const brought = bringBlob(entry);
    member.declines(question);
    await brought;
  }

  /** True for a manifest that the target has, with all that is under it. */
  async #isThere(descriptor: Descriptor): Promise<boolean> {
    const { target, lanes, tally, member, signal } = this.#parts;
    const isWhole = await lanes.check(async () => {
      const found = await lookUp(target, descriptor, { signal }, 'hint');
      return this.#parts.isWhole(found, descriptor);
    });
    if (!isWhole) return false;
    tally.read([]);
    member.declines(descriptor.digest);
    tally.manifest(descriptor, 'skipped');
    return true;
  }
}

/** What is asked of an entry, beside what is asked of the blob that it may be. */
function questionOf({ digest }: Descriptor): string {
  return `entry ${digest}`;
}
