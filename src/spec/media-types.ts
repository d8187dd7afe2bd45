/** https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
/** https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
/** https://distribution.github.io/distribution/spec/manifest-v2-2/#manifest-list */
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
/** https://distribution.github.io/distribution/spec/manifest-v2-2/ */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
/** The artifact manifest that was taken out before image-spec 1.1; it lists `blobs`. */
export const OCI_ARTIFACT = 'application/vnd.oci.artifact.manifest.v1+json';
/** The artifact manifest of early ORAS; it lists `blobs`. */
export const ORAS_ARTIFACT = 'application/vnd.cncf.oras.artifact.manifest.v1+json';
/** Docker schema 1 with its signatures around it. https://distribution.github.io/distribution/spec/deprecated-schema-v1/ */
export const SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
/** Docker schema 1 without signatures. */
export const SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';

/** The configuration of an OCI image. */
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
/** The configuration of a Docker schema 2 image. */
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
/** The blob `{}`, which stands where an artifact has no configuration or no layers. */
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json';
/** An OCI layer, compressed with gzip. */
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
/** A Docker layer, compressed with gzip. */
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip';

/**
 * The Accept header of manifest requests: one value, no q values (servers ignore them). Without a type in it,
 * distribution converts or hides manifests that are asked for by tag. Never for blobs, tokens or uploads.
 */
export const MANIFEST_ACCEPT: string = [
  OCI_INDEX,
  DOCKER_LIST,
  OCI_MANIFEST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  SCHEMA1_SIGNED,
  SCHEMA1,
].join(', ');

const MANIFESTS: ReadonlySet<string> = new Set([
  OCI_INDEX,
  DOCKER_LIST,
  OCI_MANIFEST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  ORAS_ARTIFACT,
  SCHEMA1_SIGNED,
  SCHEMA1,
]);

/** True for the two types that list other manifests: OCI index and Docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
}

/** True for the two artifact manifests that list `blobs`. */
export function isArtifactType(mediaType: string): boolean {
  return mediaType === OCI_ARTIFACT || mediaType === ORAS_ARTIFACT;
}

/** True for Docker schema 1, signed or not. */
export function isSchema1Type(mediaType: string): boolean {
  return mediaType === SCHEMA1_SIGNED || mediaType === SCHEMA1;
}

/** True for every manifest type that we know: index, list, OCI, Docker schema 2, artifact, schema 1. */
export function isManifestType(mediaType: string): boolean {
  return MANIFESTS.has(mediaType);
}

/** Words of a type that tells of a layer or a configuration: `….image.layer.v1.tar+gzip`, `….buildkit.cacheconfig.v0`. */
const BLOB_WORDS = /[./](?:layer|rootfs|config|cacheconfig|tar)(?=[.+]|$)|\+(?:gzip|zstd|encrypted)$/;
const BLOBS: ReadonlySet<string> = new Set([
  OCI_EMPTY,
  DOCKER_CONFIG,
  'application/vnd.docker.plugin.v1+json',
  'application/vnd.in-toto+json',
]);

/** True for the types of layers and configurations, which are blobs wherever they are named, in an index as well. */
export function isBlobType(mediaType: string): boolean {
  const type = cleanMediaType(mediaType);
  return type !== undefined && !isManifestType(type) && (BLOBS.has(type) || BLOB_WORDS.test(type));
}

const FOREIGN_DOCKER = 'application/vnd.docker.image.rootfs.foreign.diff.tar';
const FOREIGN_OCI = 'application/vnd.oci.image.layer.nondistributable.v1.tar';

/**
 * True for layers that their makers do not let registries hand out: Docker's foreign and OCI's non-distributable
 * layers, however compressed or encrypted. https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers
 */
export function isForeignLayerType(mediaType: string): boolean {
  const type = mediaType.toLowerCase();
  return [FOREIGN_DOCKER, FOREIGN_OCI].some(
    (foreign) => type === foreign || type.startsWith(`${foreign}.`) || type.startsWith(`${foreign}+`),
  );
}

const GENERIC: ReadonlySet<string> = new Set([
  'application/json',
  'text/plain',
  'application/octet-stream',
  'binary/octet-stream',
]);
const TYPE_GRAMMAR = /^[a-z0-9!#$%&'*+.^_`|~-]{1,127}\/[a-z0-9!#$%&'*+.^_`|~-]{1,127}$/;

/**
 * A Content-Type without its parameters and in lower case. Undefined when it is absent, no media type at all, or
 * one that says nothing (`application/json`, `text/plain`, `application/octet-stream`): the body must tell then.
 */
export function cleanMediaType(header: string | undefined): string | undefined {
  const type = (header ?? '').slice(0, 512).split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return TYPE_GRAMMAR.test(type) && !GENERIC.has(type) ? type : undefined;
}
