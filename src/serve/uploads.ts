import { isRegferryError } from '../errors.js';
import { algorithmOf, isDigest } from '../spec/digest.js';
import type { Digest } from '../spec/digest.js';
import type { RouteContext } from './context.js';
import { digestParameter, isRepositoryName } from './parameters.js';
import { parseChunkRange } from './range.js';
import { Refusal } from './refusal.js';
import type { IncomingBlob, RepositoryStorage } from './storage.js';
import type { UploadSession } from './upload-session.js';

/** Most repositories that are searched for a blob that the client expects to be somewhere. */
const mostMountSources = 2000;

/**
 * `POST /v2/<name>/blobs/uploads/`: mounts, takes a whole blob, or opens a session.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs
 */
export async function startUpload(context: RouteContext): Promise<void> {
  const { exchange, registry, name } = context;
  const { query } = exchange;
  const whole = query.has('digest') ? digestParameter(query.get('digest')) : undefined;
  const repository = await registry.storage.create(name);
  const mount = query.get('mount');
  if (mount !== null && isDigest(mount) && (await isMounted(context, repository, mount))) {
    sendCreated(context, mount);
    return;
  }
  if (whole !== undefined) {
    await takeWhole(context, repository, whole);
    return;
  }
  const algorithm = query.get('digest-algorithm') === 'sha512' ? 'sha512' : 'sha256';
  const receive = (): Promise<IncomingBlob> => repository.receiveBlob(algorithm);
  const session = await registry.sessions.open(name, receive, exchange.connection);
  exchange.onUndelivered(() => void registry.sessions.cancel(session));
  if (registry.uploadState) session.renewState();
  const { chunkMinLength } = registry;
  const minimum = chunkMinLength === undefined ? {} : { 'OCI-Chunk-Min-Length': String(chunkMinLength) };
  exchange.send(202, { ...session.headers(), ...minimum });
}

/** `PATCH <session>`: one chunk in its place where there is a Content-Range, else whatever comes next. */
export async function appendToUpload(context: RouteContext, session: UploadSession): Promise<void> {
  await session.write(context.exchange, async () => {
    await receive(context, session);
    if (context.registry.uploadState) session.renewState();
    context.exchange.send(202, session.headers());
  });
}

/** `PUT <session>?digest=`: the last bytes, or none, and the end of the upload. */
export async function finishUpload(context: RouteContext, session: UploadSession): Promise<void> {
  const { exchange, registry } = context;
  const digest = digestParameter(exchange.query.get('digest'));
  await session.write(exchange, async () => {
    await receive(context, session);
    registry.sessions.end(session);
    await commit(session.blob, digest);
    sendCreated(context, digest);
  });
}

/** `GET <session>`: how far the upload has come. */
export function tellUpload(context: RouteContext, session: UploadSession): Promise<void> {
  context.exchange.send(204, session.headers());
  return Promise.resolve();
}

/** `DELETE <session>`: the client has changed its mind. */
export async function cancelUpload(context: RouteContext, session: UploadSession): Promise<void> {
  await session.write(context.exchange, async () => {
    await context.registry.sessions.cancel(session);
    context.exchange.send(204);
  });
}

/**
 * True when the repository has the blob, or has taken it over: from the repository that the client names, or, where it
 * names none, from any that has it. Whoever may use this registry may read all of it.
 */
async function isMounted(
  context: RouteContext,
  repository: RepositoryStorage,
  digest: Digest,
): Promise<boolean> {
  if ((await repository.blobSize(digest)) !== undefined) return true;
  const { storage } = context.registry;
  const from = context.exchange.query.get('from');
  if (from !== null) {
    const source = isRepositoryName(from) ? await storage.repository(from) : undefined;
    return source !== undefined && (await repository.mountBlob(digest, source));
  }
  let looked = 0;
  for await (const name of storage.names()) {
    const source = await storage.repository(name);
    if (source !== undefined && (await repository.mountBlob(digest, source))) return true;
    looked += 1;
    if (looked === mostMountSources) break;
  }
  return false;
}

async function takeWhole(
  context: RouteContext,
  repository: RepositoryStorage,
  digest: Digest,
): Promise<void> {
  const blob = await repository.receiveBlob(algorithmOf(digest));
  try {
    for await (const chunk of context.exchange.body()) await blob.write(chunk);
  } catch (error) {
    await blob.discard();
    throw error;
  }
  await commit(blob, digest);
  sendCreated(context, digest);
}

/** Adds the body to the session. What has arrived before a cut stays, and counts as the session's offset. */
async function receive(context: RouteContext, session: UploadSession): Promise<void> {
  const { exchange, registry } = context;
  if (!session.isCurrent(exchange.rawQuery)) {
    throw outOfPlace(session, 'this is not the newest Location of the upload');
  }
  const expected = expectedLength(context, session);
  const before = session.blob.size;
  try {
    for await (const chunk of exchange.body()) await session.blob.write(chunk);
  } catch (error) {
    if (isRegferryError(error)) await registry.sessions.cancel(session);
    throw error;
  }
  const received = session.blob.size - before;
  if (expected !== undefined && received !== expected) {
    const message = `the Content-Range is ${expected} bytes long, the body ${received}`;
    throw new Refusal(400, 'SIZE_INVALID', message);
  }
  if (exchange.method === 'PATCH' && received < (registry.chunkMinLength ?? 0)) session.hadShortChunk = true;
}

function expectedLength(context: RouteContext, session: UploadSession): number | undefined {
  const { exchange, registry } = context;
  const header = exchange.header('content-range');
  if (header === undefined) return undefined;
  const range = parseChunkRange(header);
  if (range === undefined) {
    throw new Refusal(400, 'BLOB_UPLOAD_INVALID', 'a chunk needs a Content-Range of the form <first>-<last>');
  }
  if (range.start !== session.blob.size) {
    throw outOfPlace(session, `the upload goes on at byte ${session.blob.size}, not at ${range.start}`);
  }
  if (session.hadShortChunk) {
    const message = `a chunk before this one was shorter than ${registry.chunkMinLength ?? 0} bytes`;
    throw new Refusal(400, 'SIZE_INVALID', message);
  }
  const length = range.end - range.start;
  if ((exchange.contentLength ?? length) !== length) {
    throw new Refusal(400, 'SIZE_INVALID', 'Content-Range and Content-Length do not fit together');
  }
  return length;
}

async function commit(blob: IncomingBlob, digest: Digest): Promise<void> {
  try {
    await blob.commit(digest);
  } catch (error) {
    if (isRegferryError(error) && error.code === 'E_DIGEST_MISMATCH') {
      throw new Refusal(400, 'DIGEST_INVALID', 'the bytes that arrived have another digest', {
        detail: { digest },
      });
    }
    throw error;
  }
}

function outOfPlace(session: UploadSession, message: string): Refusal {
  return new Refusal(416, 'RANGE_INVALID', message, { headers: session.headers() });
}

function sendCreated(context: RouteContext, digest: Digest): void {
  context.exchange.send(201, {
    Location: `/v2/${context.name}/blobs/${digest}`,
    'Docker-Content-Digest': digest,
  });
}
