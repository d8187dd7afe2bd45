import type { Manifest } from '../content/store.js';
import type { Digest } from '../spec/digest.js';
import { isJsonObject, own, parseJson } from '../spec/json.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { viewManifest } from '../spec/manifest.js';
import { detectMediaType } from '../spec/manifest-type.js';
import { OCI_INDEX } from '../spec/media-types.js';
import type { RouteContext } from './context.js';
import { linkTo, pageLimit } from './pages.js';
import type { RepositoryStorage } from './storage.js';

/** Bytes of a page that are not entries: what stands around the list. */
const frameBytes = 200;

/**
 * `GET /v2/<name>/referrers/<digest>[?artifactType=]`: an index of the manifests whose subject this digest is, in the order
 * of their digests. A Link leads on where there are more than fit on a page, which is no longer than a manifest may be.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function listReferrers(
  context: RouteContext,
  repository: RepositoryStorage | undefined,
  subject: Digest,
): Promise<void> {
  const { exchange, registry, name } = context;
  const wanted = exchange.query.get('artifactType');
  const limit = Math.max(1, pageLimit(exchange.query.get('n'), registry.pageSize));
  const manifests: string[] = [];
  let room = MANIFEST_BYTES - frameBytes;
  let last = exchange.query.get('last') ?? '';
  let hasMore = false;
  for await (const manifest of repository?.referrers(subject, last) ?? []) {
    const { artifactType, annotations } = describe(manifest);
    if (wanted !== null && artifactType !== wanted) continue;
    const entry = JSON.stringify({ ...manifest.descriptor, artifactType, annotations });
    room -= Buffer.byteLength(entry) + 1;
    hasMore = manifests.length === limit || (room < 0 && manifests.length > 0);
    if (hasMore) break;
    manifests.push(entry);
    last = manifest.descriptor.digest;
  }
  const filter = wanted === null ? {} : { artifactType: wanted };
  const next = new URLSearchParams({ ...filter, n: String(limit), last });
  exchange.send(
    200,
    {
      'Content-Type': OCI_INDEX,
      ...(wanted !== null && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(hasMore && linkTo(`/v2/${name}/referrers/${subject}`, next)),
    },
    Buffer.from(`{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${manifests.join(',')}]}\n`),
  );
}

/** An image without an artifactType is known by its config's type. */
function describe({ bytes, descriptor }: Manifest): {
  artifactType: string | undefined;
  annotations: unknown;
} {
  const view = viewManifest(bytes, detectMediaType(bytes, descriptor.mediaType) ?? descriptor.mediaType);
  const document = parseJson(bytes, 'manifest');
  const annotations = isJsonObject(document) ? own(document, 'annotations') : undefined;
  if (view.kind === 'opaque') return { artifactType: undefined, annotations };
  const config = view.kind === 'image' ? view.config.mediaType : undefined;
  return { artifactType: view.artifactType ?? config, annotations };
}
