import { RegferryError } from '../errors.js';
import { parseDigest } from './digest.js';
import type { Digest } from './digest.js';
import { misread } from './misread.js';
import { printable } from './printable.js';
import { formatReference, parseReference, parseRepository, parseTag, withoutUser } from './reference.js';
import type { Reference } from './reference.js';

/** Where an image is: in a registry, or in an OCI image layout folder. */
export type Location =
  | { readonly kind: 'registry'; readonly reference: Reference }
  | {
      readonly kind: 'layout';
      readonly folder: string;
      readonly tag?: string | undefined;
      readonly digest?: Digest | undefined;
    };

const LAYOUT = 'oci:';
const OTHER_TRANSPORT =
  /^(oci-archive|docker-archive|docker-daemon|containers-storage|oci-layout|ocidir|ostree|dir):/;

/**
 * Parses `oci:FOLDER[:tag][@digest]`, or an image reference (see parseReference). A colon in the last part of the
 * folder's path starts a tag; end the folder with a slash where it does not. Trailing slashes are dropped.
 * Throws E_REFERENCE, also for places that other tools know and regferry does not, and E_ALGORITHM.
 */
export function parseLocation(text: string): Location {
  const other = OTHER_TRANSPORT.exec(text)?.[1];
  if (other !== undefined) {
    const instead = 'use an image in a registry or an OCI layout folder, oci:FOLDER[:tag]';
    throw new RegferryError(
      'E_REFERENCE',
      `${other}: is not supported (in "${printable(text, 200)}"); ${instead}`,
    );
  }
  if (text.startsWith(LAYOUT)) return parseLayout(text);
  const why = misread(text);
  if (why !== undefined) {
    const shown = printable(withoutUser(text), 200);
    throw new RegferryError('E_REFERENCE', `"${shown}" is not an image reference: ${printable(why)}`);
  }
  return { kind: 'registry', reference: parseReference(text) };
}

/** A place for images, without a tag and digest: `[registry/]repository` or `oci:FOLDER`. Throws E_REFERENCE. */
export function parseRepositoryLocation(text: string): Location {
  const location = parseLocation(text);
  if (location.kind === 'registry') return { kind: 'registry', reference: parseRepository(text) };
  if (location.tag === undefined && location.digest === undefined) return location;
  const folder = formatLocation({ kind: 'layout', folder: location.folder });
  throw new RegferryError(
    'E_REFERENCE',
    `"${printable(text, 200)}": a folder is wanted here, without a tag or digest: ${printable(folder, 200)}`,
  );
}

/** The location as it would be written on the command line. {@link parseLocation} reads it back. */
export function formatLocation(location: Location): string {
  if (location.kind === 'registry') {
    const text = formatReference(location.reference);
    // A registry may be called `oci`, with a port: only the prefix tells it from a layout then.
    return text.startsWith(LAYOUT) || OTHER_TRANSPORT.test(text) ? `docker://${text}` : text;
  }
  const { folder, tag, digest } = location;
  const last = folder.slice(folder.lastIndexOf('/') + 1);
  const ended = /[:@]/.test(last) ? `${folder}/` : folder;
  return `${LAYOUT}${ended}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

function parseLayout(text: string): Location {
  const rest = text.slice(LAYOUT.length);
  if (/[\u0000-\u001f\u007f]/.test(rest))
    throw bad(text, 'a folder cannot have control characters in its name');
  const slash = rest.lastIndexOf('/') + 1;
  // `my@folder` is a folder; with a colon after the @, a digest is meant.
  const at = /@[^@:]*:[^@]*$/.exec(rest.slice(slash));
  const named = at === null ? rest : rest.slice(0, slash + at.index);
  const colon = named.indexOf(':', slash) < 0 ? -1 : named.lastIndexOf(':');
  const folder = trimSlashes(colon < 0 ? named : named.slice(0, colon));
  if (folder === '') throw bad(text, 'the folder is missing');
  return {
    kind: 'layout',
    folder,
    ...(colon >= 0 && { tag: parseTag(named.slice(colon + 1)) }),
    ...(at !== null && { digest: parseDigest(at[0].slice(1)) }),
  };
}

function trimSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end--;
  return path.slice(0, end);
}

function bad(text: string, why: string): RegferryError {
  const expected = 'expected oci:FOLDER[:tag|@digest]';
  return new RegferryError(
    'E_REFERENCE',
    `"${printable(text, 200)}" is not an OCI layout: ${why}; ${expected}`,
  );
}
