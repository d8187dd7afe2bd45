/** What a list of tags may have at most. */
export interface TagLimits {
  readonly pages: number;
  readonly tags: number;
  readonly pageBytes: number;
}

/** Bytes of one page are that many because some registries give every tag at once, whatever is asked for. */
export const TAG_LIMITS: TagLimits = { pages: 10_000, tags: 1_000_000, pageBytes: 32 * 1024 * 1024 };

/** How long the tags are waited for that a message offers in place of one that is not there, in milliseconds. */
export const NEAR_TAGS_MS = 5_000;

/** The most that OCI-Chunk-Min-Length may ask for, in bytes; beyond, the blob goes in one PUT. */
export const LARGEST_CHUNK_BYTES: number = 1024 * 1024 * 1024;

/** A smaller OCI-Chunk-Max-Length, in bytes, is not kept to: it would turn a large blob into requests without end. */
export const LEAST_MAXIMUM_BYTES: number = 16 * 1024;
