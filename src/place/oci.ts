import { DeferredLayout } from '../content/deferred-layout.js';
import { placeKey } from '../content/identity.js';
import { isLayoutThere } from '../content/layout-place.js';
import { openLayout, type LayoutStore } from '../content/layout-store.js';
import { realFolder } from '../content/real-folder.js';
import type { ContentTarget } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { parseDigest } from '../spec/digest.js';
import { printable } from '../spec/printable.js';
import { isTag, parseTag } from '../spec/reference.js';
import { Address, type Names, type OpenedImage, type Opening } from './address.js';
import type { Scheme } from './scheme.js';

const PREFIX = 'oci:';

/** A folder that is an OCI image layout: `oci:FOLDER[:tag][@digest]`. */
export class OciAddress extends Address {
  readonly repository: string;
  readonly #folder: string;

  constructor(folder: string, names: Names = {}) {
    super(names);
    this.#folder = folder;
    const last = folder.slice(folder.lastIndexOf('/') + 1);
    this.repository = PREFIX + (/[:@]/.test(last) ? `${folder}/` : folder);
  }

  named(names: Names): OciAddress {
    return new OciAddress(this.#folder, names);
  }

  async key(): Promise<string> {
    return placeKey({ kind: 'layout', host: await realFolder(this.#folder), repository: '' });
  }

  /** Throws E_LAYOUT. */
  async read(opening: Opening): Promise<LayoutStore> {
    return opening.keep(await openLayout(this.#folder, { access: 'read' }));
  }

  /** One that is not there, or empty, is made a layout when something is written. Throws E_LAYOUT. */
  async write(opening: Opening): Promise<ContentTarget> {
    const folder = this.#folder;
    const { dry, signal } = opening;
    if (!(await isLayoutThere(folder)))
      return opening.keep(new DeferredLayout(folder, await realFolder(folder), { signal }));
    return opening.keep(
      await openLayout(folder, dry ? { access: 'read' } : { access: 'write', create: true, signal }),
    );
  }

  /** Without a tag and digest the layout has to hold one image alone. Throws E_LAYOUT, E_USAGE (several images). */
  override async find(opening: Opening): Promise<OpenedImage> {
    const store = await this.read(opening);
    if (this.tag !== undefined || this.digest !== undefined) return this.imageIn(store);
    const { descriptor, tag, alsoTagged, name } = await store.singleImage();
    const digest = tag === undefined ? descriptor.digest : undefined;
    return {
      store,
      key: descriptor,
      tag,
      reference: this.named({ tag, digest }).toString(),
      isAssumed: alsoTagged.length > 0,
      alsoTagged,
      ...(tag === undefined && (name === undefined ? { isUntagged: true } : { misnomer: name })),
    };
  }
}

/**
 * Parses `FOLDER[:tag][@digest]`. The folder ends at the first colon in the last part of its path that is no drive's; end it
 * with a slash where it has one. Trailing slashes are dropped. Throws E_REFERENCE, E_ALGORITHM.
 */
function parse(rest: string): OciAddress {
  if (/[\u0000-\u001f\u007f]/.test(rest))
    throw bad(rest, 'a folder cannot have control characters in its name');
  const slash = rest.lastIndexOf('/') + 1;
  // `my@folder` is a folder; with a colon after the @, a digest is meant.
  const at = /@[^@:]*:[^@]*$/.exec(rest.slice(slash));
  const named = at === null ? rest : rest.slice(0, slash + at.index);
  const start = Math.max(slash, /^[A-Za-z]:[\\/]/.test(named) ? 2 : 0);
  const colon = named.indexOf(':', start);
  const folder = trimSlashes(colon < 0 ? named : named.slice(0, colon));
  if (folder === '') throw bad(rest, 'the folder is missing');
  return new OciAddress(folder, {
    tag: colon < 0 ? undefined : tagOf(named.slice(colon + 1), folder),
    digest: at === null ? undefined : parseDigest(at[0].slice(1)),
  });
}

/** Other tools take whole references for names there: what to write is the tag alone. Throws E_REFERENCE. */
function tagOf(name: string, folder: string): string {
  const [, before = '', tag = ''] = /^(.*):([^:]*)$/.exec(name) ?? [];
  if (!isTag(tag)) return parseTag(name);
  const image = `${PREFIX}${folder}:${tag}`;
  const other = `${PREFIX}${folder}:${before}/:${tag}`;
  const message = `"${printable(name, 160)}" is not a tag: give the tag alone, ${printable(image, 200)}; if the colon is part of the folder's name, end that with a slash, ${printable(other, 200)}`;
  throw new RegferryError('E_REFERENCE', message);
}

function trimSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function bad(rest: string, why: string): RegferryError {
  const text = printable(PREFIX + rest, 200);
  return new RegferryError(
    'E_REFERENCE',
    `"${text}" is not an OCI layout: ${why}; expected oci:FOLDER[:tag|@digest]`,
  );
}

/** The scheme of OCI image layout folders. */
export const oci: Scheme = { prefix: PREFIX, parse };
