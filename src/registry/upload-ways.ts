const MiB = 1024 * 1024;

/** Largest body that goes in one PUT unless asked otherwise: Cloudflare's free plan stops at 100 MB. */
export const SINGLE_PUT_BYTES: number = 96 * MiB;
/** Chunk size above that. */
export const CHUNK_BYTES: number = 64 * MiB;
/** A registry that refuses even this much in one body (413) cannot take the blob. */
export const SMALLEST_CHUNK_BYTES: number = 4 * MiB;
/** The most that OCI-Chunk-Min-Length may ask for; beyond, the blob goes in one PUT. */
export const LARGEST_CHUNK_BYTES: number = 1024 * MiB;

/** A way to send a blob's bytes: one PUT; one PATCH of unannounced range and an empty PUT; PATCHes of `bytes` each. */
export type UploadWay =
  { readonly kind: 'put' | 'patch' } | { readonly kind: 'chunks'; readonly bytes: number };

/** `--chunk-size`: bytes a chunk, `off` for one PUT whatever the size, undefined for the default. */
export type ChunkSize = number | 'off' | undefined;

/**
 * Hosts that want a blob of any size in one PUT: GAR and GCR do not support chunks, GHCR caps a PATCH at 4 MiB but takes
 * a large PUT (dotnet/sdk-container-builds#287, oras-project/rust-oci-client#35).
 */
export function wantsSinglePut(registry: string): boolean {
  const host = registry.toLowerCase();
  return (
    host === 'ghcr.io' || host === 'gcr.io' || host.endsWith('.gcr.io') || host.endsWith('-docker.pkg.dev')
  );
}

/** What uploads taught about one host during a run: ways that it refused are not tried again. */
export class UploadMemory {
  /** Largest body to send, after a 413. */
  #bodyLimit: number | undefined;
  #putRefused = false;
  #patchRefused = false;

  /** The way to try first for a blob of `size` bytes. */
  choose(size: number, chunkSize: ChunkSize, registry: string): UploadWay {
    const way = this.#preferred(size, chunkSize, registry);
    if (way.kind === 'chunks' || this.#bodyLimit === undefined || size <= this.#bodyLimit) return way;
    return { kind: 'chunks', bytes: this.#bodyLimit };
  }

  #preferred(size: number, chunkSize: ChunkSize, registry: string): UploadWay {
    const single: UploadWay = { kind: this.#putRefused && size > 0 ? 'patch' : 'put' };
    if (chunkSize === 'off') return single;
    if (chunkSize !== undefined) return size > chunkSize ? this.#chunks(chunkSize) : single;
    if (size <= SINGLE_PUT_BYTES || wantsSinglePut(registry)) return single;
    return this.#chunks(CHUNK_BYTES);
  }

  #chunks(bytes: number): UploadWay {
    return { kind: 'chunks', bytes: Math.min(bytes, this.#bodyLimit ?? bytes) };
  }

  /**
   * The way to try after `way` was refused with `status` for a blob of `size` bytes, or undefined when the ladder ends:
   * smaller chunks after a 413, else from PUT to one PATCH to chunks.
   */
  after(way: UploadWay, status: number, size: number): UploadWay | undefined {
    if (status === 413) return this.#smaller(way, size);
    if (![404, 405, 411, 415, 416, 501].includes(status)) return undefined;
    if (way.kind === 'put' && size > 0) {
      this.#putRefused = true;
      return { kind: this.#patchRefused ? 'chunks' : 'patch', bytes: 4 * SMALLEST_CHUNK_BYTES };
    }
    if (way.kind === 'patch') {
      this.#patchRefused = true;
      return { kind: 'chunks', bytes: 4 * SMALLEST_CHUNK_BYTES };
    }
    return undefined;
  }

  #smaller(way: UploadWay, size: number): UploadWay | undefined {
    const tried = way.kind === 'chunks' ? Math.min(way.bytes, size) : size;
    let bytes = CHUNK_BYTES;
    while (bytes >= tried) bytes /= 2;
    if (bytes < SMALLEST_CHUNK_BYTES) return undefined;
    this.#bodyLimit = Math.min(bytes, this.#bodyLimit ?? bytes);
    return { kind: 'chunks', bytes };
  }
}
