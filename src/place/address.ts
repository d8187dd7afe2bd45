import type { ContentSource, ContentTarget, ManifestKey } from '../content/store.js';
import { parseDigest, type Digest } from '../spec/digest.js';
import { parseTag, type Reference } from '../spec/reference.js';

/** What an image is called in its repository; neither of both names the repository itself. */
export interface Names {
  readonly tag?: string | undefined;
  readonly digest?: Digest | undefined;
}

/** What a call lends to an address that is opened. */
export interface Opening {
  readonly signal: AbortSignal;
  /** Nothing will be written: nothing is made or locked, and what could not be written is refused all the same. */
  readonly dry: boolean;
  /** A repository of a registry, with the call's connections and logins. */
  repository(reference: Reference): ContentTarget;
  /** Closes a store when the call ends. */
  keep<Store extends { close(): Promise<void> }>(store: Store): Store;
}

/** A source image, found. */
export interface OpenedImage {
  readonly store: ContentSource;
  readonly key: ManifestKey;
  /** The tag that a target without one takes; none for an image that was named by digest alone. */
  readonly tag?: string | undefined;
  /** What a layout calls its image where that is no tag, so that a target without one cannot take it. */
  readonly misnomer?: string | undefined;
  /** How the image is printed, with what stood in for a name. */
  readonly reference: string;
  /** True where nobody named a tag or digest, and another tag than the only one stands in: `latest`, or the first. @default false */
  readonly isAssumed?: boolean | undefined;
  /** Other tags of the image, where the first stands in. */
  readonly alsoTagged?: readonly string[] | undefined;
  /** True where nobody named a tag or digest, and the image has no tag that could stand in. @default false */
  readonly isUntagged?: boolean | undefined;
}

/**
 * Where an image or a repository is: one class a scheme. It is parsed once (place/parse.ts), flows through the program as
 * it is, and is printed where people read it. `Store` is what it opens for writing.
 */
export abstract class Address<Store extends ContentSource = ContentTarget> {
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
  /** The registry that a login and a client certificate would go to; undefined where there is none. */
  readonly registry: string | undefined;

  /** Throws E_REFERENCE for a tag that is none, E_REFERENCE or E_ALGORITHM for a digest. */
  constructor({ tag, digest }: Names, registry?: string) {
    this.tag = tag === undefined ? undefined : parseTag(tag);
    this.digest = digest === undefined ? undefined : parseDigest(digest);
    this.registry = registry;
  }

  /** How the repository is printed, without a tag or digest. */
  abstract readonly repository: string;

  /** Another image of the same repository, or the repository itself. */
  abstract named(names: Names): Address<Store>;

  /** The repository by a name that is the same however it is spelled, and that a store opened there has: see content/identity.ts. */
  abstract key(): Promise<string>;

  /** Opens the repository for reading. */
  abstract read(opening: Opening): Promise<ContentSource>;

  /** Opens the repository for writing. */
  abstract write(opening: Opening): Promise<Store>;

  /** Opens the repository and says which of its images is meant. */
  async find(opening: Opening): Promise<OpenedImage> {
    return this.imageIn(await this.read(opening));
  }

  /** How reports print it, however it was written: in full, with its tag, without a digest. */
  get reference(): string {
    return this.named({ tag: this.tag }).toString();
  }

  /** As it is written on the command line; parsing it gives the same address. */
  toString(): string {
    const { repository, tag, digest } = this;
    return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
  }

  /** The image that the names stand for: `latest` where there are none. Next to a digest, which says what is meant, a tag is only a name. */
  protected imageIn(store: ContentSource): OpenedImage {
    const { digest } = this;
    const isAssumed = this.tag === undefined && digest === undefined;
    const tag = isAssumed ? 'latest' : this.tag;
    const key = digest === undefined ? { tag: tag ?? 'latest' } : { digest };
    return { store, key, tag, reference: this.named({ tag, digest }).toString(), isAssumed };
  }
}
