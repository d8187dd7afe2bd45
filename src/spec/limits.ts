/**
 * Most bytes of one manifest, in bytes. Registries must accept 4 MiB and distribution accepts no more.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
 */
export const MANIFEST_BYTES: number = 4 * 1024 * 1024;

/** Most descriptors that one manifest may list. The largest real ones have a few hundred. */
export const DESCRIPTORS = 10_000;

/** Deepest nesting of indexes: an index in an index in an index … Real ones are two deep. */
export const DEPTH = 8;

/** Most manifests and blobs of one tree, counted once each. */
export const NODES = 100_000;

/** Most bytes of all manifests of one tree together: they are held while it is copied. Real trees stay below one MiB. */
export const TREE_BYTES: number = 64 * 1024 * 1024;

/**
 * Most values of a document that is read as JSON, since each may take 70 bytes and more in memory. An index.json of 4 MiB
 * with 18,000 tags has some 130,000.
 */
export const JSON_VALUES = 250_000;

/** Deepest nesting of arrays and objects in a document that is read as JSON. Real manifests stay below ten. */
export const JSON_NESTING = 100;
