import type { Readable } from 'node:stream';

import type { Descriptor } from '../spec/descriptor.js';
import type { Digest } from '../spec/digest.js';

/** What every operation accepts: a signal that abandons it (it then rejects with the signal's reason where that is a RegferryError, else with `E_ABORTED`). */
export interface Op {
  readonly signal?: AbortSignal | undefined;
}

/**
 * How sure an answer about a manifest has to be. At a registry it comes by HEAD, and some registries, proxies and storages
 * answer that in another way than GET:
 *
 * - `hint`: HEAD's word alone, for what costs some work at most if it is wrong; where it is refused, that counts as absent;
 * - `likely`: GET is asked, once, where HEAD is refused, or says "absent" in an answer that does not look like a registry's;
 * - `proved`: GET is asked, once, wherever HEAD does not say what is there. Absence is then E_NOT_FOUND, in the registry's
 *   own words.
 *
 * Stores that see their content themselves need not know the difference.
 */
export type Certainty = 'hint' | 'likely' | 'proved';

/** Options of {@link ContentSource.resolve}. */
export interface ResolveOptions extends Op {
  /** @default 'likely' */
  readonly certainty?: Certainty | undefined;
}

/** How to open a blob's bytes. */
export interface OpenOptions extends Op {
  /** First byte wanted, counted from 0. @default 0 */
  readonly offset?: number | undefined;
}

/** A name that a list of tags leaves out. */
export interface LeftOutName {
  /** The tag, where it is one that stands for several images. */
  readonly tag?: string | undefined;
  /** One line: what was left out, and why. */
  readonly message: string;
}

/** Options of {@link ContentSource.tags}. */
export interface TagsOptions extends Op {
  /** Told of each name that is left out: what is no tag, or stands for several images. */
  readonly onLeftOut?: ((left: LeftOutName) => void) | undefined;
}

/**
 * Opens the bytes of one blob. Bodies travel as factories, never as streams, so that a retry, a redirect or a resume
 * can open them again. The stream is raw and unverified; whoever consumes it checks size and hash
 * (see content/verify.ts) and destroys it when it stops early.
 */
export type OpenBlob = (options: OpenOptions) => Promise<Readable>;

/** Names a manifest in one repository: by tag, or by digest (a descriptor is one; its size and type are then checked). */
export type ManifestKey =
  | { readonly tag: string }
  | {
      readonly digest: Digest;
      readonly size?: number | undefined;
      readonly mediaType?: string | undefined;
    };

/**
 * A manifest as it travels: its descriptor and exactly the bytes that were received. Parsed JSON is only ever a view. The
 * descriptor's type is what the bytes are, whatever they were called (see spec/manifest-type.ts).
 */
export interface Manifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
  /** What the place that it comes from calls it, where that is another type: a Content-Type, or what index.json says. */
  readonly label?: string | undefined;
}

/**
 * Where a store is: stores with the same `host` can mount each other's blobs by repository name. Whether two stores are
 * the same one is decided in content/identity.ts, for those in memory by the object and not by this.
 */
export interface Place {
  readonly kind: 'registry' | 'layout' | 'memory';
  /** Registry host as the user spelled it, real path of the layout folder, or a name that only neighbours share. */
  readonly host: string;
  /** Repository path inside the registry; empty for stores that hold one repository only. */
  readonly repository: string;
}

/** Something that a store should hold, and does not. */
export interface Hole {
  readonly descriptor: Descriptor;
  readonly kind: 'manifest' | 'blob';
  /** There is nothing, or something else in its place. */
  readonly state: 'missing' | 'damaged';
}

/** Options of {@link Inspector.lacking}. */
export interface LackingOptions extends Op {
  /** The blobs of foreign layers should be there too. @default false */
  readonly includeForeign?: boolean | undefined;
}

/** Looks whether a store holds what it should. Existence and size are looked at, and the bytes of manifests. */
export interface Inspector {
  /** What is missing or damaged of all that a manifest names, itself included, each once. */
  lacking(root: Descriptor, options?: LackingOptions): Promise<readonly Hole[]>;
  /** Which of these are damaged there, or missing although something that the store holds names them. */
  damaged(parts: readonly Descriptor[], op?: Op): Promise<readonly Descriptor[]>;
}

/** One repository's content, for reading. */
export interface ContentSource {
  readonly place: Place;
  /** True when a manifest GET is metered and a HEAD is not, so that HEAD goes first (Docker Hub). */
  readonly metered: boolean;
  /** The store that this one only stands in front of: what is written to either is in both. */
  readonly behind?: Pick<ContentSource, 'place' | 'behind'> | undefined;
  /**
   * For stores whose content may be damaged behind their backs, as files are. Absent where a manifest that is there is
   * taken to be whole.
   */
  readonly inspector?: Inspector | undefined;
  /** The store and repository in words, for messages: `registry.example.com/app`, `oci:folder`. */
  toString(): string;
  /** Told that so many requests are about to be made at once, for stores that have to connect first. Never throws. */
  prepare?(requests: number, op?: Op): void;
  /**
   * HEAD, and GET where {@link ResolveOptions.certainty} asks for it. Undefined only after a clean "not found"; a size of -1
   * means that the server did not tell.
   */
  resolve(key: ManifestKey, options?: ResolveOptions): Promise<Descriptor | undefined>;
  /** One GET: the descriptor (digest computed here) and the bytes. Throws E_NOT_FOUND, E_DIGEST_MISMATCH, E_SIZE_MISMATCH, E_LIMIT. */
  fetch(key: ManifestKey, op?: Op): Promise<Manifest>;
  /** The raw bytes of a blob. */
  open(descriptor: Descriptor, options?: OpenOptions): Promise<Readable>;
  /** Every tag, each once, in the order in which the store gives them. What is no tag is left out, and told. */
  tags(options?: TagsOptions): AsyncIterable<string>;
}

/** How a blob got to the target: it was there, it was mounted from another repository, or its bytes moved. */
export type PutOutcome = 'present' | 'mounted' | 'copied';

/** Options of {@link ContentTarget.put}. */
export interface PutOptions extends Op {
  /**
   * A repository of the same host that holds the blob; where the target {@link ContentTarget.mountsOwn}, its own name
   * finds out whether it does. A refused mount falls back to an upload.
   */
  readonly mountFrom?: string | undefined;
  /** Called with the bytes of this blob that have been handed over so far; goes back to a lower number after a restart. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** Called when the blob has to wait for its turn at the target: whoever reads it together with others is not to hold them up. */
  readonly onHeld?: (() => void) | undefined;
}

/** Options of {@link ContentTarget.putManifest}. */
export interface PutManifestOptions extends Op {
  /**
   * True for what the user named, false for a child of an index. A layout lists the former in its index.json, since
   * nothing else would name it there; registries know no difference. @default false
   */
  readonly root?: boolean | undefined;
}

/** One repository's content, for reading and writing. */
export interface ContentTarget extends ContentSource {
  /**
   * True where a blob can be mounted from the repository itself: a put with that as its `mountFrom` is told 'present' where
   * the blob is there, and has an upload open where it is not, in one request. Absent counts as false.
   */
  readonly mountsOwn?: boolean;
  /**
   * True once the host was caught making a mount up, in whatever repository: it looks by itself from then on, and what
   * was mounted before is to be looked at. Absent counts as false.
   */
  readonly doubtsMounts?: boolean;
  /** Told that a blob that the host said to have mounted is missing. */
  doubtMounts?(): void;
  /** True when the blob is there with the descriptor's size. */
  has(descriptor: Descriptor, op?: Op): Promise<boolean>;
  /**
   * Puts one blob. Bytes are hashed on the way; a blob whose size or hash is wrong never completes
   * (E_SIZE_MISMATCH, E_DIGEST_MISMATCH). Does not ask first whether the blob is there.
   */
  put(descriptor: Descriptor, open: OpenBlob, options?: PutOptions): Promise<PutOutcome>;
  /** Writes a manifest by digest, exactly these bytes. What it names must be there already. */
  putManifest(manifest: Manifest, options?: PutManifestOptions): Promise<void>;
  /** Writes a manifest under a tag, exactly these bytes. */
  tag(manifest: Manifest, tag: string, op?: Op): Promise<void>;
  /**
   * Removes a tag by its name and leaves what it names, other tags of that included; one that is not there is no failure.
   * Throws E_UNSUPPORTED where a registry cannot. Left out by stores that never can.
   */
  readonly untag?: ((tag: string, op?: Op) => Promise<void>) | undefined;
}
