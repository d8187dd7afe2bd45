import type { Readable } from 'node:stream';

import type { OpenBlob, PutOptions, PutOutcome } from '../content/store.js';
import { RegferryError, isRegferryError } from '../errors.js';
import type { RequestBody } from '../http/message.js';
import type { Descriptor } from '../spec/descriptor.js';
import { hasBlob } from './blobs.js';
import type { RepositoryContext } from './manifests.js';
import { startUpload, type UploadSession } from './upload-session.js';
import type { ChunkSize, UploadWay } from './upload-ways.js';
import { VerifiedReader } from './verified-reader.js';

const OCTETS = 'application/octet-stream';
const EMPTY: RequestBody = { length: 0, type: OCTETS, open: () => Buffer.alloc(0) };

/** How uploads behave, beyond what one put says. */
export interface UploadPolicy {
  readonly chunkSize: ChunkSize;
  /** How often a blob is started afresh after failures that may pass. */
  readonly retries: number;
  /** Waits before restart number `failures`. */
  readonly backoff: (failures: number, signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * Uploads one blob, or mounts it. Each try is a session of its own: POST at the target and GET at the source go out
 * together, and the bytes are hashed on their way with the last piece held back. A session that failed is cancelled and
 * never written to again. Refusals walk the ladder of registry/upload-ways.ts; failures that may pass are tried again.
 */
export async function uploadBlob(
  context: RepositoryContext,
  descriptor: Descriptor,
  open: OpenBlob,
  options: PutOptions,
  policy: UploadPolicy,
): Promise<PutOutcome> {
  const upload = new BlobUpload(context, descriptor, open, options, policy);
  const memory = context.client.uploads;
  let way = memory.choose(descriptor.size, policy.chunkSize, context.client.registry);
  let refetched = false;
  let failures = 0;
  for (;;) {
    try {
      return await upload.attempt(way);
    } catch (error) {
      if (!isRegferryError(error) || options.signal?.aborted === true) throw error;
      const next = upload.refusedBytes(error)
        ? memory.after(way, error.status ?? 0, descriptor.size)
        : undefined;
      if (next !== undefined) {
        way = next;
        continue;
      }
      if (upload.mayHaveFinished && (await hasBlob(context, descriptor, options))) return 'copied';
      if (isCorrupt(error) && !refetched) {
        refetched = true;
        continue;
      }
      failures += 1;
      if (!upload.mayPass(error) || failures > policy.retries) throw explained(error, way);
      await policy.backoff(failures, options.signal);
    }
  }
}

/** A lost session is answered with 404 (distribution), 400 or 416: a new one may do better. */
function lostSession(error: RegferryError): boolean {
  return error.registryCodes.some((code) => code === 'BLOB_UPLOAD_UNKNOWN' || code === 'BLOB_UPLOAD_INVALID');
}

/** Bytes that were not the descriptor's: they are fetched again from the start, once, before giving up. */
function isCorrupt(error: RegferryError): boolean {
  return error.code === 'E_DIGEST_MISMATCH' || (error.code === 'E_SIZE_MISMATCH' && error.side === undefined);
}

function explained(error: RegferryError, way: UploadWay): RegferryError {
  if (error.status !== 413) return error;
  const hint = way.kind === 'chunks' ? '' : '; try --chunk-size with a smaller size';
  return new RegferryError(
    'E_LIMIT',
    `${error.message}; the registry or a proxy in front of it limits request bodies${hint}`,
    { ...error, cause: error },
  );
}

/** The tries of one blob's upload. */
class BlobUpload {
  readonly #context: RepositoryContext;
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlob;
  readonly #options: PutOptions;
  #mountFrom: string | undefined;
  readonly #policy: UploadPolicy;
  #sending = false;
  #resumes = 0;
  /** True when the last try broke off where the registry may already have stored the blob. */
  mayHaveFinished = false;

  constructor(
    context: RepositoryContext,
    descriptor: Descriptor,
    open: OpenBlob,
    options: PutOptions,
    policy: UploadPolicy,
  ) {
    this.#context = context;
    this.#policy = policy;
    this.#descriptor = descriptor;
    this.#open = open;
    this.#options = options;
    this.#mountFrom = options.mountFrom;
  }

  /** True when a new session may do better. What the source or the POST could not do was tried often enough below. */
  mayPass(error: RegferryError): boolean {
    return this.#sending && error.side !== 'source' && (error.retryable || lostSession(error));
  }

  /** True when the registry answered the bytes, not the POST before them, and does not call the session lost. */
  refusedBytes(error: RegferryError): boolean {
    return this.#sending && error.side !== 'source' && error.status !== undefined && !lostSession(error);
  }

  async attempt(way: UploadWay): Promise<PutOutcome> {
    this.#sending = false;
    this.mayHaveFinished = false;
    const { signal } = this.#options;
    const opening = this.#mountFrom === undefined ? this.#open({ signal }) : undefined;
    // It may fail while the POST is still under way; whoever awaits it later gets the error all the same.
    opening?.catch(() => undefined);
    const close = (): void => void opening?.then((stream) => stream.destroy()).catch(() => undefined);
    const start = await startUpload(this.#context, this.#descriptor.digest, this.#mountFrom, {
      signal,
    }).catch((error: unknown) => {
      close();
      throw error;
    });
    this.#mountFrom = undefined;
    if (start.mounted) return 'mounted';
    try {
      await this.#transfer(way, start.session, await (opening ?? this.#open({ signal })));
      return 'copied';
    } catch (error) {
      await start.session.cancel();
      throw error;
    } finally {
      close();
    }
  }

  async #transfer(way: UploadWay, session: UploadSession, stream: Readable): Promise<void> {
    const { size } = this.#descriptor;
    this.#sending = true;
    try {
      const chunk = way.kind === 'chunks' ? Math.max(way.bytes, session.chunkMinimum) : Infinity;
      if (way.kind === 'put' || (way.kind === 'chunks' && chunk >= size)) await this.#put(session, stream);
      else await this.#patches(session, stream, Math.min(chunk, size), way.kind === 'chunks');
    } finally {
      stream.destroy();
    }
  }

  async #put(session: UploadSession, stream: Readable): Promise<void> {
    const { size, digest } = this.#descriptor;
    if (size === 0) {
      await new VerifiedReader(this.#descriptor, stream).end();
      return session.finish(digest, EMPTY, true, this.#options);
    }
    let opened: Readable | undefined = stream;
    const body: RequestBody = {
      length: size,
      type: OCTETS,
      open: async () => {
        const bytes = opened ?? (await this.#open({ signal: this.#options.signal }));
        opened = undefined;
        return this.#passing(new VerifiedReader(this.#descriptor, bytes), size);
      },
    };
    await session.finish(digest, body, true, this.#options);
  }

  /** PATCHes of `bytes` each and an empty PUT. A chunk that broke off is sent again if the registry says it has none of it. */
  async #patches(session: UploadSession, stream: Readable, bytes: number, range: boolean): Promise<void> {
    const { size, digest } = this.#descriptor;
    let reader = new VerifiedReader(this.#descriptor, stream);
    let resumed: Readable | undefined;
    try {
      while (reader.position < size) {
        const start = reader.position;
        const length = Math.min(bytes, size - start);
        const checkpoint = range ? reader.checkpoint() : undefined;
        try {
          const body = { length, type: OCTETS, open: () => this.#passing(reader, length) };
          await session.append(start, body, range, this.#options);
        } catch (error) {
          const offset = checkpoint === undefined ? undefined : await this.#confirmed(session, error);
          if (offset === start + length && reader.position === offset) continue;
          if (checkpoint === undefined || offset !== start) throw error;
          resumed?.destroy();
          stream.destroy();
          resumed = await this.#open({ offset: start, signal: this.#options.signal });
          reader = new VerifiedReader(this.#descriptor, resumed, checkpoint);
        }
      }
    } finally {
      resumed?.destroy();
    }
    this.mayHaveFinished = true;
    await session.finish(digest, EMPTY, true, this.#options);
  }

  /** What the registry says it has after `error`, while resuming is still worth it; a lost session confirms nothing. */
  async #confirmed(session: UploadSession, error: unknown): Promise<number | undefined> {
    const worthwhile =
      isRegferryError(error) && error.side !== 'source' && (error.retryable || error.status === 416);
    if (!worthwhile || lostSession(error) || this.#options.signal?.aborted === true) return undefined;
    if (this.#resumes >= this.#policy.retries) return undefined;
    this.#resumes += 1;
    await this.#policy.backoff(this.#resumes, this.#options.signal);
    return session.confirmedOffset(this.#options);
  }

  async *#passing(reader: VerifiedReader, length: number): AsyncGenerator<Uint8Array> {
    for await (const piece of reader.take(length)) {
      if (reader.position === this.#descriptor.size) this.mayHaveFinished = true;
      yield piece;
      this.#options.onProgress?.(reader.position);
    }
  }
}
