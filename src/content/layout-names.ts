import { own, type JsonObject } from '../spec/json.js';
import { printable } from '../spec/printable.js';
import { entryName, entryTag, fullName, refName } from './layout-entry.js';

/** Most entries that a message lists. */
const LISTED = 10;

/** A name that nothing can be asked for by, and why. */
export interface LeftOut {
  /** What stands in index.json. */
  readonly name: string;
  /** The tag, where the name comes down to one that more than one image has. */
  readonly tag?: string | undefined;
  /** One line, fit for a message: what was left out, why, and what to do. */
  readonly message: string;
}

/** What the entries of an index.json can be asked for by. */
export class LayoutNames {
  readonly #tagged = new Map<string, JsonObject[]>();
  readonly #unnamed: JsonObject[] = [];

  constructor(entries: readonly JsonObject[]) {
    for (const entry of entries) {
      const tag = entryTag(entry);
      const known = tag === undefined ? this.#unnamed : this.#tagged.get(tag);
      if (known !== undefined) known.push(entry);
      else if (tag !== undefined) this.#tagged.set(tag, [entry]);
    }
  }

  /** Every tag that one image alone has, in the order of the entries. */
  tags(): string[] {
    return [...this.#tagged.keys()].filter((tag) => !isAmbiguous(this.of(tag)));
  }

  /** The entries that a tag stands for: those of exactly that name, else those with the tag in a full reference. */
  of(tag: string): readonly JsonObject[] {
    const all = this.#tagged.get(tag) ?? [];
    const exact = all.filter((entry) => refName(entry) === tag);
    return exact.length > 0 ? exact : all;
  }

  /** Why a tag stands for nothing, where several images have it; undefined where that is not so. */
  dispute(tag: string): string | undefined {
    const entries = this.of(tag);
    if (!isAmbiguous(entries)) return undefined;
    const listed = entries
      .slice(0, LISTED)
      .map((entry) => `${shown(fullName(entry) ?? tag)} (${digestOf(entry)})`);
    const more = entries.length > LISTED ? ` and ${entries.length - LISTED} more` : '';
    return `it has several entries of different digests for the tag ${tag}: ${listed.join(', ')}${more}; ask for one by its digest`;
  }

  /** The names that are left out of {@link tags}. */
  leftOut(): LeftOut[] {
    const left: LeftOut[] = [];
    for (const entry of this.#unnamed) {
      const name = entryName(entry);
      if (name !== undefined) {
        left.push({ name, message: `${quoted(name)} is no tag, nor a reference with one; ${ask(entry)}` });
      }
    }
    for (const [tag, all] of this.#tagged) left.push(...this.#hidden(tag, all));
    return left;
  }

  #hidden(tag: string, all: readonly JsonObject[]): LeftOut[] {
    const why = this.dispute(tag);
    if (why !== undefined) return [{ name: tag, tag, message: `${quoted(tag)}: ${why}` }];
    const [winner] = this.of(tag);
    return all
      .filter((entry) => digestOf(entry) !== digestOf(winner))
      .map((entry) => {
        const name = entryName(entry) ?? tag;
        return { name, message: `${quoted(name)}: another image is named ${tag} exactly; ${ask(entry)}` };
      });
  }
}

function isAmbiguous(entries: readonly JsonObject[]): boolean {
  return entries.some((entry) => digestOf(entry) !== digestOf(entries[0]));
}

function digestOf(entry: JsonObject | undefined): string {
  const digest = entry === undefined ? undefined : own(entry, 'digest');
  return typeof digest === 'string' ? printable(digest, 140) : '';
}

function ask(entry: JsonObject): string {
  return `ask for ${digestOf(entry)}`;
}

function quoted(name: string): string {
  return `"${shown(name)}"`;
}

function shown(name: string): string {
  return printable(name, 200);
}
