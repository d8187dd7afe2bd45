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
/** A smaller OCI-Chunk-Max-Length is not kept to: it would turn a large blob into requests without end. */
export const LEAST_MAXIMUM_BYTES: number = 16 * 1024;
/** The most that OCI-Chunk-Min-Length may ask for; beyond, the blob goes in one PUT. */
export const LARGEST_CHUNK_BYTES: number = 1024 * MiB;

/** A way to send a blob's bytes: one PUT; one PATCH of unannounced range and an empty PUT; PATCHes of `bytes` each. */
export type UploadWay =
  { readonly kind: 'put' | 'patch' } | { readonly kind: 'chunks'; readonly bytes: number };

/** `--chunk-size`: bytes a chunk, `off` for one PUT whatever the size, undefined for the default. */
export type ChunkSize = number | 'off' | undefined;

/** Statuses that refuse the way, not the blob; 413 is another matter. */
const REFUSALS: readonly number[] = [404, 405, 411, 415, 416, 501];

/** What is known about uploads at one host: its quirks, and what it refused during the run, which is not tried again. */
export class UploadMemory {
  readonly #quirks: Quirks;
  /** Largest body to send, after a 413. */
  #bodyLimit = Infinity;
  #putRefused = false;
  #patchRefused = false;

  constructor(quirks: Quirks) {
    this.#quirks = quirks;
  }

  /** The way to try first for a blob of `size` bytes. */
  choose(size: number, chunkSize: ChunkSize): UploadWay {
    if (size === 0 || chunkSize === 'off') return this.#possible({ kind: 'put' }, size);
    const single = this.#quirks.singlePut === true ? Infinity : SINGLE_PUT_BYTES;
    if (size <= (chunkSize ?? single)) return this.#possible({ kind: 'put' }, size);
    return this.#possible({ kind: 'chunks', bytes: chunkSize ?? CHUNK_BYTES }, size);
  }

  /**
   * The way to try after `way` was refused with `status` for a blob of `size` bytes, or undefined when the ladder ends:
   * smaller chunks after a 413, else from PUT to one PATCH to chunks.
   */
  after(way: UploadWay, status: number | undefined, size: number): UploadWay | undefined {
    if (size === 0 || status === undefined) return undefined;
    if (status === 413) return this.#smaller(way, size);
    if (!REFUSALS.includes(status) || way.kind === 'chunks') return undefined;
    if (way.kind === 'put') this.#putRefused = true;
    else this.#patchRefused = true;
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

  /** The way itself, or the next one that this host has not refused. */
  #possible(way: UploadWay, size: number): UploadWay {
    if (size === 0) return way;
    if (way.kind === 'chunks') return this.#chunks(way.bytes);
    if (size > this.#bodyLimit) return this.#chunks(this.#bodyLimit);
    if (way.kind === 'put' && !this.#putRefused) return way;
    if (this.#patchRefused || size > (this.#quirks.patchBytes ?? Infinity)) {
      return this.#chunks(FALLBACK_CHUNK_BYTES);
    }
    return { kind: 'patch' };
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
    this.#bodyLimit = Math.min(bytes, this.#bodyLimit);
    return { kind: 'chunks', bytes };
  }
}
