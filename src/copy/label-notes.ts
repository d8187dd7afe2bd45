import type { ContentSource } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';
import { knownType } from '../spec/manifest-type.js';
import { cleanMediaType, isBlobType } from '../spec/media-types.js';
import { printable } from '../spec/printable.js';
import type { LabelWatcher, Labels, Node } from '../graph/manifest-reader.js';
import type { CopyEvent } from './events.js';

/**
 * Tells of what is called something else than it is: a note for each such name and place, with the digest of the first that
 * had it. What it is decides about the copy; a label is for whoever reads it elsewhere.
 */
export class LabelNotes implements LabelWatcher {
  readonly #emit: (event: CopyEvent) => void;
  readonly #told = new Set<string>();

  constructor(emit: (event: CopyEvent) => void) {
    this.#emit = emit;
  }

  /** A manifest was read. */
  manifest(
    source: ContentSource,
    { manifest, view }: Pick<Node, 'manifest' | 'view'>,
    { listed, called }: Labels,
  ): void {
    const { digest, mediaType } = manifest.descriptor;
    const is =
      view.kind === 'opaque'
        ? 'which is not known; it is copied as it is, without what it may name'
        : `but it is ${mediaType}, and copied as that`;
    const isOther = (label: string | undefined): label is string => {
      return (
        label !== undefined && label !== '' && (view.kind === 'opaque' || cleanMediaType(label) !== mediaType)
      );
    };
    if (isOther(listed)) this.#tell(source, digest, `is listed as ${printable(listed, 120)}, ${is}`);
    if (isOther(called)) this.#tell(source, digest, `is called ${printable(called, 120)}, ${is}`);
  }

  /** An entry turned out to be a blob, which types of blobs say already. */
  blob(source: ContentSource, { digest, mediaType }: Descriptor): void {
    if (isBlobType(mediaType)) return;
    const known = knownType(mediaType) === undefined ? 'which is not known; it' : 'but it';
    const is = `${known} is no manifest, and copied as a blob`;
    this.#tell(source, digest, `is listed as ${printable(mediaType, 120)}, ${is}`);
  }

  #tell(source: ContentSource, digest: string, what: string): void {
    const key = `${source.toString()} ${what}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#emit({ type: 'note', message: `${source.toString()}: ${digest} ${what}` });
  }
}
