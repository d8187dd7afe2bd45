import { promisify } from 'node:util';
import * as zlib from 'node:zlib';

import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { CODINGS } from './limits.js';
import type { HttpHeaders } from './message.js';

/** Undoes one coding. Rejects for more than `maxOutputLength` bytes. */
type Decoder = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Promise<Buffer>;

const gunzip: Decoder = promisify(zlib.gunzip);
const inflate: Decoder = promisify(zlib.inflate);
const inflateRaw: Decoder = promisify(zlib.inflateRaw);
const DECODERS = new Map<string, Decoder>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  // Some send the bare stream under this name (RFC 9110 8.4.1.2).
  ['deflate', (bytes, options) => (((bytes[0] ?? 0) & 0x0f) === 8 ? inflate : inflateRaw)(bytes, options)],
  ['br', promisify(zlib.brotliDecompress)],
]);
// Node has it from 22.15 on.
const { zstdDecompress }: Pick<typeof zlib, 'gunzip'> & { zstdDecompress?: typeof zlib.gunzip } = zlib;
if (zstdDecompress !== undefined) DECODERS.set('zstd', promisify(zstdDecompress));

/** The codings of `Content-Encoding` in the order in which they were applied, in lower case; `identity` is none. */
export function codingsOf(headers: HttpHeaders): readonly string[] {
  return headers
    .all('content-encoding')
    .flatMap((value) => value.split(','))
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

/** The codings as they are told in a message. */
export function codingsInWords(codings: readonly string[]): string {
  return `Content-Encoding ${printable(codings.join(', '), 80)}, which nobody asked for`;
}

/**
 * A body without its codings. Throws E_LIMIT as soon as it would be more than `limit` bytes, E_UNSUPPORTED for a coding that
 * is not known here, and for too many of them, and E_CUT for bytes that are neither of their coding nor JSON. `what` names the request.
 */
export async function decoded(
  body: Buffer,
  codings: readonly string[],
  limit: number,
  what: string,
): Promise<Buffer> {
  const words = `${what} answered with ${codingsInWords(codings)}`;
  const decoders = codings.map((coding) => DECODERS.get(coding)).reverse();
  if (decoders.length > CODINGS) throw new RegferryError('E_UNSUPPORTED', `${words}: too many at once`);
  let bytes = body;
  for (const decode of decoders) {
    if (decode === undefined) throw new RegferryError('E_UNSUPPORTED', `${words} and cannot be decoded here`);
    try {
      bytes = await decode(bytes, { maxOutputLength: limit });
    } catch (cause) {
      if (cause instanceof RangeError) {
        throw new RegferryError('E_LIMIT', `${words}: it is more than ${limit} bytes`, { cause });
      }
      // A proxy that undoes a coding may forget to say so.
      if (/^\s*[[{]/.test(body.toString('latin1', 0, 64))) return body;
      throw new RegferryError('E_CUT', `${words}, and is not that`, { cause, retryable: true });
    }
  }
  return bytes;
}

/** What can be read of a body that may end anywhere, for messages: nothing where it cannot. */
export function readablePart(body: Buffer, codings: readonly string[], limit: number): Buffer {
  if (codings.length === 0) return body;
  const [coding = ''] = codings;
  if (codings.length > 1 || !/^(?:x-)?gzip$/.test(coding)) return Buffer.alloc(0);
  try {
    return zlib.gunzipSync(body, { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: limit });
  } catch {
    return Buffer.alloc(0);
  }
}
