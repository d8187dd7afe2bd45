import { isRegferryError, RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { algorithmOf, createDigester } from '../spec/digest.js';
import { JoinedBytes } from './joined-bytes.js';

/** What verification needs of a descriptor. */
export type Expected = Pick<Descriptor, 'digest' | 'size'>;

/**
 * Counts and hashes the bytes of one blob as they pass, by the algorithm that its digest names.
 * A blob of zero bytes is hashed too.
 */
export class BlobVerifier {
  readonly #expected: Expected;
  #digester: ReturnType<typeof createDigester>;
  #position = 0;

  constructor(expected: Expected) {
    this.#expected = expected;
    this.#digester = createDigester(algorithmOf(expected.digest));
  }

  /** How many bytes were seen so far. */
  get position(): number {
    return this.#position;
  }

  /** Takes the next bytes. Throws E_SIZE_MISMATCH as soon as there are more of them than the descriptor says. */
  update(chunk: Uint8Array): void {
    this.#position += chunk.byteLength;
    const { digest, size } = this.#expected;
    if (this.#position > size) {
      throw new RegferryError('E_SIZE_MISMATCH', `${digest} is too long: expected ${size} bytes, got more`, {
        digest,
      });
    }
    this.#digester.update(chunk);
  }

  /** A second verifier at the same position: kept from before a chunk, it lets the bytes be sent again from there. */
  fork(): BlobVerifier {
    const copy = new BlobVerifier(this.#expected);
    copy.#digester = this.#digester.copy();
    copy.#position = this.#position;
    return copy;
  }

  /** Checks the whole, once, after the last byte. Throws E_SIZE_MISMATCH when bytes are missing, E_DIGEST_MISMATCH when they are others. */
  finish(): void {
    const { digest, size } = this.#expected;
    if (this.#position !== size) {
      // A hash that is right all the same leaves no doubt about which of the two is wrong.
      const isWhole = this.#digester.digest() === digest;
      const why = isWhole ? `; ${wrongSizeNamed(this.#position, size)}` : '';
      const message = `${digest} is too short: expected ${size} bytes, got ${this.#position}${why}`;
      throw new RegferryError('E_SIZE_MISMATCH', message, { digest });
    }
    const got = this.#digester.digest();
    if (got !== digest) {
      throw new RegferryError('E_DIGEST_MISMATCH', `content is corrupt: expected ${digest}, got ${got}`, {
        digest,
      });
    }
  }
}

/** What to say of content that is what its digest says, but not of the size by which something names it. */
export function wrongSizeNamed(is: number, named: number): string {
  return `its digest is right for ${is} bytes, so the manifest that names it with ${named} is at fault and has to be built again`;
}

/**
 * Passes the pieces of a blob on and holds the last one back until size and hash are known to be right. A check after
 * the last piece was sent would be too late: the receiver has all of Content-Length by then and completes the blob.
 * Throws what {@link BlobVerifier} throws, before the last piece was yielded. Pieces are not copied.
 */
export async function* verifiedBytes(
  bytes: AsyncIterable<Uint8Array>,
  verifier: BlobVerifier,
): AsyncGenerator<Uint8Array, void, void> {
  let held: Uint8Array | undefined;
  for await (const piece of bytes) {
    // An empty last piece must not push out the one that is held back.
    if (piece.byteLength === 0) continue;
    verifier.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  verifier.finish();
  if (held !== undefined) yield held;
}

/** All bytes, at most `limit` of them. Throws E_LIMIT, naming `what`, without reading further when there are more. */
export async function readAll(
  stream: AsyncIterable<Uint8Array>,
  limit: number,
  what = 'content',
): Promise<Buffer> {
  const bytes = new JoinedBytes();
  for await (const piece of stream) {
    if (bytes.length + piece.byteLength > limit) throw overLimit(limit, what);
    bytes.append(piece);
  }
  return bytes.toBuffer();
}

/**
 * All bytes of the content that a descriptor names, checked by size and hash.
 * Throws E_LIMIT over `limit` bytes, E_SIZE_MISMATCH and E_DIGEST_MISMATCH. Never allocates by the declared size.
 */
export async function readVerified(
  stream: AsyncIterable<Uint8Array>,
  expected: Expected,
  limit: number,
): Promise<Buffer> {
  const verifier = new BlobVerifier(expected);
  const bytes = new JoinedBytes();
  for await (const piece of stream) {
    verifier.update(piece);
    if (verifier.position > limit) throw overLimit(limit, expected.digest, expected.digest);
    bytes.append(piece);
  }
  verifier.finish();
  return bytes.toBuffer();
}

/** True when the bytes are those that a descriptor names. */
export async function isIntact(stream: AsyncIterable<Uint8Array>, expected: Expected): Promise<boolean> {
  const verifier = new BlobVerifier(expected);
  try {
    for await (const piece of stream) verifier.update(piece);
    verifier.finish();
    return true;
  } catch (error) {
    if (isRegferryError(error) && /^E_(SIZE|DIGEST)_MISMATCH$/.test(error.code)) return false;
    throw error;
  }
}

function overLimit(limit: number, what: string, digest?: string): RegferryError {
  return new RegferryError('E_LIMIT', `${what} is longer than the limit of ${limit} bytes`, { digest });
}
