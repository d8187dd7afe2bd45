import { readVerified } from '../content/verify.js';
import type { Descriptor } from '../spec/descriptor.js';
import { MANIFEST_BYTES } from '../spec/limits.js';

/**
 * The bytes of what may be a manifest, checked by size and hash; undefined for what begins as no JSON object does, of which
 * no more is read. Throws as {@link readVerified} does.
 */
export async function readIfObject(
  stream: AsyncIterable<Uint8Array>,
  descriptor: Descriptor,
): Promise<Buffer | undefined> {
  const begin: { isObject?: boolean | undefined } = {};
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for await (const piece of stream) {
      begin.isObject ??= beginsAsObject(piece);
      if (begin.isObject === false) return;
      yield piece;
    }
  }
  try {
    return await readVerified(pieces(), descriptor, MANIFEST_BYTES);
  } catch (error) {
    if (begin.isObject === false) return undefined;
    throw error;
  }
}

/** Undefined for blanks alone. */
function beginsAsObject(piece: Uint8Array): boolean | undefined {
  const first = piece.find((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  return first === undefined ? undefined : first === 0x7b;
}
