import type { Readable } from 'node:stream';

import type { Manifest, ManifestKey } from '../content/store.js';
import type { Algorithm, Digest } from '../spec/digest.js';
import type { ByteRange } from './range.js';

/**
 * What a registry keeps its repositories in. The handler knows nothing else of them: memory (memory-registry.ts) and a
 * folder of OCI layouts (folder-registry.ts) are the implementations. Names were checked against the specification's
 * grammar, and by `hasPlaceFor`.
 */
export interface RegistryStorage {
  /** False for a name that the grammar allows and that cannot be kept here. */
  hasPlaceFor(name: string): boolean;
  /** A repository that exists. */
  repository(name: string): Promise<RepositoryStorage | undefined>;
  /** A repository, made where there is none. Called when something is about to be written to it. */
  create(name: string): Promise<RepositoryStorage>;
  /** The name of every repository, in any order. */
  names(): AsyncIterable<string>;
}

/**
 * One repository of a registry. Writes that reject with `E_LIMIT` are answered with 507: there is no room left. A write
 * that cannot be done now, because another process writes there, throws a Refusal of 503. A write is durable, and seen by
 * every reader, once its promise resolves.
 */
export interface RepositoryStorage {
  /**
   * Size of a blob in bytes; undefined where it is not there. One that has another size than a manifest says is looked at,
   * and is not there when it has other bytes.
   */
  blobSize(digest: Digest, declared?: number): Promise<number | undefined>;
  /** The bytes of a blob that is there, or a part of them. */
  openBlob(digest: Digest, range: ByteRange): Promise<Readable>;
  /** Starts to receive a blob, most likely of this algorithm. Nothing of it is visible until it was committed. */
  receiveBlob(algorithm: Algorithm): Promise<IncomingBlob>;
  /** Takes a blob over from another repository of the same storage. False where that does not have it. */
  mountBlob(digest: Digest, from: RepositoryStorage): Promise<boolean>;
  deleteBlob(digest: Digest): Promise<boolean>;

  /** A manifest by tag or digest, exactly as it was put. */
  manifest(key: ManifestKey): Promise<Manifest | undefined>;
  /** The manifests whose subject this digest is, each once, in the order of their digests, from behind `after`. */
  referrers(subject: Digest, after?: string): AsyncIterable<Manifest>;
  /** Keeps a manifest whose digest was checked, and lets the tags name it. */
  putManifest(manifest: Manifest, tags: readonly string[]): Promise<void>;
  /** Removes a manifest and every tag that names it. False where there was none. */
  deleteManifest(digest: Digest): Promise<boolean>;

  /** Every tag, in any order. */
  tags(): Promise<readonly string[]>;
  /** Removes a tag, not its manifest. False where there was none. */
  deleteTag(tag: string): Promise<boolean>;
}

/** A blob of which the bytes are still coming, over one request or several. */
export interface IncomingBlob {
  /** Bytes that were written so far. */
  readonly size: number;
  /**
   * To be called before more is written to a blob that rested. Throws a Refusal of 404 when it is lost, and one of 503 when
   * it cannot be written now.
   */
  wake(): Promise<void>;
  /** To be called when nothing will be written for now: others may write to the repository meanwhile. */
  rest(): void;
  /** Adds bytes at the end. The buffer belongs to the blob from then on. */
  write(chunk: Buffer): Promise<void>;
  /**
   * Makes what was written a blob of the repository. Rejects with `E_DIGEST_MISMATCH` when it has another digest;
   * nothing is kept then. Nothing else may be called afterwards.
   */
  commit(digest: Digest): Promise<void>;
  /** Forgets what was written. */
  discard(): Promise<void>;
}
