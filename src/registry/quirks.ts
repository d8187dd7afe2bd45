import { canonicalRegistry } from '../spec/reference.js';

const MiB = 1024 * 1024;

/** How one registry differs from the specification, as far as it changes what we do. */
export interface Quirks {
  /** GETs of manifests count against a pull limit and HEADs do not, so a HEAD goes first. */
  readonly metered?: true;
  /** Opens an upload for a mount even where the blob is there, unless the account is set to mount. */
  readonly seldomMounts?: true;
  /** A blob of any size goes in one PUT unless chunks are asked for. */
  readonly singlePut?: true;
  /** Most bytes of one PATCH. */
  readonly patchBytes?: number;
  /** Fewest bytes of every chunk but the last, where the registry does not announce them itself. */
  readonly chunkMinimum?: number;
  /** The last chunk rides in the closing PUT, since an empty one fails after several PATCHes. */
  readonly lastChunkInPut?: true;
}

interface Row {
  readonly registry: string;
  readonly hosts: RegExp;
  readonly quirks: Quirks;
}

/**
 * The registries that can be told by their host.
 *
 * | Registry | What it does | Seen in |
 * |---|---|---|
 * | Docker Hub | counts manifest GETs against the pull limit, not HEADs | docker/docs#11707 |
 * | GHCR | answers 416 to a PATCH over 4 MiB, takes a PUT of any size | oras-project/rust-oci-client#35 |
 * | Google (GAR, GCR) | knows no chunks; takes a PUT of any size | dotnet/sdk-container-builds#287 |
 * | Amazon ECR | takes a PUT of any size (15 GB) | kitops-ml/kitops#821 |
 * | | chunks: 500 to an empty closing PUT; the last chunk in it works | openai/tart#159, aws/containers-roadmap#2831 |
 * | | mounts only where the account is set to (BLOB_MOUNTING) | AWS documentation |
 * | | chunks: every part but the last has 5 MiB or more | dotnet/sdk-container-builds#424 |
 *
 * What self-hosted registries do cannot be told by a host, so it is allowed for everywhere:
 *
 * | Registry | What it does | What we do about it, everywhere |
 * |---|---|---|
 * | ECR, Pulp | 201 or 204 to a PATCH | any of 200, 201, 202, 204 is a success |
 * | ECR, Quay | the Range of an upload is stuck, or off by one | an answer's Range is not believed; only an exact offset is resumed at |
 * | ACR | refuses a Content-Range with unit or total | always `first-last`, as the specification has it |
 * | zot, Gitea, distribution 2.8 | a broken chunk ends the session | a new session from byte 0 |
 * | Artifactory | 403 to HEAD of an absent blob; now and then 404 to a chunk | "unknown, so upload it"; a new session |
 * | Cloudflare R2 | OCI-Chunk-Min-Length and OCI-Chunk-Max-Length, equal parts | both are kept to, chunks are equal but the last |
 * | nginx, Cloudflare in front | 413 with an HTML page | smaller chunks, halved down to 4 MiB |
 * | Harbor, Docker Hub | 401, 403, 404 or 405 to a mount | a plain upload with the plain scope |
 * | Quay | refuses concurrent writes of one manifest | tags of one repository are written one after the other |
 * | ECR, Harbor, Quay, ACR | refuse to write an immutable tag, even with the same digest | the tag is asked (immutable-tag.ts) |
 * | Quay, GitLab, ECR | tag pages of 100, or never above 1000 | asked for 1000 and the Link is followed |
 * | Nexus | 411 without Content-Length | always sent |
 */
const ROWS: readonly Row[] = [
  { registry: 'Docker Hub', hosts: /^docker\.io$/, quirks: { metered: true } },
  { registry: 'GHCR', hosts: /^ghcr\.io$/, quirks: { singlePut: true, patchBytes: 4 * MiB } },
  { registry: 'Google', hosts: /(?:^|\.)gcr\.io$|-docker\.pkg\.dev$/, quirks: { singlePut: true } },
  {
    registry: 'Amazon ECR',
    hosts: /^\d+\.dkr[.-]ecr(?:-fips)?\..+\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/,
    quirks: { singlePut: true, chunkMinimum: 5 * MiB, lastChunkInPut: true, seldomMounts: true },
  },
];

/** The quirks of a registry, by its host as the user spelled it; none for hosts that nothing is known about. */
export function quirksOf(registry: string): Quirks {
  const host = canonicalRegistry(registry);
  return ROWS.find(({ hosts }) => hosts.test(host))?.quirks ?? {};
}
