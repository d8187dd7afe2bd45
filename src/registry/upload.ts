import type { OpenBlob, PutOptions, PutOutcome } from '../content/store.js';
import { isRegferryError, type RegferryError } from '../errors.js';
import type { RequestBody } from '../http/message.js';
import type { Descriptor } from '../spec/descriptor.js';
import { hasBlob } from './blobs.js';
import { isProved } from './mount-proof.js';
import type { RepeatPolicy, RepositoryContext } from './context.js';
import { brokeOff, explained, isDisputed, isFinal, isPassing, lostSession } from './upload-failure.js';
import { startUpload, type UploadSession } from './upload-session.js';
import { OCTETS, UploadSource, type Stretch } from './upload-source.js';
import type { ChunkSize, UploadWay } from './upload-ways.js';

/** Chunks that moved this much count as progress, and their uploads do not use up a repeat. */
const PROGRESS_BYTES = 1024 * 1024;
/** Even with progress, one blob's chunks are not taken up again more often than this. */
const RESUMES = 100;
/** How often a registry may say that it received other bytes than were sent. */
const DISPUTES = 2;
/** Up to this size a blob is read while it is found out whether it is needed: the bytes cost less than the round trip. */
const EARLY_BYTES = 64 * 1024;
const EMPTY: RequestBody = { length: 0, type: OCTETS, open: () => Buffer.alloc(0) };

/** How uploads behave, beyond what one put says; a blob is started afresh as often as its repeats allow. */
export interface UploadPolicy extends RepeatPolicy {
  readonly chunkSize: ChunkSize;
  /** Longest wait for the answer to a body, in milliseconds. @default 15 minutes */
  readonly answerTimeoutMs?: number | undefined;
}

/**
 * Uploads one blob, or mounts it, or finds it there already (a mount from the repository itself). Each try is a session of
 * its own: POST at the target and GET at the source go out together, and the bytes are hashed on their way with the last piece held back. A session that failed is cancelled and
 * never written to again. Refusals walk the ladder of registry/upload-ways.ts; failures that may pass are tried again,
 * and what breaks off twice goes in chunks from then on, which can be taken up again.
 * What the source does wrong ends the upload at once.
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
  let way = memory.choose(descriptor.size, policy.chunkSize);
  let failures = 0;
  let lost: number | undefined;
  for (;;) {
    try {
      return await upload.attempt(way);
    } catch (error) {
      if (!isRegferryError(error) || options.signal?.aborted === true) throw error;
      if (!upload.isTargets(error)) throw error;
      const { status } = error;
      const repeatedly = status === lost;
      const isLadder = !lostSession(error) && !isFinal(error);
      const next = isLadder ? memory.after(way, status, descriptor.size, repeatedly) : undefined;
      if (next !== undefined) {
        way = next;
        continue;
      }
      lost = status;
      if (error.code !== 'E_READ_BACK' && (await upload.hasFinished())) return 'copied';
      failures += 1;
      if (!upload.mayPass(error, repeatedly) || failures > policy.retries) throw explained(error, way);
      if (failures > 1 && brokeOff(error)) way = memory.inPieces(way, descriptor.size, policy.chunkSize);
      await policy.backoff(failures, options.signal);
    }
  }
}

/** The tries of one blob's upload. */
class BlobUpload {
  readonly #context: RepositoryContext;
  readonly #descriptor: Descriptor;
  readonly #open: OpenBlob;
  readonly #options: PutOptions;
  readonly #policy: UploadPolicy;
  #mountFrom: string | undefined;
  #source: UploadSource;
  #sending = false;
  /** Chunks taken up again: in all, since the last progress, and where the last time. */
  #resumes = 0;
  #stuck = 0;
  #resumedAt = 0;
  #disputes = 0;

  constructor(
    context: RepositoryContext,
    descriptor: Descriptor,
    open: OpenBlob,
    options: PutOptions,
    policy: UploadPolicy,
  ) {
    this.#context = { ...context, place: { onWait: () => this.#source.release() } };
    this.#policy = policy;
    this.#descriptor = descriptor;
    this.#open = open;
    this.#options = options;
    this.#mountFrom = options.mountFrom;
    this.#source = new UploadSource(descriptor, open, options);
  }

  /** True when the registry answered the bytes, or failed to. What the source or the POST could not do was tried often enough below. */
  isTargets(error: RegferryError): boolean {
    return this.#sending && this.#source.failure?.error !== error;
  }

  /** True when a new session may do better. */
  mayPass(error: RegferryError, repeatedly: boolean): boolean {
    if (isPassing(error) || lostSession(error)) return true;
    // Another way was not to be had for it, so this is about the session; twice in a row it is not.
    if (error.status === 404 || error.status === 416) return !repeatedly && !isFinal(error);
    if (!isDisputed(error)) return false;
    this.#disputes += 1;
    return this.#disputes <= DISPUTES;
  }

  /** True when the last try broke off with every byte sent, and the registry has the blob all the same. */
  async hasFinished(): Promise<boolean> {
    if (this.#source.position !== this.#descriptor.size) return false;
    try {
      return await hasBlob(this.#context, this.#descriptor, this.#options, false);
    } catch (error) {
      if (isRegferryError(error)) return false;
      throw error;
    }
  }

  async attempt(way: UploadWay): Promise<PutOutcome> {
    this.#sending = false;
    this.#resumedAt = 0;
    const source = new UploadSource(this.#descriptor, this.#open, this.#options);
    this.#source = source;
    const mountFrom = this.#mountFrom;
    this.#mountFrom = undefined;
    const own = mountFrom === this.#context.repository;
    const isEarly = mountFrom === undefined || (own && this.#descriptor.size <= EARLY_BYTES);
    if (this.#context.client.isBusy) source.release();
    else if (isEarly) source.start();
    try {
      const { digest } = this.#descriptor;
      const { signal } = this.#options;
      let start = await startUpload(this.#context, digest, mountFrom, { signal });
      if (start.mounted) {
        if (await isProved(this.#context, this.#descriptor, own, this.#options))
          return own ? 'present' : 'mounted';
        this.#context.client.uploads.madeMountUp();
        start = await startUpload(this.#context, digest, undefined, { signal });
      }
      if (!start.mounted) await this.#transfer(way, start.session);
      return 'copied';
    } finally {
      source.close();
    }
  }

  async #transfer(way: UploadWay, session: UploadSession): Promise<void> {
    const { size } = this.#descriptor;
    try {
      if (!this.#context.client.isBusy) await this.#source.ready();
      this.#sending = true;
      const chunk = this.#chunkOf(way, session);
      if (chunk !== undefined) await this.#sendChunks(session, Math.min(chunk, size));
      else if (way.kind === 'patch') await this.#sendStream(session);
      else await this.#sendWhole(session);
    } catch (error) {
      await session.cancel();
      throw error;
    }
  }

  /**
   * Bytes of a chunk, within what the registry allows; undefined where there are to be none. After the other ways were
   * refused even a blob that is smaller goes as a chunk, unless the only chunk would be the one in the closing PUT.
   */
  #chunkOf(way: UploadWay, session: UploadSession): number | undefined {
    const { minimum, maximum } = session.chunks;
    const { size } = this.#descriptor;
    const wanted = way.kind === 'chunks' ? Math.max(way.bytes, minimum) : size;
    const bytes = Math.min(wanted, maximum);
    const single = way.kind !== 'chunks' || this.#context.client.quirks.lastChunkInPut === true;
    return bytes === Infinity || (single && bytes >= size) ? undefined : bytes;
  }

  async #sendWhole(session: UploadSession): Promise<void> {
    const { size, digest } = this.#descriptor;
    if (size === 0) await this.#source.checkEmpty();
    const body = size === 0 ? EMPTY : this.#source.stretch(size);
    await session.finish(digest, body, undefined, this.#options);
  }

  async #sendStream(session: UploadSession): Promise<void> {
    const { size, digest } = this.#descriptor;
    await session.append(0, this.#source.stretch(size), false, this.#options);
    await session.finish(digest, EMPTY, undefined, this.#options);
  }

  /** PATCHes of `bytes` each and a PUT that is empty, or holds the last chunk where the registry needs that. */
  async #sendChunks(session: UploadSession, bytes: number): Promise<void> {
    const { size, digest } = this.#descriptor;
    const { lastChunkInPut } = this.#context.client.quirks;
    const source = this.#source;
    const end = lastChunkInPut === true ? (Math.ceil(size / bytes) - 1) * bytes : size;
    for (let start = 0; start < end; start += Math.min(bytes, end - start)) {
      await this.#sendChunk(session, start, source.stretch(Math.min(bytes, end - start)));
    }
    if (end === size) return session.finish(digest, EMPTY, undefined, this.#options);
    return session.finish(digest, source.stretch(size - end), end, this.#options);
  }

  /** A chunk that broke off goes on where the registry says that it has all bytes up to there. */
  async #sendChunk(session: UploadSession, start: number, chunk: Stretch): Promise<void> {
    const end = start + chunk.length;
    let at = start;
    for (;;) {
      try {
        await session.append(at, chunk.after(at - start), true, this.#options);
        return;
      } catch (error) {
        if (start - this.#resumedAt >= PROGRESS_BYTES) this.#stuck = 0;
        this.#resumedAt = start;
        if (!this.#isResumable(error)) throw error;
        // What it says to have in the middle of a chunk, it does not want continued: it lied (Quay is off by one).
        if (at > start && error.status === 416) throw error;
        this.#resumes += 1;
        this.#stuck += 1;
        await this.#policy.backoff(this.#stuck, this.#options.signal);
        const offset = await session.confirmedOffset(this.#options);
        if (offset === end && this.#source.position === end) return;
        if (offset === undefined || !this.#mayGoOn(session, start, offset, end)) throw error;
        at = offset;
      }
    }
  }

  /** In the middle of a chunk too, unless the registry has rules for their size; the hash is known for any byte of it. */
  #mayGoOn({ chunks }: UploadSession, start: number, offset: number, end: number): boolean {
    if (offset === start) return true;
    return offset > start && offset < end && chunks.minimum === 0 && chunks.maximum === Infinity;
  }

  #isResumable(error: unknown): error is RegferryError {
    if (!isRegferryError(error) || !this.isTargets(error) || lostSession(error)) return false;
    if (this.#options.signal?.aborted === true) return false;
    if (this.#stuck >= this.#policy.retries || this.#resumes >= RESUMES) return false;
    return isPassing(error) || error.status === 416;
  }
}
