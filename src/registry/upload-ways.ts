import type { Quirks } from './quirks.js';

const MiB = 1024 * 1024;

/** Largest body that goes in one PUT unless asked otherwise: Cloudflare's free plan stops at 100 MB. */
export const SINGLE_PUT_BYTES: number = 96 * MiB;
/** Chunk size above that. */
export const CHUNK_BYTES: number = 64 * MiB;
/** Chunk size for a registry that refuses whole blobs, whatever their size. */
export const FALLBACK_CHUNK_BYTES: number = 16 * MiB;
/** A registry that refuses even this much in one body (413) cannot take the blob. */
export const SMALLEST_CHUNK_BYTES: number = 4 * MiB;

/** A way to send a blob's bytes: one PUT; one PATCH of unannounced range and an empty PUT; PATCHes of `bytes` each. */
export type UploadWay =
  { readonly kind: 'put' | 'patch' } | { readonly kind: 'chunks'; readonly bytes: number };

/** What was asked for: bytes a chunk, `off` for one PUT whatever the size, undefined for the default. */
export type ChunkSize = number | 'off' | undefined;

/** Statuses that refuse the way, not the blob; 413 is another matter. */
const REFUSALS: readonly number[] = [404, 405, 411, 415, 416, 501];
/** Those that, in answer to a chunk, are about the session: a lost offset, or Artifactory's sporadic 404 (jib#3399). */
const OF_SESSION: readonly (number | undefined)[] = [404, 416];
/** The order in which ways are tried, by the one that comes first. */
const LADDER = {
  put: ['put', 'patch', 'chunks'],
  patch: ['patch', 'chunks', 'put'],
  chunks: ['chunks', 'put', 'patch'],
} as const;

/** What is known about uploads at one host: its quirks, and what it refused during the run, which is not tried again. */
export class UploadMemory {
  readonly #quirks: Quirks;
  /** Largest body to send, after a 413. */
  #bodyLimit = Infinity;
  readonly #refused = new Set<UploadWay['kind']>();
  #mountsOwn: boolean;
  #doubtsMounts = false;

  constructor(quirks: Quirks) {
    this.#quirks = quirks;
    this.#mountsOwn = quirks.seldomMounts !== true;
  }

  /** False where a mount from the repository itself is known to tell nothing about what is there. */
  get mountsOwn(): boolean {
    return this.#mountsOwn;
  }

  /** A mount from the repository itself was refused: it is not tried again at this host. */
  refusedOwnMount(): void {
    this.#mountsOwn = false;
  }

  /** True once the host was caught saying that it had mounted what is not there: it is asked for proof from then on. */
  get doubtsMounts(): boolean {
    return this.#doubtsMounts;
  }

  /** The host made a mount up: none is believed any more, whatever the repositories. */
  madeMountUp(): void {
    this.#mountsOwn = false;
    this.#doubtsMounts = true;
  }

  /** The way to try first for a blob of `size` bytes. */
  choose(size: number, chunkSize: ChunkSize): UploadWay {
    const way = this.#preferred(size, chunkSize);
    return this.#possible(way, size) ?? way;
  }

  #preferred(size: number, chunkSize: ChunkSize): UploadWay {
    if (size === 0 || chunkSize === 'off') return { kind: 'put' };
    const single = this.#quirks.singlePut === true ? Infinity : SINGLE_PUT_BYTES;
    if (size <= (chunkSize ?? single)) return { kind: 'put' };
    return { kind: 'chunks', bytes: chunkSize ?? CHUNK_BYTES };
  }

  /**
   * The way to try after `way` was refused with `status` for a blob of `size` bytes, or undefined when the ladder ends:
   * smaller chunks after a 413, else from PUT to one PATCH to chunks, and from chunks to what was not tried yet.
   * `repeatedly` says that the failure before was the same: a session is lost by accident once, not twice.
   */
  after(way: UploadWay, status: number | undefined, size: number, repeatedly = false): UploadWay | undefined {
    if (size === 0 || status === undefined) return undefined;
    if (status === 413) return this.#smaller(way, size);
    if (!REFUSALS.includes(status)) return undefined;
    if (way.kind === 'chunks' && OF_SESSION.includes(status) && !repeatedly) return undefined;
    this.#refused.add(way.kind);
    return this.#possible(way, size);
  }

  /**
   * The way to go on with where a large body broke off again and again: in chunks, unless the host is known to want one
   * PUT, or the user does.
   */
  inPieces(way: UploadWay, size: number, chunkSize: ChunkSize): UploadWay {
    const whole = this.#quirks.singlePut === true || chunkSize === 'off';
    if (whole || way.kind === 'chunks' || size <= FALLBACK_CHUNK_BYTES) return way;
    return this.#chunks(FALLBACK_CHUNK_BYTES);
  }

  /** The way itself, or the next one that this host has not refused; undefined when there is none. */
  #possible(way: UploadWay, size: number): UploadWay | undefined {
    if (size === 0) return way;
    const fits = size <= this.#bodyLimit;
    for (const kind of LADDER[way.kind]) {
      if (this.#refused.has(kind)) continue;
      if (kind === 'chunks') return this.#chunks(way.kind === 'chunks' ? way.bytes : FALLBACK_CHUNK_BYTES);
      if (fits && (kind === 'put' || size <= (this.#quirks.patchBytes ?? Infinity))) return { kind };
    }
    return undefined;
  }

  #chunks(wanted: number): UploadWay {
    const bytes = Math.min(wanted, this.#bodyLimit, this.#quirks.patchBytes ?? Infinity);
    return { kind: 'chunks', bytes: Math.max(bytes, this.#quirks.chunkMinimum ?? 0) };
  }

  #smaller(way: UploadWay, size: number): UploadWay | undefined {
    const tried = way.kind === 'chunks' ? Math.min(way.bytes, size) : size;
    let bytes = CHUNK_BYTES;
    while (bytes >= tried) bytes /= 2;
    if (bytes < Math.max(SMALLEST_CHUNK_BYTES, this.#quirks.chunkMinimum ?? 0)) return undefined;
    if (this.#refused.has('chunks')) return undefined;
    this.#bodyLimit = Math.min(bytes, this.#bodyLimit);
    return { kind: 'chunks', bytes };
  }
}
