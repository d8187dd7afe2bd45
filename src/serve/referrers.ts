import { isRegferryError } from '../errors.js';
import type { Manifest } from '../content/store.js';
import type { Digest } from '../spec/digest.js';
import { isJsonObject, own, parseJson } from '../spec/json.js';
import { viewManifest } from '../spec/manifest.js';
import type { ManifestView } from '../spec/manifest.js';
import { OCI_INDEX } from '../spec/media-types.js';
import type { RouteContext } from './context.js';
import type { RepositoryStorage } from './storage.js';

/**
 * `GET /v2/<name>/referrers/<digest>[?artifactType=]`: an index of the manifests whose subject this digest is.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function listReferrers(
  context: RouteContext,
  repository: RepositoryStorage | undefined,
  subject: Digest,
): Promise<void> {
  const { exchange } = context;
  const wanted = exchange.query.get('artifactType');
  const manifests: object[] = [];
  for await (const manifest of repository?.manifests() ?? []) {
    const view = viewOf(manifest);
    if (view === undefined || view.kind === 'opaque' || view.subject?.digest !== subject) continue;
    const config = view.kind === 'image' ? view.config.mediaType : undefined;
    const artifactType = view.artifactType ?? config;
    if (wanted !== null && artifactType !== wanted) continue;
    manifests.push({ ...manifest.descriptor, artifactType, annotations: annotationsOf(manifest) });
  }
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  const filters: Record<string, string> = wanted === null ? {} : { 'OCI-Filters-Applied': 'artifactType' };
  exchange.send(200, { 'Content-Type': OCI_INDEX, ...filters }, Buffer.from(`${JSON.stringify(index)}\n`));
}

/** What the manifest says, or nothing for one that came in by another way than a push and cannot be read. */
function viewOf(manifest: Manifest): ManifestView | undefined {
  try {
    return viewManifest(manifest.bytes, manifest.descriptor.mediaType);
  } catch (error) {
    if (isRegferryError(error)) return undefined;
    throw error;
  }
}

function annotationsOf(manifest: Manifest): unknown {
  const document = parseJson(manifest.bytes, 'manifest');
  return isJsonObject(document) ? own(document, 'annotations') : undefined;
}
