import { BlobVerifier } from '../content/verify.js';
import type { Descriptor } from '../spec/descriptor.js';

/**
 * Reads a blob's bytes in stretches of exact lengths, for the bodies of an upload, and hashes them on the way. The last
 * piece of the blob is held back until size and hash are known to be right, so that a wrong blob never completes.
 */
export class VerifiedReader {
  readonly #descriptor: Descriptor;
  readonly #verifier: BlobVerifier;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  /** @param verifier has seen the bytes before the first of `bytes`; a new one where they start at 0. */
  constructor(
    descriptor: Descriptor,
    bytes: AsyncIterable<Uint8Array>,
    verifier: BlobVerifier = new BlobVerifier(descriptor),
  ) {
    this.#descriptor = descriptor;
    this.#verifier = verifier;
    this.#pieces = bytes[Symbol.asyncIterator]();
  }

  /** Bytes given out so far, from the start of the blob. */
  get position(): number {
    return this.#verifier.position;
  }

  /** The state at {@link position}, from which another reader can go on. */
  checkpoint(): BlobVerifier {
    return this.#verifier.fork();
  }

  /**
   * The next `length` bytes, to be taken one stretch after the other. Throws E_SIZE_MISMATCH or E_DIGEST_MISMATCH before
   * the blob's last piece is given out.
   */
  async *take(length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    while (left > 0) {
      const piece = this.#rest ?? (await this.#next());
      this.#rest = undefined;
      if (piece === undefined) {
        this.#verifier.finish();
        return;
      }
      const part = piece.length > left ? piece.subarray(0, left) : piece;
      if (piece.length > left) this.#rest = piece.subarray(left);
      this.#verifier.update(part);
      left -= part.length;
      if (this.position === this.#descriptor.size) await this.end();
      yield part;
    }
  }

  /** Takes the next `length` bytes without giving them out. Throws as {@link take}. */
  async skip(length: number): Promise<void> {
    const end = this.position + length;
    for await (const piece of this.take(length)) if (piece.length > length) break;
    if (this.position < end) this.#verifier.finish();
  }

  /** Checks that the bytes end here and are the blob. Throws as {@link take}. */
  async end(): Promise<void> {
    const more = this.#rest ?? (await this.#next());
    if (more !== undefined) this.#verifier.update(more);
    this.#verifier.finish();
  }

  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const result = await this.#pieces.next();
      if (result.done === true) return undefined;
      if (result.value.length > 0) return result.value;
    }
  }
}
