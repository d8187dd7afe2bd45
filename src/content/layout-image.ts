import { isRegferryError, RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import type { LayoutIndex } from './layout-index.js';
import type { ManifestKey } from './store.js';
import { unknownTag } from './unknown-tag.js';

/** Most names that a message lists. */
const LISTED = 20;

/** The image of a layout that holds one alone, and how the layout calls it. */
export interface SingleImage {
  readonly descriptor: Descriptor;
  /** The tag by which it can be asked for, if it has one; the first of several. */
  readonly tag?: string | undefined;
  /** Its other tags. */
  readonly alsoTagged: readonly string[];
  /** What index.json calls it, if it has a name: fit for a message alone, since it may be any text. */
  readonly name?: string | undefined;
}

/** The image of an index that holds only one, or that has a tag for only one of them. `layout` is how it is called in messages. Throws E_NOT_FOUND, and E_USAGE with a list. */
export function singleImage(index: LayoutIndex, layout: string): SingleImage {
  const roots = index.roots();
  const [descriptor] = roots;
  if (descriptor === undefined) throw new RegferryError('E_NOT_FOUND', `${layout} holds no image`);
  // What a tag has moved away from, and signatures, stay without one.
  const named = roots.filter(({ digest }) => index.nameOf(digest) !== undefined);
  const only = roots.length === 1 ? descriptor : named.length === 1 ? named[0] : undefined;
  if (only !== undefined) {
    const [tag, ...alsoTagged] = index.tagsOf(only.digest);
    return { descriptor: only, tag, alsoTagged, name: index.nameOf(only.digest) };
  }
  const names = listed(index.selectors());
  throw new RegferryError(
    'E_USAGE',
    `${layout} holds ${roots.length} images, so one must be named: ${names}`,
  );
}

/** What an index says of a manifest. Throws E_LAYOUT, with a list, for a tag that is several images'. */
export function namedImage(index: LayoutIndex, layout: string, key: ManifestKey): Descriptor | undefined {
  try {
    return 'tag' in key ? index.tagged(key.tag) : index.withDigest(key.digest);
  } catch (error) {
    if (!isRegferryError(error)) throw error;
    throw new RegferryError(error.code, `${layout}: ${error.message}`, { cause: error });
  }
}

/** The error for a tag that a layout does not have: it lists what can be asked for. */
export function notInLayout(index: LayoutIndex, layout: string, tag: string): RegferryError {
  const names = index.selectors();
  return unknownTag(layout, tag, {
    tags: names.filter((name) => name.startsWith(':')).map((name) => name.slice(1)),
    others: names.filter((name) => !name.startsWith(':')),
  });
}

function listed(names: readonly string[]): string {
  const rest = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return `${names.slice(0, LISTED).join(', ')}${rest}`;
}
